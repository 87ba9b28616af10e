//! Runs a script of an official SDK against the shared server, as a user would: with the environment of
//! `paddock env` and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::passage::Passage;
use crate::server::Server;

fn sdk_directory() -> PathBuf {
    std::env::var_os("PADDOCK_TEST_SDK").map(PathBuf::from).expect("run these tests with `cargo xtask test`")
}

fn run(command: Command) {
    run_at(command, &Server::shared().api.api_url);
}

fn run_at(mut command: Command, api_url: &str) {
    let api = &Server::shared().api;
    let output = command
        .env_remove("PYTHONPATH")
        .env("DAYTONA_API_URL", api_url)
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
    run(python_command(name));
}

/// The same through a passage of its own, which the script steers.
pub fn python_through_passage(name: &str) {
    run_at(python_command(name), &Passage::to(&Server::shared().api.api_url).api_url);
}

fn python_command(name: &str) -> Command {
    let mut command = Command::new(sdk_directory().join("python/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/python").join(format!("{name}.py")));
    command
}

/// Runs `conformance/old/python.py` with an older Python SDK.
pub fn old_python() {
    let mut command = Command::new(sdk_directory().join("old-python/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/old/python.py"));
    run(command);
}

/// Runs `conformance/old/typescript.mjs` with an older TypeScript SDK.
pub fn old_typescript() {
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/old/typescript.mjs"))
        .env("PADDOCK_TEST_MODULES", sdk_directory().join("old-typescript/node_modules"));
    run(command);
}

/// Runs `conformance/typescript/<name>.mjs` with the TypeScript SDK.
pub fn typescript(name: &str) {
    run(typescript_command(name));
}

/// The same through a passage of its own, which the script steers.
pub fn typescript_through_passage(name: &str) {
    run_at(typescript_command(name), &Passage::to(&Server::shared().api.api_url).api_url);
}

fn typescript_command(name: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/typescript").join(format!("{name}.mjs")))
        .env("PADDOCK_TEST_MODULES", sdk_directory().join("typescript/node_modules"));
    command
}
