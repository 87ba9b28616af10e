//! Any runtime that speaks the OCI command line: crun by default, runc as the second.
//!
//! A launch runs on a thread with a mount namespace of its own ([`root`]); the runtime program is
//! started there, copies that namespace for the sandbox, and the namespace ends with the thread. So
//! a sandbox's mounts exist in the sandbox alone.

mod config;
mod root;
mod seccomp;

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use paddock_sys::process::{self, Process};
use paddock_sys::{fd, thread};
use paddock_types::{Resources, SandboxId};
use tracing::debug_span;

use crate::cgroup::Cgroups;
use crate::limits::Limits;
use crate::{Accidents, Consumption, Error, Info, Launch, Reclaimed, Runtime};

/// Open files of each process inside. Inherited from the runtime program: in its user namespace a sandbox may
/// not raise what its parent had.
const OPEN_FILES: u64 = 65_536;

/// How to run a runtime program.
#[derive(Debug, Clone)]
pub struct OciConfig {
    /// The program: a name on PATH or a path. `crun` or `runc`.
    pub program: String,
    /// Where it and we keep what is known of sandboxes. Lost with the host's memory is best: a tmpfs.
    pub state: PathBuf,
    /// An empty directory, every parent of which all users may enter, to assemble roots at.
    pub stage: PathBuf,
    /// Our groups.
    pub cgroups: Cgroups,
}

/// A runtime program and what it keeps.
#[derive(Debug)]
pub struct Oci {
    config: OciConfig,
    filter: seccomp::Filter,
}

impl Oci {
    /// Makes the directories that are not there.
    pub fn open(config: OciConfig) -> Result<Self, Error> {
        for path in [&config.state, &config.stage, &config.state.join("first")] {
            fs::create_dir_all(path).map_err(Error::io(format!("make {}", path.display())))?;
        }
        Ok(Self { config, filter: seccomp::Filter::default() })
    }

    /// Where the program keeps its own state.
    fn program_state(&self) -> PathBuf {
        self.config.state.join("program")
    }

    /// Where the pid and start time of a sandbox's first process are kept.
    fn first_file(&self, id: SandboxId) -> PathBuf {
        self.config.state.join("first").join(id.to_string())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.config.program);
        command.arg("--root").arg(self.program_state());
        command
    }

    fn run_program(&self, launch: &Launch<'_>, bundle: &root::Bundle) -> Result<Process, Error> {
        let null = || {
            let file = fs::File::options().read(true).write(true).open(&bundle.null);
            file.map(Stdio::from).map_err(Error::io("open the null device"))
        };
        let (null_in, null_out, null_error) = (null()?, null()?, null()?);
        let bundle = &bundle.path;
        let pid_file = bundle.join("pid");
        // The program writes its complaints here; a pipe would be held open by the sandbox's processes.
        let log = bundle.join("log");
        let descriptors: Vec<i32> = launch.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let this_process = std::process::id();
        let mut command = self.command();
        command
            .arg("--log")
            .arg(&log)
            .args(["run", "--detach", "--bundle"])
            .arg(bundle)
            .arg("--pid-file")
            .arg(&pid_file)
            .args(["--preserve-fds", &descriptors.len().to_string()])
            .arg(launch.id.to_string())
            .stdin(null_in)
            .stdout(null_out)
            .stderr(null_error);
        #[expect(unsafe_code, reason = "descriptors get their numbers between fork and exec")]
        // SAFETY: only prctl, getppid, signal, setrlimit, dup2 and fcntl: async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                // A program that outlived us could still make its sandbox after our successor had cleaned up.
                process::end_with_parent(this_process)?;
                process::heed_interrupts();
                process::limit_open_files(OPEN_FILES)?;
                place_descriptors(&descriptors)
            });
        }
        let status = command.status().map_err(Error::io(format!("run {}", self.config.program)))?;
        if !status.success() {
            let output = format!("{status}: {}", last_lines(&log));
            return Err(Error::Program { program: self.config.program.clone(), verb: "run", output });
        }
        let pid = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok());
        pid.and_then(Process::of).ok_or(Error::Ended)
    }
}

