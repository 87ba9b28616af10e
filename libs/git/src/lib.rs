//! Git without a git program: one operation in a short-lived process, over libgit2.
//!
//! | Module | What it does |
//! |---|---|
//! | [`helper`] | the process: reads one call, does it, answers |
//! | `op` | the operations, one file per verb, each by library and by program |
//! | `repository` | opens, and decides which of the two does the work |
//! | `transport` | `http`, `https` and `git` URLs for the library, with an own resolver |
//! | `program` | runs the image's git program, and reads what it says |
//! | `credentials` | of the call, or stored ones |
//! | `settings` | what git's configuration says of remotes |
//! | `failure`, `redact` | what went wrong, in words without secrets |
//!
//! The toolbox does not link this crate: a defect in C code must not end PID 1, whose death is the
//! sandbox's. It starts its own program once per operation and speaks to it by pipes. Here, nothing is
//! kept between operations and nothing is undone: what a failed clone leaves is the daemon's to remove.
//!
//! Nothing here calls the C library's name services; `transport::resolve` says what it does instead.

mod answer;
mod credentials;
mod failure;
pub mod helper;
mod op;
mod program;
mod redact;
mod repository;
mod settings;
mod transport;
mod url;

pub use helper::run;
