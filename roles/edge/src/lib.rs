//! What speaks for sandboxes to the outside, without any privilege on the host.
//!
//! Bytes that arrive here are a guest's or the internet's: nothing in this crate may panic on them, keep
//! them for long, or let one guest use up what others need.

mod names;
pub mod resolver;
