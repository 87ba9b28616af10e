//! The toolbox as clients meet it: a server in this process on a Unix socket, and a client that
//! writes bytes.
//!
//! Cast: [`server::Server`] runs a toolbox in a thread of its own, in a directory of its own;
//! [`client::Client`] is one keep-alive connection to it; [`websocket::Socket`] speaks what follows an
//! upgrade. The duties of PID 1 are tested where the
//! program is, in `bin/paddock-toolbox`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod charts;
mod client;
mod code_run;
mod env;
mod errors;
mod execute;
mod files;
mod interpreter;
mod lsp;
mod openapi;
mod ports;
mod pty;
mod server;
mod session;
mod stream;
mod web_terminal;
mod websocket;
