//! The daemon in the foreground, with or without git in its image.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::repository::Repo;
use crate::client::{Answer, Client};
use crate::sandbox::eventually;

/// What of git the image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// Not even a shell.
    WithoutGit,
    WithGit,
}

/// Serves until it is dropped; then its directories are removed.
pub(crate) struct Toolbox {
    base: PathBuf,
    daemon: Child,
    image: Image,
}

impl Toolbox {
    pub(crate) fn start(image: Image) -> Self {
        Self::start_with(image, |_| {})
    }

    /// With a changed environment. `HOME` is `home`, the work directory `work`, both in its own directory.
    pub(crate) fn start_with(image: Image, change: impl FnOnce(&mut Command)) -> Self {
        let base = std::env::temp_dir().join(format!("git-{}", uuid::Uuid::new_v4().simple()));
        for directory in ["home", "work", "empty"] {
            std::fs::create_dir_all(base.join(directory)).unwrap();
        }
        let path = match image {
            Image::WithoutGit => base.join("empty").into_os_string(),
            Image::WithGit => std::env::var_os("PATH").unwrap(),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_paddock-toolbox"));
        command
            .arg("--listen")
            .arg(base.join("socket"))
            .current_dir(base.join("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", base.join("home"))
            .env("GIT_CONFIG_SYSTEM", base.join("system-config"))
            .stdin(Stdio::null());
        change(&mut command);
        let daemon = command.spawn().unwrap();
        let socket = base.join("socket");
        eventually("it listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
        Self { base, daemon, image }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.base.join("socket"))
    }

    /// A path in its own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// A new repository in the work directory, in a format that leads to this image's way of working.
    pub(crate) fn repo(&self, name: &str) -> Repo {
        let repo = Repo::init(self.path("work").join(name));
        if self.image == Image::WithGit {
            repo.make_foreign();
        }
        repo
    }

    /// A repository with one commit of the file `file`.
    pub(crate) fn repo_with_commit(&self, name: &str) -> Repo {
        let repo = self.repo(name);
        repo.commit("file", "first\n");
        repo
    }

    /// Asks for an operation with a body.
    pub(crate) fn post(&self, operation: &str, body: Value) -> Answer {
        self.client().post_json(&format!("/git/{operation}"), &body)
    }

    pub(crate) fn delete(&self, operation: &str, body: Value) -> Answer {
        self.client().request("DELETE", &format!("/git/{operation}"), "", body.to_string().as_bytes())
    }

    /// Asks for an operation that takes a query.
    pub(crate) fn get(&self, operation: &str, query: &[(&str, &str)]) -> Answer {
        self.get_as(operation, query, "")
    }

    /// The same with headers.
    pub(crate) fn get_as(&self, operation: &str, query: &[(&str, &str)], headers: &str) -> Answer {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.client().request("GET", &format!("/git/{operation}?{}", query.join("&")), headers, b"")
    }

    /// The status of a repository.
    #[track_caller]
    pub(crate) fn status(&self, repo: &Repo) -> Value {
        self.get("status", &[("path", repo.text())]).ok(200)
    }

    /// Its files as `name staging worktree [extra]`, shortened to the letters of `XY`.
    #[track_caller]
    pub(crate) fn files(&self, repo: &Repo) -> Vec<String> {
        let letter = |status: &Value| match status.as_str().unwrap() {
            "Unmodified" => ' ',
            "Untracked" => '?',
            "Updated but unmerged" => 'U',
            other => other.chars().next().unwrap(),
        };
        let status = self.status(repo);
        let files = status["fileStatus"].as_array().unwrap();
        files
            .iter()
            .map(|file| {
                let extra = file["extra"].as_str().unwrap();
                let from = if extra.is_empty() { String::new() } else { format!(" from {extra}") };
                format!(
                    "{}{} {}{from}",
                    letter(&file["staging"]),
                    letter(&file["worktree"]),
                    file["name"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// Adds everything and commits it.
    #[track_caller]
    pub(crate) fn commit_all(&self, repo: &Repo) -> String {
        self.post("add", json!({"path": repo.text(), "files": ["."]})).ok(200);
        let body = json!({"path": repo.text(), "message": "all", "author": "A", "email": "a@x"});
        self.post("commit", body).ok(200)["hash"].as_str().unwrap().to_owned()
    }
}

impl Drop for Toolbox {
    fn drop(&mut self) {
        // With SIGTERM it would wait for what it has started.
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::KILL);
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

/// Says which of several is being tried, for a test that fails in it.
#[expect(clippy::print_stderr, reason = "the test runner shows it beside the failure")]
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}

/// Runs a test once for each way of working: library and program.
pub(crate) fn each_way(test: impl Fn(&Toolbox)) {
    for image in [Image::WithoutGit, Image::WithGit] {
        say(&format!("with {image:?}"));
        test(&Toolbox::start(image));
    }
}

fn encoded(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").unwrap(),
        }
        text
    })
}

impl Toolbox {
    /// The helpers that run now.
    pub(crate) fn helpers(&self) -> Vec<Pid> {
        let children = format!("/proc/{0}/task/{0}/children", self.daemon.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        children
            .split_whitespace()
            .filter(|pid| {
                std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.ends_with(b"git-helper\0"))
            })
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect()
    }
}

impl Toolbox {
    /// The most memory that the daemon has had, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
