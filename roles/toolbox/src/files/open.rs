//! Opening a file that is to be sent.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use paddock_wire_toolbox::ErrorCode;

use crate::http::{ApiError, blocking};

/// How much is read at a time: large enough that the way to the pool and back does not count.
const PIECE_BYTES: u64 = 256 << 10;

/// Opens a regular file. Directories, devices, pipes and sockets are `INVALID_FILE_PATH`: reading
/// them has no end, or takes something away from somebody. Never waits for a pipe's other end.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), ApiError> {
    let failed = |error: io::Error| match error.raw_os_error() {
        // The path cannot be one, whatever lies there. (No number: a NUL byte in it.)
        None | Some(libc::ENOTDIR | libc::ELOOP | libc::ENAMETOOLONG) => {
            ApiError::file_or(ErrorCode::InvalidFilePath, path, &error)
        }
        // A socket cannot even be opened.
        Some(libc::ENXIO) => not_a_file(path, "not a regular file"),
        _ => ApiError::file_or(ErrorCode::FileReadFailed, path, &error),
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(not_a_file(path, "is a directory"));
    }
    if !metadata.is_file() {
        return Err(not_a_file(path, "not a regular file"));
    }
    Ok((file, metadata))
}

fn not_a_file(path: &Path, why: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidFilePath, format!("{}: {why}", path.display()))
}

/// A whole source file as text; what is no UTF-8 is U+FFFD.
///
/// # Errors
/// Those of a download, and 400 for a file that is too long to be a source.
pub(crate) async fn read_text_file(path: &Path) -> Result<String, ApiError> {
    const LONGEST: u64 = 16 << 20;
    let path = path.to_owned();
    blocking(move || {
        let (file, metadata) = open_regular(&path)?;
        if metadata.len() > LONGEST {
            return Err(ApiError::bad_request(format!(
                "{}: longer than {} MiB",
                path.display(),
                LONGEST >> 20
            )));
        }
        let mut bytes = Vec::new();
        let read = file.take(LONGEST).read_to_end(&mut bytes);
        read.map_err(|error| ApiError::file_or(ErrorCode::FileReadFailed, &path, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
    .await
}

/// Exactly `length` bytes of a file, from where it stands, in pieces. A file that has become shorter
/// meanwhile is an error, and so is any other that reading meets.
pub(super) fn pieces(file: File, path: PathBuf, length: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let file = Arc::new(file);
    stream::try_unfold((file, Arc::new(path), length), |(file, path, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let reading = Arc::clone(&file);
        let wanted = left.min(PIECE_BYTES);
        let piece = blocking(move || {
            let mut piece = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
            Ok((&*reading).take(wanted).read_to_end(&mut piece).map(|_| piece))
        })
        .await
        .map_err(|error| io::Error::other(error.message()))??;
        if piece.len() as u64 != wanted {
            return Err(io::Error::other(format!("{} became shorter while it was read", path.display())));
        }
        Ok(Some((Bytes::from(piece), (file, path, left - wanted))))
    })
}
