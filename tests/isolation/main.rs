//! What a sandbox cannot do. Each refusal stands beside something that the same sandbox can do, so that a broken
//! sandbox is not taken for a tight one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod files;
mod limits;
mod links;
mod network;
mod privileges;
mod processes;
mod volumes;
