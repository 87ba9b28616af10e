//! Where sessions keep their files: scripts, pipes with names, logs.
//!
//! `~/.daytona/sessions` if it can be written, else a directory of our own in `/tmp` or `/dev/shm`, else
//! none at all. Without one sessions still work, with these differences: logs are kept in memory;
//! asynchronous commands have no input; and what a background process writes after its command has ended
//! counts as output of the next command, or of none.
//!
//! Names are random and never made of a session's id, which may be any text.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use uuid::Uuid;

/// Where directories of sessions are made, found out when the first one is needed.
#[derive(Debug)]
pub(super) struct Root {
    candidates: Vec<PathBuf>,
    /// What lies there is of an earlier daemon, and is removed.
    clear: bool,
    found: OnceLock<Option<PathBuf>>,
}

impl Root {
    /// `clear` only where no other daemon can be running.
    pub(super) fn new(candidates: Vec<PathBuf>, clear: bool) -> Self {
        Self { candidates, clear, found: OnceLock::new() }
    }

    /// Makes a directory for one session. `None` if there is no place for any. Blocks.
    pub(super) fn make(&self) -> Option<Directory> {
        let root = self.found.get_or_init(|| {
            if self.clear {
                for candidate in &self.candidates {
                    // What cannot be removed is not in the way.
                    let _ = std::fs::remove_dir_all(candidate);
                }
            }
            self.candidates.iter().find(|candidate| can_hold_pipes(candidate)).cloned()
        });
        Directory::make_in(root.as_deref()?).ok()
    }
}

/// Some file systems take files and no pipes.
fn can_hold_pipes(root: &Path) -> bool {
    let Ok(directory) = Directory::make_in(root) else { return false };
    let is_good = make_pipe(&directory.path.join("pipe")).is_ok();
    directory.remove();
    is_good
}

/// The directory of one session.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    fn make_in(root: &Path) -> io::Result<Self> {
        let path = root.join(&Uuid::new_v4().simple().to_string()[..16]);
        let directory = Self { path };
        directory.ensure()?;
        Ok(directory)
    }

    /// Makes it, or makes it again: a user may have cleared it away.
    fn ensure(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// The name of a command's log.
    pub(super) fn log(&self, number: usize) -> PathBuf {
        self.path.join(format!("{number}.log"))
    }

    /// Makes what a command needs to be run. Blocks.
    pub(super) fn prepare(&self, number: usize, script: &str, with_input: bool) -> io::Result<Prepared> {
        self.ensure()?;
        let path = |kind: &str| self.path.join(format!("{number}.{kind}"));
        let files = Files { script: path("sh"), stdout: path("out"), stderr: path("err"), stdin: path("in") };
        let mut file =
            std::fs::File::options().write(true).create_new(true).mode(0o600).open(&files.script)?;
        file.write_all(script.as_bytes())?;
        // So that a comment, or the end of a here-document, is not the file's last and cut line.
        file.write_all(b"\n")?;
        let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // Open for both, so that neither opening it nor the shell's opening waits for anybody.
        let write = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for pipe in [&files.stdout, &files.stderr] {
            make_pipe(pipe)?;
        }
        let stdin = if with_input {
            make_pipe(&files.stdin)?;
            Some(open(&files.stdin, write, Mode::empty())?)
        } else {
            None
        };
        let stdout = open(&files.stdout, read, Mode::empty())?;
        let stderr = open(&files.stderr, read, Mode::empty())?;
        Ok(Prepared { files, stdout, stderr, stdin })
    }

    /// Removes it and all that is in it. Blocks.
    pub(super) fn remove(&self) {
        // If it cannot be, the next start does it.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A command's script and pipes, and our ends of them.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) files: Files,
    pub(super) stdout: std::os::fd::OwnedFd,
    pub(super) stderr: std::os::fd::OwnedFd,
    pub(super) stdin: Option<std::os::fd::OwnedFd>,
}

/// Names, which are of no use any more once the shell has opened them.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) script: PathBuf,
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
    /// There only for a command with input.
    pub(super) stdin: PathBuf,
}

impl Files {
    /// Blocks.
    pub(super) fn remove(&self) {
        for path in [&self.script, &self.stdout, &self.stderr, &self.stdin] {
            // The session's end removes what is left.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn make_pipe(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

/// `path` as one word of a shell.
pub(super) fn quoted(path: &Path) -> Vec<u8> {
    let mut word = b"'".to_vec();
    for &byte in path.as_os_str().as_bytes() {
        if byte == b'\'' {
            word.extend_from_slice(br"'\''");
        } else {
            word.push(byte);
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> PathBuf {
        std::env::temp_dir().join(format!("sessions-{}", Uuid::new_v4().simple()))
    }

    #[test]
    fn the_first_place_that_can_be_written_is_taken() {
        let base = scratch();
        std::fs::create_dir_all(&base).unwrap();
        std::fs::write(base.join("file"), "").unwrap();
        let root = Root::new(vec![base.join("file/no"), "/proc/no".into(), base.join("yes")], false);
        let directory = root.make().unwrap();
        assert!(directory.path.starts_with(base.join("yes")));
        directory.remove();
        assert_eq!(std::fs::read_dir(base.join("yes")).unwrap().count(), 0);
        assert!(Root::new(vec!["/proc/no".into()], false).make().is_none());
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn what_an_earlier_daemon_left_is_removed_only_where_it_cannot_be_another_ones() {
        let base = scratch();
        let left = base.join(".daytona/sessions/left");
        std::fs::create_dir_all(&left).unwrap();
        Root::new(vec![base.join(".daytona/sessions")], false).make().unwrap();
        assert!(left.exists());
        Root::new(vec![base.join(".daytona/sessions")], true).make().unwrap();
        assert!(!left.exists());
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_directory_that_was_cleared_away_comes_back() {
        let directory = Directory::make_in(&scratch()).unwrap();
        directory.remove();
        let prepared = directory.prepare(1, "true", true).unwrap();
        assert_eq!(std::fs::read(&prepared.files.script).unwrap(), b"true\n");
        prepared.files.remove();
        assert_eq!(std::fs::read_dir(&directory.path).unwrap().count(), 0);
        std::fs::remove_dir_all(directory.path.parent().unwrap()).unwrap();
    }

    #[test]
    fn any_path_is_one_word() {
        assert_eq!(quoted(Path::new("/a b/it's\n")), b"'/a b/it'\\''s\n'");
    }
}
