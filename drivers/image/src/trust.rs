//! A layer that makes every sandbox trust more certificate authorities than its image does.
//!
//! Companies that inspect TLS need it, and so does anybody who tests behind such an inspection.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Error;

/// Where Debian's family keeps the bundle that OpenSSL, GnuTLS, curl, Python and git read.
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// A layer to lie on `base`: its bundle with the certificates of `extra` after it. Made once per content, under
/// `layers`.
pub(crate) fn layer(base: &Path, extra: &Path, layers: &Path) -> Result<PathBuf, Error> {
    let added = fs::read(extra).map_err(Error::io("read", extra))?;
    let own = base.join(BUNDLE);
    let mut bundle = match fs::read(&own) {
        Ok(bundle) => bundle,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", own)(error)),
    };
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
    fs::rename(&making, &layer).map_err(Error::io("name", &layer))?;
    Ok(layer)
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
        let made = layer(&base, &extra, &layers).unwrap();
        assert_eq!(fs::read_to_string(made.join(BUNDLE)).unwrap(), "own\n\nadded\n");
        assert_eq!(layer(&base, &extra, &layers).unwrap(), made);
        assert_eq!(fs::read_dir(&layers).unwrap().count(), 1);
    }
}
