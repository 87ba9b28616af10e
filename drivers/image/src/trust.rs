//! A layer that makes every sandbox trust more certificate authorities than its image does.
//!
//! Companies that inspect TLS need it, and so does anybody who tests behind such an inspection.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::Error;

/// Where Debian's family keeps the bundle that OpenSSL, GnuTLS, curl, Python and git read.
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// The longest bundle that is taken from an image. The usual one has 220 KiB.
const MOST_BYTES: u64 = 8 << 20;

/// A layer to lie on `below`, lowest first: their bundle with the certificates of `extra` after it. Made once per content,
/// under `layers`.
pub(crate) fn layer(below: &[PathBuf], extra: &Path, layers: &Path) -> Result<PathBuf, Error> {
    let added = fs::read(extra).map_err(Error::io("read", extra))?;
    let found = below.iter().rev().find_map(|layer| own(layer).transpose());
    let mut bundle = found.transpose()?.unwrap_or_default();
    bundle.push(b'\n');
    bundle.extend_from_slice(&added);
    let name: String = Sha256::digest(&bundle).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let layer = layers.join(format!("trust-{name}"));
    if layer.exists() {
        return Ok(layer);
    }
    let making = layer.with_extension("making");
    let _ = fs::remove_dir_all(&making);
    let file = making.join(BUNDLE);
    let directory = file.parent().unwrap_or(&making);
    fs::create_dir_all(directory).map_err(Error::io("make", directory))?;
    fs::write(&file, bundle).map_err(Error::io("write", &file))?;
    match fs::rename(&making, &layer) {
        // Another root of the same content was faster.
        Err(_) if layer.exists() => Ok(layer),
        named => named.map(|()| layer.clone()).map_err(Error::io("name", &layer)),
    }
}

/// The bundle that a layer has. `None`: it has none, or what has its name is something else.
fn own(layer: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = layer.join(BUNDLE);
    let root = File::open(layer).map_err(Error::io("open", layer))?;
    // The layer is a stranger's: a link in it may lead anywhere, and a device wait for ever.
    let opened = openat2(
        &root,
        BUNDLE,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    );
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error.into())),
    };
    let metadata = file.metadata().map_err(Error::io("look at", &path))?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Ok(None);
    }
    let mut bundle = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bundle).map_err(Error::io("read", path))?;
    Ok(Some(bundle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_holds_both_bundles_and_is_made_once() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().join("base");
        fs::create_dir_all(base.join("etc/ssl/certs")).unwrap();
        fs::write(base.join(BUNDLE), "own\n").unwrap();
        let extra = temporary.path().join("extra.pem");
        fs::write(&extra, "added\n").unwrap();
        let layers = temporary.path().join("layers");
        let bottom = temporary.path().join("bottom");
        fs::create_dir(&bottom).unwrap();
        let below = [bottom, base];
        let made = layer(&below, &extra, &layers).unwrap();
        assert_eq!(fs::read_to_string(made.join(BUNDLE)).unwrap(), "own\n\nadded\n");
        assert_eq!(layer(&below, &extra, &layers).unwrap(), made);
        assert_eq!(fs::read_dir(&layers).unwrap().count(), 1);
    }

    #[test]
    fn a_layer_that_leads_out_of_itself_has_no_bundle() {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        fs::write(at("secret"), "secret of the host").unwrap();
        fs::write(at("extra.pem"), "added").unwrap();
        for (name, parent, target) in
            [("file", "etc/ssl/certs", "ca-certificates.crt"), ("directory", "etc", "ssl")]
        {
            let hostile = at(name);
            fs::create_dir_all(hostile.join(parent)).unwrap();
            std::os::unix::fs::symlink(at("secret"), hostile.join(parent).join(target)).unwrap();
            let made = layer(&[hostile], &at("extra.pem"), &at("layers")).unwrap();
            assert_eq!(fs::read_to_string(made.join(BUNDLE)).unwrap(), "\nadded", "{name}");
        }
    }
}
