//! `POST /files/permissions?path&owner&group&mode`.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::octal::parse_mode;
use crate::boot::accounts::Accounts;
use crate::http::{ApiError, Query, blocking};
use crate::toolbox::Shared;

/// 200. What is not given is not changed; if any part of the request is invalid nothing is.
pub(crate) async fn permissions(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    let path = shared.resolve(query.required("path")?);
    let mode = query.optional("mode").map(parse_mode).transpose()?;
    let owner = query.optional("owner").map(str::to_owned);
    let group = query.optional("group").map(str::to_owned);
    blocking(move || {
        let failed = |error| ApiError::file(&path, &error);
        // First, so that a missing file is told before an unknown user, as a shell would.
        std::fs::metadata(&path).map_err(failed)?;
        let accounts =
            if owner.is_some() || group.is_some() { Accounts::load() } else { Accounts::default() };
        let owner =
            owner.map(|name| accounts.uid_of(&name).ok_or_else(|| unknown("user", &name))).transpose()?;
        let group =
            group.map(|name| accounts.gid_of(&name).ok_or_else(|| unknown("group", &name))).transpose()?;
        if owner.is_some() || group.is_some() {
            chown(&path, owner, group).map_err(failed)?;
        }
        // Last, because a change of owner clears the set-user-id bit.
        if let Some(mode) = mode {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(StatusCode::OK)
    })
    .await
}

fn unknown(what: &str, name: &str) -> ApiError {
    ApiError::bad_request(format!("{what} not found: {name}"))
}
