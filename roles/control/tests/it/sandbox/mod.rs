//! Sandboxes, one file per operation.

mod archive;
mod create;
mod delete;
mod fork;
mod get;
mod labels;
mod last_activity;
mod link;
mod list;
mod list_paginated;
mod pause;
mod preview_url;
mod recover;
mod resize;
mod signing_key;
mod snapshot;
mod start;
mod stop;
mod strictness;
mod timers;
mod toolbox_proxy_url;
