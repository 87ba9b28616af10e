//! The API over HTTP: one folder per resource, one file per verb.
//!
//! Handlers translate and nothing else: who may call is in their signature, what happens is in `app`,
//! what an error looks like is in [`error`].

mod admin;
mod api_key;
mod configuration;
mod error;
pub(crate) mod events;
mod health;
mod internal;
mod layers;
pub(crate) mod openapi;
mod organization;
mod read;
mod region;
mod registry;
pub(crate) mod router;
mod sandbox;
mod snapshot;
mod user;
mod volume;
mod warm_pool;
