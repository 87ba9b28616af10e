//! HTTP: the routes, what a request may say, and how a failure is told.

mod blocking;
mod client;
mod drain;
mod error;
mod finish;
mod json;
mod query;
mod router;
mod server;

pub(crate) use blocking::blocking;
pub(crate) use client::Client;
pub(crate) use drain::drain;
pub(crate) use error::ApiError;
pub(crate) use json::Json;
pub(crate) use query::Query;
pub use server::Listener;
pub(crate) use server::Server;
