//! HTTP: the routes, what a request may say, and how a failure is told.

mod blocking;
mod client;
mod drain;
mod error;
mod finish;
mod json;
mod json_stream;
mod query;
mod router;
mod routes;
mod server;
pub(crate) mod websocket;

pub(crate) use blocking::blocking;
pub(crate) use client::{Client, LogForm};
pub(crate) use drain::drain;
pub(crate) use error::ApiError;
pub(crate) use json::Json;
pub(crate) use json_stream::{Elements, NobodyReads, json_list};
pub(crate) use query::Query;
pub use routes::{Route, routes};
pub use server::Listener;
pub(crate) use server::Server;
