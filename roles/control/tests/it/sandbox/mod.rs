//! Sandboxes, one file per operation.

mod create;
mod delete;
mod get;
mod labels;
mod last_activity;
mod list;
mod list_paginated;
mod start;
mod stop;
mod strictness;
mod toolbox_proxy_url;
