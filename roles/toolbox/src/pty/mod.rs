//! Terminals: a shell behind a pseudo-terminal, to which any number of sockets may be attached.
//!
//! ```text
//!  shell ══ terminal ─▶ pump ─▶ an outbox per client ─▶ socket      (a client that does not read is left)
//!            ▲                                            │
//!            └────── one queue of bounded size ◀──────────┘
//! ```
//!
//! | Module | What it does |
//! |---|---|
//! | `terminal` | a pseudo-terminal and the shell behind it; of use wherever somebody types |
//! | `outbox` | what a client has still to be sent |
//! | `session`, `registry` | a terminal that clients know by an id, and all of them |
//! | `attach` | one client's socket |
//! | `options`, `exit` | what a request says about a terminal, and what is said about its end |
//!
//! The other files are the operations, one for each verb. A terminal outlives its sockets; it ends with
//! its shell.

mod attach;
mod connect;
mod create;
mod delete;
mod exit;
mod get;
mod options;
mod outbox;
mod registry;
mod resize;
mod session;
mod terminal;

pub(crate) use connect::{connect, create_connect};
pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use get::{get, list};
pub(crate) use registry::Terminals;
pub(crate) use resize::resize;
pub(crate) use terminal::{Size, Terminal, TerminalError};
