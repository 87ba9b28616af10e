//! Crashes, by name: the processes of a server are killed at every named point of every move, and afterwards all is as
//! it was wished or says truly why not; what ran, ran on; nothing is left that nobody owns.
//!
//! Each test starts servers of its own. No test but the walk kills by timing: a point is armed, and the
//! test waits until it was hit. What the walk has done when it kills it does not know, and its model knows that it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod bucket_volumes;
mod builds;
mod cycles;
mod host;
mod leftovers;
mod links;
mod points;
mod processes;
mod store;
mod volumes;
mod walk;
mod warm_pools;
