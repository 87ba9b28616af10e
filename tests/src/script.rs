//! Runs a script of an official SDK against the shared server, as a user would: with the environment of
//! `paddock env` and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::Server;

fn sdk_directory() -> PathBuf {
    std::env::var_os("PADDOCK_TEST_SDK").map(PathBuf::from).expect("run these tests with `cargo xtask test`")
}

fn run(mut command: Command) {
    let api = &Server::shared().api;
    let output = command
        .env_remove("PYTHONPATH")
        .env("DAYTONA_API_URL", &api.api_url)
        .env("DAYTONA_API_KEY", &api.key)
        .env("DAYTONA_TARGET", "local")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `conformance/python/<name>.py` with the Python SDK.
pub fn python(name: &str) {
    let mut command = Command::new(sdk_directory().join("python/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/python").join(format!("{name}.py")));
    run(command);
}

/// Runs `conformance/typescript/<name>.mjs` with the TypeScript SDK.
pub fn typescript(name: &str) {
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/typescript").join(format!("{name}.mjs")))
        .env("PADDOCK_TEST_MODULES", sdk_directory().join("typescript/node_modules"));
    run(command);
}
