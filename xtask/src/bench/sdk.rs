//! The official Python SDK in one interpreter that lives as long as the figure: its start is not counted, and times
//! are taken by its own clock.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::raw::Raw;

/// Reads one command a line, answers with one JSON document a line.
const PROGRAM: &str = include_str!("sdk.py");

/// An interpreter with a client in it.
pub(super) struct Sdk {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Sdk {
    pub(super) fn start(python: &Path, raw: &Raw) -> Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", PROGRAM])
            .env_remove("PYTHONPATH")
            .env("DAYTONA_API_URL", &raw.api_url)
            .env("DAYTONA_API_KEY", &raw.key)
            .env("DAYTONA_TARGET", "local")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the interpreter has no pipes");
        };
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, what: &str) -> Result<Value> {
        writeln!(self.to, "{what}")?;
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            bail!("the SDK's program ended at {what:?}");
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// `create()` and `process.exec("echo hi")`: the time of both, and the sandbox's id.
    pub(super) fn create(&mut self) -> Result<(Duration, String)> {
        let answer = self.ask("create")?;
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        Ok((seconds(&answer)?, id))
    }

    /// `process.exec("true")` in a sandbox that exists.
    pub(super) fn exec(&mut self, sandbox: &str) -> Result<Duration> {
        let answer = self.ask(&format!("exec {sandbox}"))?;
        seconds(&answer)
    }
}

fn seconds(answer: &Value) -> Result<Duration> {
    match answer["seconds"].as_f64() {
        Some(seconds) => Ok(Duration::try_from_secs_f64(seconds)?),
        None => bail!("the SDK failed: {answer}"),
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        // Ours alone and unreaped, so the number is its.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
