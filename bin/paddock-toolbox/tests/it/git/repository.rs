//! The host's git, for setting scenes and for a second opinion.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory in which git works.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    pub(crate) path: PathBuf,
}

impl Repo {
    /// A repository with the branch `main` and no commit.
    pub(crate) fn init(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        std::fs::create_dir_all(&path).unwrap();
        let repo = Self { path };
        repo.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repo
    }

    /// The same, bare, and open for pushes over HTTP.
    pub(crate) fn bare(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        std::fs::create_dir_all(&path).unwrap();
        let repo = Self { path };
        repo.git(&["init", "--quiet", "--bare", "--initial-branch=main", "."]);
        repo.git(&["config", "http.receivepack", "true"]);
        repo
    }

    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path.join(name).symlink_metadata().is_ok()
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path.join(name)).unwrap();
    }

    /// Commits one file and gives back the commit's id.
    pub(crate) fn commit(&self, name: &str, content: &str) -> String {
        self.write(name, content);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", &format!("write {name}")]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git, which has to succeed, and gives back its output without the last line's end.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.path, arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Writes an enabled hook.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        let directory = self.git(&["rev-parse", "--git-path", "hooks"]);
        let path = self.path.join(directory).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Makes its format one that the library does not know and git works with as before.
    pub(crate) fn make_foreign(&self) {
        self.git(&["config", "core.repositoryFormatVersion", "1"]);
        self.git(&["config", "extensions.partialClone", "nowhere"]);
    }

    pub(crate) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// Git without anybody's configuration.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("HOME", "/nonexistent")
        .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "Tester")))
        .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "tester@example.com")))
        .output()
        .unwrap()
}
