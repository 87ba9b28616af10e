//! Addresses of documents.
//!
//! The SDKs put `file://` before whatever path the user gave, encoded or not, absolute or not: `file://project/a.py`
//! is a path in the work directory, and `file:///tmp/a b.py` has a blank in it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The path that an address of a client's means.
pub(super) fn path_of(uri: &str, work_dir: &Path) -> PathBuf {
    let text = uri.strip_prefix("file://").unwrap_or(uri);
    let as_it_is = resolve(work_dir, text);
    let decoded = decode(text);
    if decoded == text || as_it_is.exists() { as_it_is } else { resolve(work_dir, &decoded) }
}

/// The address that a server is told: absolute, and encoded as RFC 3986 wants it.
pub(super) fn uri_of(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

fn resolve(work_dir: &Path, text: &str) -> PathBuf {
    work_dir.join(text).components().collect()
}

/// Undoes percent-encoding. What is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let value = escape.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str) -> String {
        path_of(uri, Path::new("/work")).to_str().unwrap().to_owned()
    }

    #[test]
    fn addresses_may_be_relative_and_are_told_absolute() {
        assert_eq!(path("file://project/a.py"), "/work/project/a.py");
        assert_eq!(path("file:///tmp/a.py"), "/tmp/a.py");
        assert_eq!(path("a.py"), "/work/a.py");
        assert_eq!(uri_of(Path::new("/work/a b/日.py")), "file:///work/a%20b/%E6%97%A5.py");
    }

    #[test]
    fn escapes_are_undone_unless_a_file_is_named_so() {
        assert_eq!(path("file:///tmp/a%20b%zz%2.py"), "/tmp/a b%zz%2.py");
        let odd = std::env::temp_dir().join(format!("{}%20.py", uuid::Uuid::new_v4()));
        std::fs::write(&odd, "").unwrap();
        let found = path(&format!("file://{}", odd.to_str().unwrap()));
        std::fs::remove_file(&odd).unwrap();
        assert_eq!(found, odd.to_str().unwrap());
        assert_eq!(path(&uri_of(Path::new("/x/é %.py"))), "/x/é %.py");
    }
}
