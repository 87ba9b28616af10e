//! Root file systems that sandboxes are made from, as directories of unpacked layers on this host.
//!
//! Layers are shared by all sandboxes and never written to; ids in them are unshifted (root's files are
//! uid 0). Implementations: [`builtin`] (made from the distribution's packages), [`fake`].

pub mod builtin;
pub mod fake;
mod trust;

use std::io;
use std::path::PathBuf;

use paddock_types::RootBase;

/// A root file system that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its layers, lowest first. None lies in another.
    pub layers: Vec<PathBuf>,
    /// What they take on disk.
    pub size_bytes: u64,
}

/// Why a root file system could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed.
    #[error("could not {action} {path}")]
    Io {
        /// The step.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program that makes it failed. The text is its last words.
    #[error("making the root file system failed: {0}")]
    Build(String),
}

impl Error {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// The images of one runner. Every call blocks.
pub trait Images: Send + Sync {
    /// What lies undermost in a root file system, made if it is not there yet, which may take minutes. `progress` gets a
    /// line for users at each step. Callers in several processes at once make it once.
    fn ensure_base(&self, base: RootBase, progress: &dyn Fn(&str)) -> Result<Root, Error>;

    /// What is to lie above the layers of an image, lowest first, so that whatever runs there trusts whom this host's
    /// administrator trusts. `None`: nothing. The layers are a stranger's: nothing in them leads out of them.
    fn trust(&self, layers: &[PathBuf]) -> Result<Option<PathBuf>, Error>;
}
