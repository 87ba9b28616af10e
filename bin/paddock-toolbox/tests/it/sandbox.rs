//! A running sandbox, as far as PID 1 can tell: namespaces, ids, descriptors.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::pipe::pipe;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::client::Client;
use crate::root::{PROGRAM, Root};

/// How long a start, an end or a condition may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A sandbox whose PID 1 has been started. Dropped, everything in it is killed.
pub(crate) struct Sandbox {
    /// `unshare`, which waits for PID 1 and exits as it does.
    unshare: Child,
    /// PID 1 as this namespace sees it.
    init: Pid,
    socket: PathBuf,
    /// What PID 1 writes to descriptor 4.
    report: BufReader<File>,
    pub(crate) root: Root,
}

impl Sandbox {
    /// Starts PID 1 in `root` with these variables and nothing else in its environment.
    pub(crate) fn start(root: Root, variables: &[(&str, &str)]) -> Self {
        Self::start_with(root, variables, "")
    }

    /// The same with arguments, as a shell reads them.
    pub(crate) fn start_with(root: Root, variables: &[(&str, &str)], arguments: &str) -> Self {
        let socket = root.path().with_extension("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let (report, report_write) = pipe().unwrap();
        // The shell waits until the ids are mapped; then its execs run as the namespace's root.
        let mounts = if root.mounts.is_empty() { "true" } else { &root.mounts };
        let chroot = format!("exec chroot {} {PROGRAM} {arguments}", root.path().display());
        let script = format!("read go && {mounts} && exec 0< /dev/null && {chroot}");
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--pid", "--mount", "--fork", "--", "/bin/sh", "-c", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped());
        hand_over(&mut command, [listener.into(), report_write]);
        let mut unshare = command.spawn().unwrap();
        drop(command);

        let pid = Pid::from_child(&unshare);
        let init = eventually("unshare has forked", || {
            // Its user namespace is there before its child is.
            let children = format!("/proc/{0}/task/{0}/children", pid.as_raw_nonzero());
            Pid::from_raw(std::fs::read_to_string(children).ok()?.trim().parse().ok()?)
        });
        for map in ["uid_map", "gid_map"] {
            std::fs::write(format!("/proc/{}/{map}", pid.as_raw_nonzero()), "0 0 65536").unwrap();
        }
        unshare.stdin.take().unwrap().write_all(b"go\n").unwrap();
        Self { unshare, init, socket, report: BufReader::new(File::from(report)), root }
    }

    /// The same, and it says that it serves.
    pub(crate) fn ready(root: Root, variables: &[(&str, &str)]) -> Self {
        let mut sandbox = Self::start(root, variables);
        assert_eq!(sandbox.reported(), json!({"ready": {"version": env!("CARGO_PKG_VERSION")}}));
        sandbox
    }

    /// The line on descriptor 4, after which PID 1 closes it (`unshare` holds it open, too).
    pub(crate) fn reported(&mut self) -> Value {
        let mut line = String::new();
        self.report.read_line(&mut line).unwrap();
        let descriptor = format!("/proc/{}/fd/4", self.init.as_raw_nonzero());
        // The number may be another descriptor's by now.
        let pipe = format!("pipe:[{}]", self.report.get_ref().metadata().unwrap().ino());
        eventually("descriptor 4 is closed", || {
            std::fs::read_link(&descriptor).map_or(true, |link| link != Path::new(&pipe)).then_some(())
        });
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket)
    }

    /// Runs a command and gives back its exit code and output.
    pub(crate) fn execute(&self, command: &str) -> (i64, String) {
        let answer = self.client().post_json("/process/execute", &json!({"command": command})).ok(200);
        (answer["exitCode"].as_i64().unwrap(), answer["result"].as_str().unwrap().to_owned())
    }

    /// PID 1 as this namespace sees it.
    pub(crate) fn init(&self) -> Pid {
        self.init
    }

    /// A file of PID 1's in `/proc`.
    pub(crate) fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.init.as_raw_nonzero())).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.init, signal).unwrap();
    }

    /// Waits for PID 1's end and gives back its status.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("PID 1 has ended", || self.unshare.try_wait().unwrap())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // With PID 1 the kernel ends everything in the namespace.
        if self.unshare.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process(self.init, Signal::KILL);
            let _ = self.unshare.wait();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Gives a command these descriptors as 3 and 4.
#[expect(unsafe_code, reason = "the standard library hands over the first three only")]
fn hand_over(command: &mut Command, descriptors: [OwnedFd; 2]) {
    let arrange = move || {
        // Out of the way first: one may have the other's number.
        // SAFETY: plain system calls on numbers.
        let away = |fd: &OwnedFd| unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) };
        let [socket, report] = [away(&descriptors[0]), away(&descriptors[1])];
        // SAFETY: as above; a number that is not open is an error, which is told.
        let result = unsafe { libc::dup2(socket, 3).min(libc::dup2(report, 4)) };
        if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: `arrange` makes system calls only.
    unsafe { command.pre_exec(arrange) };
}

/// Waits until `condition` gives something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "it did not become so: {what}");
        std::thread::yield_now();
    }
}
