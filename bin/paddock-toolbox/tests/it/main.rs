//! The program as PID 1, as the runner starts it: descriptors 3 and 4, a user namespace with 65,536
//! ids, a pid and a mount namespace, and a root of its own.
//!
//! Cast: [`sandbox::Sandbox`] is a running one, made with `unshare`; [`root::Root`] is the directory
//! that becomes its root; the client is the one of the role's own tests; `git` has a cast of its own. Needs root, as the product's
//! runner does, and nothing that Debian's base system lacks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../../roles/toolbox/tests/it/client.rs"]
#[expect(dead_code, reason = "shared with the role's own tests, which use all of it")]
mod client;
mod development;
mod git;
mod git_in_a_sandbox;
mod identity;
mod images;
mod processes;
mod root;
mod sandbox;
mod session;
mod start;
#[path = "../../../../roles/toolbox/tests/it/stream.rs"]
#[expect(dead_code, reason = "shared with the role's own tests, which use all of it")]
mod stream;