impl Runtime for Oci {
    fn info(&self) -> Info {
        let freezes = self.config.cgroups.can_freeze();
        Info { name: self.config.program.clone(), shares_kernel: true, freezes, resizes: true }
    }

    fn launch(&self, launch: Launch<'_>) -> Result<Process, Error> {
        let span = debug_span!("runtime");
        let first = thread::scoped(|| {
            let _whole = span.entered();
            debug_span!("mount namespace")
                .in_scope(thread::unshare_mounts)
                .map_err(Error::io("make a mount namespace"))?;
            let bundle = debug_span!("assemble").in_scope(|| root::assemble(&launch, &self.config.stage))?;
            let cgroup = self.config.cgroups.path_of(&launch.id.to_string());
            let mut config = config::document(&launch, &bundle, &cgroup, self.config.cgroups.is_unified());
            if let Some(filter) = self.filter.encoded() {
                config["annotations"] = serde_json::json!({ seccomp::ANNOTATION: filter });
            }
            let config =
                serde_json::to_vec(&config).map_err(io::Error::from).map_err(Error::io("write a bundle"))?;
            fs::write(bundle.path.join("config.json"), config).map_err(Error::io("write a bundle"))?;
            paddock_failpoint::hit("runtime.launch.before_program")?;
            debug_span!("runtime program").in_scope(|| self.run_program(&launch, &bundle))
        })?;
        paddock_failpoint::hit("runtime.launch.after_program")?;
        self.filter.learn(&self.program_state().join(launch.id.to_string()));
        // The kernel ends the one that asks for most; let that be a program of the user's, not the toolbox.
        let score = format!("/proc/{}/oom_score_adj", first.pid);
        if let Err(error) = fs::write(&score, "-900") {
            tracing::warn!(%error, sandbox.id = %launch.id, "could not protect the toolbox from the out-of-memory killer");
        }
        fs::write(self.first_file(launch.id), format!("{} {}", first.pid, first.start_ticks))
            .map_err(Error::io("note the first process"))?;
        Ok(first)
    }

    fn find(&self, id: SandboxId) -> Option<Process> {
        let noted = fs::read_to_string(self.first_file(id)).ok()?;
        let (pid, start) = noted.split_once(' ')?;
        let process = Process { pid: pid.parse().ok()?, start_ticks: start.parse().ok()? };
        process.is_alive().then_some(process)
    }

    fn remove(&self, id: SandboxId) -> Result<(), Error> {
        let name = id.to_string();
        kill_all(&self.config.cgroups, &name).map_err(Error::io(format!("end the processes of {id}")))?;
        if self.program_state().join(&name).exists() {
            let output = self
                .command()
                .args(["delete", "--force", &name])
                .stdin(Stdio::null())
                .output()
                .map_err(Error::io(format!("run {}", self.config.program)))?;
            if !output.status.success() && self.program_state().join(&name).exists() {
                // A state that the program itself cannot read any more: nothing runs, so nothing needs it.
                tracing::warn!(sandbox.id = %id, said = %String::from_utf8_lossy(&output.stderr).trim(), "removing a broken runtime state");
                fs::remove_dir_all(self.program_state().join(&name))
                    .map_err(Error::io("remove a runtime state"))?;
            }
        }
        self.config.cgroups.remove(&name).map_err(Error::io(format!("remove the control groups of {id}")))?;
        match fs::remove_file(self.first_file(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("forget a first process")(error))
            }
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<SandboxId>, Error> {
        let mut names = self.config.cgroups.list().map_err(Error::io("list control groups"))?;
        for directory in [self.program_state(), self.config.state.join("first")] {
            match fs::read_dir(&directory) {
                Ok(entries) => {
                    names.extend(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(format!("list {}", directory.display()))(error)),
            }
        }
        let mut ids: Vec<SandboxId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn accidents(&self, id: SandboxId) -> Accidents {
        Accidents { memory_kills: self.config.cgroups.memory_kills(&id.to_string()) }
    }

    fn consumption(&self, id: SandboxId) -> Result<Consumption, Error> {
        let found = self.config.cgroups.consumption(&id.to_string());
        found.map_err(Error::io(format!("read the control groups of {id}")))
    }

    fn freeze(&self, id: SandboxId, limit: Duration) -> Result<(), Error> {
        self.config.cgroups.freeze(&id.to_string(), limit).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Error::NotFrozen { id, limit },
            _ => Error::io(format!("hold {id} still"))(error),
        })?;
        Ok(paddock_failpoint::hit("runtime.freeze.after_freeze")?)
    }

    fn thaw(&self, id: SandboxId) -> Result<(), Error> {
        paddock_failpoint::hit("runtime.thaw.before_thaw")?;
        self.config.cgroups.thaw(&id.to_string()).map_err(Error::io(format!("let {id} go on")))
    }

    fn is_frozen(&self, id: SandboxId) -> bool {
        self.config.cgroups.is_frozen(&id.to_string())
    }

    fn reclaim(&self, id: SandboxId) -> Result<Reclaimed, Error> {
        let reclaimed = self.config.cgroups.reclaim(&id.to_string());
        reclaimed.map_err(Error::io(format!("take back memory of {id}")))
    }

    fn resize(&self, id: SandboxId, resources: Resources) -> Result<(), Error> {
        let limits = Limits { cores: resources.cpu.0, memory_bytes: resources.memory.bytes() };
        let between = || paddock_failpoint::hit("runtime.resize.after_memory").map_err(io::Error::other);
        self.config.cgroups.resize(&id.to_string(), limits, between).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => Error::InUse { id, memory_mib: limits.memory_bytes >> 20 },
            _ => Error::io(format!("change the limits of {id}"))(error),
        })?;
        Ok(paddock_failpoint::hit("runtime.resize.after_all")?)
    }
}

