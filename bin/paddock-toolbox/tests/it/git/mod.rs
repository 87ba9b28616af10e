//! Git, through the daemon and its helper.
//!
//! Cast: [`toolbox::Toolbox`] is the daemon in the foreground with a home and a work directory of its own,
//! with or without the host's git in its `PATH`; [`repository::Repo`] is a directory that the host's git
//! works in, to set the scene and to look at what came out; [`server::Server`] serves repositories over
//! HTTP as hosts do, and misbehaves when told to.
//!
//! What both ways of working answer alike is tested with [`toolbox::each_way`]: the library, in an image
//! without git, and the program, in a repository whose format the library does not know.

mod branches;
mod changes;
mod clone;
mod concurrency;
mod config;
mod large;
mod needs;
mod network;
mod odd_words;
mod push_pull;
mod remotes;
pub(crate) mod repository;
mod reset_restore;
mod secrets;
pub(crate) mod server;
mod status;
mod toolbox;
