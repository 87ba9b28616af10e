//! A server of the repository's own commands: the real binary as a process, with an instance, a data directory and
//! ports of its own, and nothing of it left when it is ended. Not for tests, which have `paddock_tests::server`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long the first server of a host may take to make its built-in root.
const READY_LIMIT: Duration = Duration::from_secs(900);

/// A running server. Ended and reset with the value, if [`Server::end`] was not called.
pub(crate) struct Server {
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// Its instance name.
    pub(crate) instance: String,
    binary: PathBuf,
    settings: BTreeMap<String, String>,
    child: Option<Child>,
}

impl Server {
    /// Starts `binary` with the settings that are made for an instance name and a data directory, and waits until
    /// sandboxes can be made.
    pub(crate) fn start(
        name: &str,
        binary: &Path,
        settings: impl FnOnce(&str, &Path) -> BTreeMap<String, String>,
    ) -> Result<Self> {
        let instance = format!("{name}{}", std::process::id());
        let data = std::env::temp_dir().join(format!("paddock-{instance}"));
        fs::create_dir_all(&data)?;
        let log = File::create(data.join("log"))?;
        let settings = settings(&instance, &data);
        let child = Command::new(binary)
            .arg("serve")
            .envs(&settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not start {}", binary.display()))?;
        let mut server = Self { data, instance, binary: binary.to_owned(), settings, child: Some(child) };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Its supervisor's pid.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.as_ref().map(Child::id).context("the server has ended")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.join("log")).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let log = self.log();
            if log.contains("ready: sandboxes can be made") {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
                bail!("the server ended with {status}:\n{log}");
            }
            if Instant::now() > deadline {
                bail!("the server was not ready in time:\n{log}");
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Ends it, keeps its log as `target/server.log`, and removes everything that it made. Later calls do nothing.
    ///
    /// # Errors
    /// When it had ended before, or when something could not be removed.
    pub(crate) fn end(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let ended_before = child.try_wait()?.is_some();
        if !ended_before {
            Command::new("kill").arg(child.id().to_string()).status()?;
        }
        child.wait()?;
        fs::copy(self.data.join("log"), "target/server.log")?;
        let output = Command::new(&self.binary).args(["reset", "--yes"]).envs(&self.settings).output()?;
        if !output.status.success() {
            bail!("reset failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        if ended_before {
            bail!("the server had ended before it was told to");
        }
        fs::remove_file(self.data.join("log"))?;
        // Not empty: the server left something, and this says so.
        fs::remove_dir(&self.data).with_context(|| format!("{} is not empty", self.data.display()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            println!("could not end the server {}: {error:#}", self.instance);
        }
    }
}
