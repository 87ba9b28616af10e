//! A directory for the files of one run, removed with it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::toolbox::Shared;

/// A directory that only the sandbox's user can enter.
#[derive(Debug)]
pub(in crate::process) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in the first place that can be written: `TMPDIR`, `/tmp`, the home, the work
    /// directory.
    pub(super) fn new(environment: &Environment, shared: &Shared) -> io::Result<Self> {
        let places = [
            environment.get("TMPDIR").map(Path::new),
            Some(Path::new("/tmp")),
            shared.home.as_deref(),
            Some(&*shared.work_dir),
        ];
        let name = format!(".paddock-{}", uuid::Uuid::new_v4().simple());
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for place in places.into_iter().flatten().filter(|place| place.is_absolute()) {
            let directory = place.join(&name);
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => return Ok(Self(directory)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Writes one file, which must not exist, and gives back its path.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(content)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The program may have left files of another user in it; then it stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
