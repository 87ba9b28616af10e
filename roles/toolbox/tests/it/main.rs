//! The toolbox as clients meet it: a server in this process on a Unix socket, and a client that
//! writes bytes.
//!
//! Cast: [`server::Server`] runs a toolbox in a thread of its own, in a directory of its own;
//! [`client::Client`] is one keep-alive connection to it. The duties of PID 1 are tested where the
//! program is, in `bin/paddock-toolbox`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod charts;
mod client;
mod code_run;
mod errors;
mod execute;
mod files;
mod server;
