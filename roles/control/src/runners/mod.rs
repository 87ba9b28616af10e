//! The runner, as control sees it: what it was told to say, and how to tell it something.

pub(crate) mod client;
pub(crate) mod intake;
mod lines;
pub(crate) mod mirror;