/// Gives the descriptors the numbers 3, 4, … Runs between fork and exec.
fn place_descriptors(descriptors: &[i32]) -> io::Result<()> {
    // First out of the way of each other: a source may have a number that is a target.
    let mut moved = [0i32; 8];
    let moved = moved.get_mut(..descriptors.len()).ok_or(io::ErrorKind::InvalidInput)?;
    for (slot, &source) in moved.iter_mut().zip(descriptors) {
        *slot = fd::duplicate_above(source, 64)?;
    }
    for (number, &source) in (3..).zip(moved.iter()) {
        fd::place(source, number)?;
    }
    Ok(())
}

/// How long killed processes may take to be gone: one that waits for a disk takes its time.
const END_LIMIT: Duration = Duration::from_secs(20);
/// How long one round of looking at them lasts at least.
const END_ROUND: Duration = Duration::from_millis(2);

/// Kills every process of the groups of `name`, also held ones, and waits until none is left.
fn kill_all(cgroups: &Cgroups, name: &str) -> io::Result<()> {
    if cgroups.is_frozen(name) {
        // In version 1 a held process does not even die. All are told before any goes on, so that none does anything.
        for process in cgroups.processes(name).into_iter().filter_map(Process::of) {
            if let Some(pidfd) = process.open()? {
                process::signal(&pidfd, libc::SIGKILL)?;
            }
        }
        cgroups.thaw(name)?;
    }
    // The first process takes all others of its pid namespace along; a runtime program that was
    // killed half way may have left some of its own. Each round ends what the last one saw.
    let deadline = Instant::now() + END_LIMIT;
    loop {
        let processes = cgroups.processes(name);
        if processes.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "processes do not end"));
        }
        for pid in processes {
            let Some(process) = Process::of(pid) else { continue };
            if let Some(pidfd) = process.open()? {
                process::signal(&pidfd, libc::SIGKILL)?;
                match process::wait_for_end(&pidfd, Duration::from_millis(500)) {
                    // A large one takes its time. It is seen again in the next round.
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                    other => other?,
                }
            }
        }
        // What has ended is in the group until it is reaped, and there is nothing of it to wait for.
        std::thread::park_timeout(END_ROUND);
    }
}

/// The end of a log, short enough for an error.
fn last_lines(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = fs::File::open(log) {
        let _ = file.take(16 << 10).read_to_string(&mut text);
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        "it said nothing".to_owned()
    } else {
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
}
