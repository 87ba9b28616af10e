//! Crashes, by name: the processes of a server are killed at every named point of every move, and afterwards all is as
//! it was wished or says truly why not; what ran, ran on; nothing is left that nobody owns.
//!
//! Each test starts servers of its own. No test kills by timing: a point is armed, and the test waits until it was hit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod leftovers;
mod points;
mod processes;
