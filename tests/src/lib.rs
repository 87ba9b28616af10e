//! What the whole-system tests share: a server, its API, its sandboxes.
//!
//! Cast: one *shared* server, started by `cargo xtask test` before all tests and named by `PADDOCK_TEST_SERVER`;
//! *own* servers ([`server::Server::start`]) for tests that kill them. Both are the real binary with real isolation.
//! Nothing here waits for a fixed time: [`wait::until`] waits for a condition and fails at its deadline.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

/// A registry for all tests of one run, filled, which the shared server takes for Docker Hub.
pub mod registry {
    pub use paddock_testkit::images::catalogue;
    pub use paddock_testkit::registry::{Registry, SHARED};
}

pub mod api;
pub mod leftovers;
pub mod passage;
pub mod script;
pub mod server;
pub mod socket;
pub mod wait;
