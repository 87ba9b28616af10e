//! `POST /files/replace`: replaces a text in files. One file that fails does not keep the others from it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use memchr::memmem::Finder;
use paddock_wire_toolbox::{ReplaceRequest, ReplaceResult};

use super::open::open_regular;
use super::receive::reason;
use super::store::{Store, scratch_file};
use crate::http::{ApiError, Json as JsonBody, blocking};
use crate::toolbox::Shared;

/// One read's worth.
const READ_BYTES: usize = 256 << 10;
/// A result of at most this length is made in memory; a longer one goes through a file.
const MEMORY_LIMIT_BYTES: usize = 8 << 20;

pub(crate) async fn replace(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<ReplaceRequest>,
) -> Result<Json<Vec<ReplaceResult>>, ApiError> {
    let pattern = request.pattern.filter(|pattern| !pattern.is_empty());
    let pattern = pattern.ok_or_else(|| ApiError::bad_request("pattern must not be empty"))?;
    let new_value = request.new_value.unwrap_or_default();
    let files = request.files.unwrap_or_default();
    blocking(move || {
        let pattern = Finder::new(pattern.as_bytes());
        let results = files.into_iter().map(|file| {
            let outcome = replace_in(&shared.resolve(&file), &pattern, new_value.as_bytes());
            let error = outcome.as_ref().err().cloned();
            ReplaceResult { file: Some(file), success: Some(outcome.is_ok()), error }
        });
        Ok(Json(results.collect()))
    })
    .await
}

/// Replaces every occurrence in one file. A file without any is not touched.
fn replace_in(path: &Path, pattern: &Finder<'_>, new_value: &[u8]) -> Result<(), String> {
    let (file, _) = open_regular(path).map_err(|error| error.message())?;
    let failed = |error: io::Error| format!("{}: {}", path.display(), reason(&error));
    // The whole result first: the file may have to be written in place.
    let mut scratch = Scratch::new(path);
    let any = copy_replacing(file, &mut scratch, pattern, new_value).map_err(failed)?;
    if !any {
        return Ok(());
    }
    let mut store = Store::begin(path).map_err(failed)?;
    scratch.write_to(&mut store).and_then(|()| store.commit()).map_err(failed)?;
    Ok(())
}

/// Copies `from` to `to` with every occurrence replaced, from left to right. Gives back whether there was any.
fn copy_replacing(
    mut from: impl Read,
    to: &mut impl Write,
    pattern: &Finder<'_>,
    new_value: &[u8],
) -> io::Result<bool> {
    let mut any = false;
    let mut window: Vec<u8> = Vec::new();
    loop {
        let is_over = read_more(&mut from, &mut window)? == 0;
        let mut done = 0;
        while let Some(at) = pattern.find(&window[done..]) {
            any = true;
            to.write_all(&window[done..done + at])?;
            to.write_all(new_value)?;
            done += at + pattern.needle().len();
        }
        // An occurrence may have begun at the window's very end.
        let kept = if is_over { 0 } else { pattern.needle().len() - 1 };
        let end = done.max(window.len().saturating_sub(kept));
        to.write_all(&window[done..end])?;
        window.drain(..end);
        if is_over {
            return Ok(any);
        }
    }
}

fn read_more(from: &mut impl Read, window: &mut Vec<u8>) -> io::Result<usize> {
    from.by_ref().take(READ_BYTES as u64).read_to_end(window)
}

/// The result: in memory, or in a file without a name once it is too long for that.
#[derive(Debug)]
struct Scratch<'a> {
    /// Whose result it is: the file lies beside it, where there is room for it.
    beside: &'a Path,
    bytes: Vec<u8>,
    file: Option<File>,
}

impl<'a> Scratch<'a> {
    fn new(beside: &'a Path) -> Self {
        Self { beside, bytes: Vec::new(), file: None }
    }

    fn write_to(mut self, store: &mut Store) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.rewind()?;
            let mut piece = vec![0; READ_BYTES];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    count => store.write(&piece[..count])?,
                }
            }
        }
        store.write(&self.bytes)
    }
}

impl Write for Scratch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MEMORY_LIMIT_BYTES {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(scratch_file(self.beside)?),
            };
            file.write_all(&self.bytes)?;
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives at most three bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(3);
            self.0.read(&mut buffer[..count])
        }
    }

    proptest! {
        #[test]
        fn it_does_what_replacing_in_memory_does(text in "[ab]{0,40}", pattern in "[ab]{1,4}", new in "[abc]{0,3}") {
            let mut replaced = Vec::new();
            let any =
                copy_replacing(Slow(text.as_bytes()), &mut replaced, &Finder::new(&pattern), new.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(replaced).unwrap(), text.replace(&pattern, &new));
            prop_assert_eq!(any, text.contains(&pattern));
        }
    }

    #[test]
    fn an_occurrence_across_two_reads_is_one() {
        let mut text = vec![b'x'; READ_BYTES - 2];
        text.extend_from_slice(b"needle");
        let mut replaced = Vec::new();
        assert!(copy_replacing(text.as_slice(), &mut replaced, &Finder::new("needle"), b"").unwrap());
        assert_eq!(replaced.len(), READ_BYTES - 2);
    }
}
