//! The daemon inside each sandbox: files and processes over HTTP, and the duties of PID 1.
//!
//! | Module | What it does |
//! |---|---|
//! | [`boot`] | from the first instruction as PID 1 to a serving daemon: identity, environment, readiness |
//! | [`toolbox`] | what all handlers share; start and graceful stop |
//! | `http` | the routes, the error body, what a request may say |
//! | `spawn` | the one place that forks and the one place that waits |
//! | `build` | steps of a build, for control alone |
//! | `info`, `env`, `process`, `session`, `pty`, `interpreter`, `lsp`, `files`, `git`, `port`, `system` | the operations: one folder per group, one file per verb |
//!
//! It serves one sandbox and trusts whoever can reach its socket: authentication is the proxy's.
//! It calls none of libc's name services (it is static and runs in any image, an empty one too), and
//! neither panics nor stops over anything that a request or an image contains.

pub mod boot;
mod build;
mod clock;
mod env;
mod environment;
mod files;
mod git;
mod http;
mod info;
mod interpreter;
mod lsp;
mod memory_file;
mod port;
mod process;
mod pty;
mod session;
mod shell;
mod small_file;
mod spawn;
mod system;
mod text;
mod text_pieces;
pub mod toolbox;
mod web_terminal;
mod words;

pub use build::BUILD_HELPER;
pub use environment::{DEFAULT_PATH, Environment};
pub use git::{GIT_HELPER, Helper};
pub use http::{Listener, Route, routes};
pub use process::OutputBudget;
pub use spawn::ReapScope;
pub use toolbox::{Config, Toolbox};

/// The daemon's version, `X.Y.Z`, as `GET /version` and the readiness line tell it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
