//! What several implementations do.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use paddock_sys::mount::{self, Detached};
use paddock_types::{Subpath, VolumeId};

use crate::{Error, tree};

/// The ids that are names in `directory`; other names are not ours and are passed over.
pub(crate) fn ids_in(directory: &Path) -> Result<Vec<VolumeId>, Error> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let entry = entry.map_err(Error::io("list", directory))?;
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Makes the directory `path`, which guests never see, if it is not there.
pub(crate) fn make_directory(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::io("make", path))
}

/// The root of the volume at `path`.
pub(crate) fn open_volume(id: VolumeId, path: &Path) -> Result<File, Error> {
    match tree::open_root(path) {
        Ok(directory) => Ok(directory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoVolume { id }),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Lets everybody write to a volume's root.
pub(crate) fn share(path: &Path, directory: &File) -> Result<(), Error> {
    let shared = rustix::fs::fchmod(directory, tree::EVERYBODY).map_err(io::Error::from);
    shared.map_err(Error::io("open to everybody", path))
}

/// The tree to mount: `root` itself, or a directory of it.
pub(crate) fn mount_tree(id: VolumeId, root: OwnedFd, subpath: Option<&Subpath>) -> Result<Detached, Error> {
    let components = subpath.into_iter().flat_map(Subpath::components);
    let directory = tree::open_beneath(root, components).map_err(|source| {
        let subpath = subpath.map(ToString::to_string).unwrap_or_default();
        Error::Subpath { id, subpath, source }
    })?;
    paddock_failpoint::hit("volume.open.after_subpath")?;
    mount::clone_directory(&directory).map_err(Error::io("take a view of volume", id.to_string()))
}
