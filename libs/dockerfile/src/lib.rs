//! Dockerfiles, as data: what each line asks for, which words mean which values, which files a pattern names.
//!
//! Nothing is built here, and nothing is looked up: variables, files and images are the caller's. The text comes from a
//! stranger, so everything has a limit ([`MOST_BYTES`], [`MOST_INSTRUCTIONS`]), every refusal names its line, and nothing
//! that is not understood is skipped.
//!
//! ```text
//! text ─▶ lines (continuations, comments, here-documents) ─▶ instructions ─▶ stages
//!                                                               │
//!                                     words (quotes, variables) ┘ when the caller knows the variables
//! ```
//!
//! The syntax is that of the public reference of Dockerfiles, BuildKit's additions among them that do not need a front end of
//! their own. By hand, for no library has here-documents within a command (`docs/decisions/0027-dockerfiles-by-hand.md`).

mod error;
mod file;
mod ignore;
mod instruction;
mod lines;
mod options;
mod pattern;
mod words;

pub use error::{Error, Problem};
pub use file::{Dockerfile, Stage};
pub use ignore::Ignore;
pub use instruction::{
    Add, Command, Copy, Document, From, Instruction, Mount, MountKind, Placed, Run, Sharing, Source,
};
pub use pattern::Pattern;
pub use words::{Variables, expand, split};

/// The longest Dockerfile that is read, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// The most instructions of one Dockerfile: more than any that people write, and each may cost a sandbox.
pub const MOST_INSTRUCTIONS: usize = 1000;
