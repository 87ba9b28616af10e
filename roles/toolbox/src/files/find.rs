//! `GET /files/find?path&pattern`: the lines that contain a text, in all files under a path.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use memchr::memmem::Finder;
use paddock_wire_toolbox::Match;

use super::open::open_regular;
use super::walk::Walk;
use crate::http::{ApiError, Elements, NobodyReads, Query, json_list};
use crate::toolbox::Shared;

/// A file with a NUL byte among so many at its beginning is no text and is left out.
const PROBE_BYTES: usize = 512;
/// So much of a line is kept to be told. What a longer one holds further on is still found.
const LINE_LIMIT_BYTES: usize = 1 << 20;
/// One read's worth.
const READ_BYTES: usize = 128 << 10;

pub(crate) async fn find(State(shared): State<Arc<Shared>>, query: Query) -> Result<Response, ApiError> {
    let shown = query.required("path")?.to_owned();
    let pattern = query.required("pattern")?.to_owned();
    let path = shared.resolve(&shown);
    Ok(json_list("", "", move |matches| {
        let pattern = Finder::new(pattern.as_bytes());
        for found in Walk::new(&path, &shown) {
            matches.check()?;
            // Opening looks again, and never waits: it may be another thing by now.
            if !found.metadata.is_file() {
                continue;
            }
            let Ok((file, _)) = open_regular(&found.path) else { continue };
            search_file(file, &pattern, &found.shown.to_string_lossy(), matches)?;
        }
        Ok(())
    }))
}

/// Finds the lines of one file. A file that cannot be read any further has ended.
fn search_file(
    file: File,
    pattern: &Finder<'_>,
    shown: &str,
    matches: &mut Elements,
) -> Result<(), NobodyReads> {
    let mut reader = BufReader::with_capacity(READ_BYTES, file);
    if !is_text(&mut reader).unwrap_or(false) {
        return Ok(());
    }
    let mut line = Line::default();
    let mut number = 0;
    while let Ok(true) = line.read(&mut reader, pattern) {
        number += 1;
        if number % 1024 == 0 {
            matches.check()?;
        }
        if line.has_match {
            let content = String::from_utf8_lossy(line.content()).into_owned();
            matches.push(&Match { file: shown.to_owned(), line: number, content })?;
        }
    }
    Ok(())
}

/// Whether the file begins like a text. Takes nothing out of the reader.
fn is_text(reader: &mut BufReader<File>) -> io::Result<bool> {
    let probe = reader.fill_buf()?;
    Ok(!probe[..probe.len().min(PROBE_BYTES)].contains(&0))
}

/// One line, of any length.
#[derive(Debug, Default)]
struct Line {
    /// Its beginning, up to the limit, with its line end.
    kept: Vec<u8>,
    has_match: bool,
}

impl Line {
    /// Reads the next one. `false`: there is none.
    fn read(&mut self, reader: &mut impl BufRead, pattern: &Finder<'_>) -> io::Result<bool> {
        self.kept.clear();
        reader.by_ref().take(LINE_LIMIT_BYTES as u64).read_until(b'\n', &mut self.kept)?;
        self.has_match = pattern.find(without_end(&self.kept)).is_some();
        if self.kept.len() == LINE_LIMIT_BYTES && !self.kept.ends_with(b"\n") {
            self.read_rest(reader, pattern)?;
        }
        Ok(!self.kept.is_empty())
    }

    /// Goes through what is beyond the limit, keeping just enough to find what lies across two reads.
    fn read_rest(&mut self, reader: &mut impl BufRead, pattern: &Finder<'_>) -> io::Result<()> {
        let overlap = pattern.needle().len() - 1;
        let mut window = self.kept[self.kept.len() - overlap.min(self.kept.len())..].to_vec();
        loop {
            let more = reader.fill_buf()?;
            let end = memchr::memchr(b'\n', more);
            let taken = end.unwrap_or(more.len());
            window.extend_from_slice(&more[..taken]);
            self.has_match |= pattern.find(&window).is_some();
            let is_over = end.is_some() || more.is_empty();
            reader.consume(taken + usize::from(end.is_some()));
            if is_over {
                return Ok(());
            }
            window.drain(..window.len().saturating_sub(overlap));
        }
    }

    fn content(&self) -> &[u8] {
        without_end(&self.kept)
    }
}

/// A line without its end, which may be the one of DOS.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers of the lines that match.
    fn found(text: &[u8], pattern: &str) -> Vec<usize> {
        let pattern = Finder::new(pattern.as_bytes());
        // A small buffer, so that lines lie across reads.
        let mut reader = BufReader::with_capacity(7, text);
        let mut line = Line::default();
        let mut numbers = Vec::new();
        let mut number = 0;
        while line.read(&mut reader, &pattern).unwrap() {
            number += 1;
            if line.has_match {
                numbers.push(number);
            }
        }
        numbers
    }

    #[test]
    fn a_match_beyond_the_limit_of_a_line_is_found() {
        let mut text = vec![b'x'; LINE_LIMIT_BYTES - 3];
        text.extend_from_slice(b"needle");
        text.extend_from_slice(&[b'y'; 100]);
        text.extend_from_slice(b"\nshort\nneedle");
        assert_eq!(found(&text, "needle"), [1, 3]);
        assert_eq!(found(&text, "short"), [2]);
        assert_eq!(found(&text, "yneedle"), [] as [usize; 0]);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_by_lines_finds(text in "[ab\\r\\n]{0,60}", pattern in "[ab]{1,3}") {
            let expected: Vec<usize> = text
                .split_inclusive('\n')
                .enumerate()
                .filter(|(_, line)| line.trim_end_matches(['\n']).contains(&pattern))
                .map(|(index, _)| index + 1)
                .collect();
            prop_assert_eq!(found(text.as_bytes(), &pattern), expected);
        }
    }
}
