//! The toolbox program, out of this one and onto the host's disk.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use paddock_sys::mount;
use sha2::{Digest, Sha256};

/// Puts the toolbox into `library` under a name made of its content, so that sandboxes started with an older
/// one keep theirs, and returns its path.
///
/// The library is a file system in memory, mounted in the runner's mount namespace: a sandbox's mount table names
/// the file that is bound into it, and must not name a path of the host's.
pub(crate) fn unpack(library: &Path) -> Result<PathBuf> {
    let bytes = bytes()?;
    mount_library(library).with_context(|| format!("could not mount {}", library.display()))?;
    let name: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = library.join(format!("toolbox-{name}"));
    if path.exists() {
        return Ok(path);
    }
    let making = path.with_extension("making");
    let write = || -> io::Result<()> {
        fs::write(&making, &bytes)?;
        fs::set_permissions(&making, fs::Permissions::from_mode(0o755))?;
        fs::rename(&making, &path)
    };
    write().with_context(|| format!("could not unpack the toolbox to {}", path.display()))?;
    Ok(path)
}

fn mount_library(library: &Path) -> io::Result<()> {
    fs::create_dir_all(library)?;
    let parent = library.parent().unwrap_or(library);
    if library.metadata()?.dev() != parent.metadata()?.dev() {
        return Ok(());
    }
    let options = [("mode", Some("0755")), ("size", Some("256m"))];
    let mounted = mount::make("tmpfs", &options, mount::Attributes { nodev: true, nosuid: true })?;
    mount::attach(&mounted, library)
}

#[cfg(embedded_toolbox)]
fn bytes() -> Result<std::borrow::Cow<'static, [u8]>> {
    Ok(include_bytes!(env!("PADDOCK_TOOLBOX")).into())
}

#[cfg(not(embedded_toolbox))]
fn bytes() -> Result<std::borrow::Cow<'static, [u8]>> {
    let own = std::env::current_exe().context("could not find this program's own path")?;
    let path = own.with_file_name("paddock-toolbox");
    let bytes = fs::read(&path).with_context(|| {
        format!("this is a development build without a toolbox in it, and {} is not there", path.display())
    })?;
    Ok(bytes.into())
}
