//! What is said about one file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use paddock_wire_toolbox::FileInfo;

use super::go_mode::go_mode;
use crate::clock;

/// Which fields the asking client can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// All.
    All,
    /// Those of the reference's 0.187: its Go client refuses any other.
    Old,
}

/// What there is to say about the file at `path`, called `name`. Symlinks have been followed for
/// `metadata`. Bytes of names that are no text are replaced.
pub(super) fn file_info(name: String, path: &Path, metadata: &Metadata, fields: Fields) -> FileInfo {
    // A time that the system cannot tell is the beginning of its own.
    let modified = metadata.modified().unwrap_or(std::time::UNIX_EPOCH);
    let is_new = fields == Fields::All;
    FileInfo {
        name,
        is_dir: metadata.is_dir(),
        size: metadata.len(),
        mode: go_mode(metadata.mode()),
        permissions: format!("{:04o}", metadata.mode() & 0o777),
        mod_time: clock::go_text(modified),
        modified_at: is_new.then(|| clock::rfc3339(modified)),
        owner: metadata.uid().to_string(),
        group: metadata.gid().to_string(),
        path: is_new.then(|| path.to_string_lossy().into_owned()),
    }
}

/// The last component of a path as it was asked for: `/` for the root, `.` for nothing.
pub(super) fn base_name(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_last_component() {
        for (path, name) in [
            ("/a/b", "b"),
            ("b", "b"),
            ("/a/b//", "b"),
            ("/", "/"),
            ("//", "/"),
            (".", "."),
            ("..", ".."),
            ("", "."),
        ] {
            assert_eq!(base_name(path), name, "{path:?}");
        }
    }
}
