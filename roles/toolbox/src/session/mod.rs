//! Sessions: shells that live on between commands, and the entrypoint.
//!
//! | Module | What it does |
//! |---|---|
//! | `registry` | which sessions there are |
//! | `session`, `runner` | one session, and the task that owns its shell |
//! | `dialect` | what the shell is told |
//! | `command`, `streams`, `log` | one command: its input, its output, and what is kept of it |
//! | `entrypoint` | the program that the image names, as the one command of a session of its own |
//! | `directory` | where all of it lies |
//!
//! The other files are the operations, one for each verb. What a client submits never becomes a part
//! of a command line or of a file's name.

mod command;
mod create;
mod delete;
mod dialect;
mod directory;
mod entrypoint;
mod exec;
mod follow;
mod get;
mod grace;
mod input;
mod log;
mod logs;
mod registry;
mod runner;
#[expect(clippy::module_inception, reason = "the folder is about sessions, the file is one")]
mod session;
mod streams;

pub(crate) use create::create;
pub(crate) use delete::{delete, delete_entrypoint};
pub(crate) use exec::exec;
pub(crate) use get::{command, entrypoint, get, list};
pub(crate) use input::input;
pub(crate) use logs::{entrypoint_logs, logs};
pub(crate) use registry::Sessions;
