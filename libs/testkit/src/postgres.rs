//! A PostgreSQL server of one's own: a fresh cluster in a temporary directory, reachable only
//! through a Unix socket in it, gone with the value.
//!
//! The programs come from the distribution's package `postgresql`. A missing one is an error, never
//! a skipped test.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, io};

use tempfile::TempDir;

/// A running server. Dropped, it is stopped and its files are removed.
pub struct Postgres {
    directory: TempDir,
    server: Child,
}

/// As whom the server runs: PostgreSQL refuses root.
#[derive(Clone, Copy)]
struct Identity {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Makes a cluster and starts its server; returns when it answers.
    ///
    /// # Errors
    /// When the programs are not installed, or one of them fails; the text says what to do.
    pub async fn start() -> io::Result<Self> {
        let programs = find_programs()?;
        let directory = tempfile::Builder::new().prefix("paddock-pg-").tempdir()?;
        let identity = unprivileged_identity()?;
        if let Some(Identity { uid, gid }) = identity {
            chown(directory.path(), Some(uid), Some(gid))?;
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
        let data = directory.path().join("data");
        let mut initdb = command(&programs.join("initdb"), identity, directory.path());
        initdb.arg("-D").arg(&data);
        initdb.args([
            "--username=paddock",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        let made = initdb.output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("initdb: {}", String::from_utf8_lossy(&made.stderr))));
        }
        let mut postgres = command(&programs.join("postgres"), identity, directory.path());
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path());
        postgres.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]);
        postgres.stdout(Stdio::null()).stderr(fs::File::create(directory.path().join("log"))?);
        let mut server = postgres.spawn()?;
        // The eighth line of this file says how far the server is.
        let status = data.join("postmaster.pid");
        let ready = super::eventually("PostgreSQL to accept connections", async || {
            if let Ok(Some(status)) = server.try_wait() {
                return Some(Err(io::Error::other(format!("postgres ended early: {status}"))));
            }
            let text = fs::read_to_string(&status).ok()?;
            (text.lines().nth(7)?.trim() == "ready").then_some(Ok(()))
        });
        ready.await?;
        Ok(Self { directory, server })
    }

    /// The address of one database of the cluster.
    pub fn url(&self, database: &str) -> String {
        format!("host={} user=paddock dbname={database}", self.directory.path().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // SIGQUIT: stop now and do not tidy up; the files go anyway.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        }
        drop(self.server.wait());
    }
}

/// A command that ends when the thread that started it does, so that a killed test leaves nothing.
fn command(program: &Path, identity: Option<Identity>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8");
    if let Some(Identity { uid, gid }) = identity {
        command.uid(uid).gid(gid);
    }
    #[expect(unsafe_code, reason = "std has no other way to set the parent-death signal of a child")]
    // SAFETY: prctl is async-signal-safe, and the closure allocates nothing.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::QUIT))
                .map_err(Into::into)
        });
    }
    command
}

/// The newest installed version's folder of programs.
fn find_programs() -> io::Result<PathBuf> {
    let missing = || {
        io::Error::other(
            "no PostgreSQL under /usr/lib/postgresql: install the package `postgresql` (`make deps` does)",
        )
    };
    let versions = fs::read_dir("/usr/lib/postgresql").map_err(|_| missing())?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("initdb").exists().then_some((version, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs).ok_or_else(missing)
}

/// The package's own user, when the test runs as root.
fn unprivileged_identity() -> io::Result<Option<Identity>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let identity = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == "postgres").then_some(Identity { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    });
    identity.map(Some).ok_or_else(|| io::Error::other("no user `postgres`: install the package `postgresql`"))
}
