//! JavaScript: `node -` with the code on standard input.

use std::ffi::OsString;
use std::io;

use super::Program;
use crate::memory_file::memory_file;
use crate::process::artifacts::Author;

/// Drops the place of the script's name, so that `process.argv.slice(1)` is the arguments. It stands
/// on the program's own first line, so that line numbers in messages are right.
const DROP_SCRIPT_NAME: &str = "process.argv.splice(1, 1); ";

pub(super) fn prepare(code: &str, arguments: Vec<String>) -> io::Result<Program> {
    Ok(Program {
        name: "node".into(),
        arguments: std::iter::once("-".into()).chain(arguments.into_iter().map(OsString::from)).collect(),
        source: Some(memory_file("script", &[prelude(code).as_bytes(), code.as_bytes()])?),
        author: Author::Program,
        scratch: None,
    })
}

/// What goes before the code. A first line for the kernel (`#!…`) is only legal at the very
/// beginning, where it does not stand any more: it becomes a comment.
pub(super) fn prelude(code: &str) -> String {
    if code.starts_with("#!") { format!("{DROP_SCRIPT_NAME}//") } else { DROP_SCRIPT_NAME.to_owned() }
}
