//! Git: one file per verb, and beside them the helper that does the work.
//!
//! No operation runs in this process. Each is handed to a process of its own, made of the same program,
//! because the git library is C and a defect in it must not end PID 1. What is left for the daemon is to
//! make paths absolute, to pass the answer on, and to remove what a failed clone leaves.
//!
//! A client that hangs up does not end an operation that changes something: it goes on to its end, as a
//! half-done checkout is worse than one nobody waits for. One that only reads ends with its reader.

mod add;
mod branches;
mod call;
mod checkout;
mod clone;
mod commit;
mod config;
mod credentials;
mod helper;
mod history;
mod init;
mod pull;
mod push;
mod remotes;
mod reset;
mod restore;
mod status;
mod target;

pub(crate) use add::add;
pub(crate) use branches::{create_branch, delete_branch, list_branches};
pub(crate) use checkout::checkout;
pub(crate) use clone::clone;
pub(crate) use commit::commit;
pub(crate) use config::{configure_user, get_config, set_config};
pub(crate) use credentials::store_credentials;
pub use helper::{GIT_HELPER, Helper};
pub(crate) use history::history;
pub(crate) use init::init;
pub(crate) use pull::pull;
pub(crate) use push::push;
pub(crate) use remotes::{add_remote, list_remotes};
pub(crate) use reset::reset;
pub(crate) use restore::restore;
pub(crate) use status::status;

use target::Targets;

use crate::http::ApiError;
use crate::toolbox::Shared;

/// What the operations share.
#[derive(Debug)]
pub(crate) struct Git {
    pub(crate) helper: Option<Helper>,
    /// Directories that are being cloned into.
    targets: Targets,
}

impl Git {
    pub(crate) fn new(helper: Option<Helper>) -> Self {
        Self { helper, targets: Targets::default() }
    }
}

/// The path of a request made absolute, in its place.
fn resolve(shared: &Shared, path: &mut String) -> Result<(), ApiError> {
    if path.is_empty() {
        return Err(ApiError::bad_request("path is required"));
    }
    if path.contains('\0') {
        return Err(ApiError::bad_request("path has a NUL in it"));
    }
    let resolved = shared.resolve(path).into_os_string().into_string();
    *path = resolved.map_err(|_| ApiError::internal("the work directory's name is no text"))?;
    Ok(())
}
