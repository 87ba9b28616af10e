//! A server that speaks S3, of Python's moto, for one test. Bound to the loopback device.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server with one empty bucket, `objects`. Ends with this value.
pub struct Bucket {
    child: Child,
    endpoint: String,
}

/// The secret of whoever asks.
pub const SECRET: &str = "a-secret-that-nobody-else-says";

/// Serves until its standard input closes, so that it never outlives its test.
const SERVE: &str = "
import sys
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f'http://{host}:{port}'
boto3.client('s3', endpoint_url=endpoint).create_bucket(Bucket='objects')
print(endpoint, flush=True)
sys.stdin.read()
";

const LIST: &str = "
import os
import boto3
found = boto3.client('s3', endpoint_url=os.environ['ENDPOINT']).list_objects_v2(Bucket='objects')
for entry in found.get('Contents', []):
    print(entry['Key'])
";

impl Bucket {
    /// Starts it.
    ///
    /// # Panics
    /// When moto is not there: `cargo xtask test` installs it.
    pub fn start() -> Self {
        let mut child = python(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`cargo xtask test` installs moto");
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().expect("it was asked for"))
            .read_line(&mut endpoint)
            .expect("moto speaks");
        assert!(endpoint.starts_with("http://127.0.0.1:"), "moto did not start");
        Self { child, endpoint: endpoint.trim().to_owned() }
    }

    /// The settings of a server that keeps its volumes, and everything else, there. `secret` is where the secret is put.
    pub fn settings(&self, secret: &Path) -> Vec<(&'static str, String)> {
        std::fs::write(secret, SECRET).expect("a directory of the test's own");
        vec![
            ("PADDOCK_VOLUMES_KIND", "s3".to_owned()),
            ("PADDOCK_OBJECTS_S3_ENDPOINT", self.endpoint.clone()),
            ("PADDOCK_OBJECTS_S3_BUCKET", "objects".to_owned()),
            ("PADDOCK_OBJECTS_S3_ACCESS_KEY", "someone".to_owned()),
            ("PADDOCK_OBJECTS_S3_SECRET_KEY_FILE", secret.display().to_string()),
        ]
    }

    /// The address of the service.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The names of everything in it.
    pub fn names(&self) -> Vec<String> {
        let output = python(LIST).env("ENDPOINT", &self.endpoint).output().expect("it started before");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Has Python do something to what is in it, behind everybody's back.
    ///
    /// # Panics
    /// When the script fails.
    pub fn run(&self, script: &str, variables: &[(&str, String)]) {
        let status = python(script)
            .env("ENDPOINT", &self.endpoint)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .status()
            .expect("it started before");
        assert!(status.success(), "a script failed");
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python(script: &str) -> Command {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/sdk");
    let directory = std::env::var_os("PADDOCK_TEST_SDK").map_or_else(|| beside.into(), PathBuf::from);
    let mut command = Command::new(directory.join("moto/bin/python"));
    command
        .args(["-c", script])
        .env("AWS_ACCESS_KEY_ID", "someone")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_DEFAULT_REGION", "us-east-1");
    command
}
