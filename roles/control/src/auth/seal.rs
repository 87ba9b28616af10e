//! Passwords that have to be said again and so cannot be hashed: encrypted with a key that is not in the database.
//!
//! The key is a file beside the front's other files, made at the first start. A copy of the database alone, and a backup of
//! it, says nothing. ChaCha20-Poly1305 with a random nonce for each; what a password belongs to is authenticated
//! along, so that none can be moved to another record.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Before what is sealed; another way to seal would have another.
const PREFIX: &str = "v1:";
const KEY_BYTES: usize = 32;

/// Seals and opens.
pub(crate) struct Sealer(LessSafeKey);

/// A text that was not sealed with this key, for this place.
#[derive(Debug, thiserror::Error)]
#[error("a sealed text cannot be opened: the key is another, or it was moved")]
pub(crate) struct Unreadable;

impl Sealer {
    /// With the key in a file, which is made if it is not there. Blocks.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let key = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            other => other?,
        };
        let broken = |_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is no key", path.display()));
        Ok(Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(broken)?)))
    }

    /// `place` is what the text belongs to.
    pub(crate) fn seal(&self, place: &str, text: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        // Without randomness there is no secret, and nothing better to do than not to go on.
        getrandom::fill(&mut nonce).expect("the kernel gives random bytes");
        let mut sealed = text.as_bytes().to_vec();
        let aad = Aad::from(place.as_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .expect("a text is shorter than 64 GiB");
        format!("{PREFIX}{}", STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for `place`.
    ///
    /// # Errors
    /// When it was not.
    pub(crate) fn unseal(&self, place: &str, sealed: &str) -> Result<String, Unreadable> {
        let bytes = sealed.strip_prefix(PREFIX).and_then(|text| STANDARD_NO_PAD.decode(text).ok());
        let mut bytes = bytes.filter(|bytes| bytes.len() >= NONCE_LEN).ok_or(Unreadable)?;
        let mut text = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| Unreadable)?;
        let opened =
            self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).map_err(|_| Unreadable)?;
        String::from_utf8(opened.to_vec()).map_err(|_| Unreadable)
    }
}

/// Makes the key: whole under its name or not at all, and only one, whoever else makes one at the same time.
fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = File::create(&part)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&part, path);
    fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return fs::read(path),
        other => other?,
    }
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_by_the_same_key_in_the_same_place_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let sealer = Sealer::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        for text in ["", "hunter2", "pässwörd\n", &"x".repeat(20_000)] {
            let sealed = sealer.seal("a", text);
            assert!(text.is_empty() || !sealed.contains(text));
            assert_ne!(sealed, sealer.seal("a", text), "each has a nonce of its own");
            assert_eq!(Sealer::open(&path).unwrap().unseal("a", &sealed).unwrap(), text);
            assert!(sealer.unseal("b", &sealed).is_err());
            let other = Sealer::open(&directory.path().join("other")).unwrap();
            assert!(other.unseal("a", &sealed).is_err());
        }
        for broken in ["", "v1:", "v1:AAAA", "v2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "v1:!"] {
            assert!(sealer.unseal("a", broken).is_err(), "{broken}");
        }
        fs::write(&path, "short").unwrap();
        assert!(Sealer::open(&path).is_err());
    }
}
