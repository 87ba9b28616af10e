//! Images for tests of what stands above: an empty root, at once.

use std::path::PathBuf;

use paddock_types::RootBase;

use crate::{Error, Images, Root};

/// One directory as the only layer of everything.
#[derive(Debug)]
pub struct Fake(pub PathBuf);

impl Images for Fake {
    fn ensure_base(&self, _base: RootBase, progress: &dyn Fn(&str)) -> Result<Root, Error> {
        progress("nothing to do");
        Ok(Root { layers: vec![self.0.clone()], size_bytes: 0 })
    }

    fn trust(&self, _layers: &[PathBuf]) -> Result<Option<PathBuf>, Error> {
        Ok(None)
    }
}
