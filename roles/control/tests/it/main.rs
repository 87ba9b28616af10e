//! The whole control plane in one process: its own database, a fake runner on a real socket.
//!
//! The files follow the routes; beside them `authorization` and `exercise` take every operation of the
//! document in turn, `recovery` ends and restarts both sides, and `faults` kills control at every
//! named point.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod api_key;
mod authorization;
mod build;
mod concurrency;
mod configuration;
mod errors;
mod events;
mod exercise;
mod faults;
mod health;
mod hostile;
mod internal;
mod organization;
mod postgres;
mod recovery;
mod region;
mod registry;
mod sandbox;
mod snapshot;
mod user;
mod volume;
mod walk;
mod warm_pool;
mod world;
