//! The log of one command: what it wrote to its two streams, in the order in which it was read.
//!
//! ```text
//!  pipe ─▶ Lines (whole lines) ─▶ Log::append ─▶ a file of records ─▶ Reader ─▶ frames, text, JSON
//! ```
//!
//! A log lies in a file and never in memory, so neither a flood nor a slow reader costs any: readers
//! read the file at their own pace and are woken when there is more. In the file every record says
//! its stream and length, so that content which looks like a mark is never taken for one; the marks
//! of the wire are made when it is read.

mod body;
mod file;
mod lines;
mod reader;
mod record;
#[cfg(test)]
mod tests;

pub(super) use body::{Head, labelled_json, text};
pub(super) use file::{Log, Place};
pub(super) use lines::{Lines, pieces};
pub(super) use reader::{Reader, Until};
pub(super) use record::{LONGEST_RECORD, Record, Stream};
