//! `POST /env`: what processes inherit that are started from now on.

use std::sync::Arc;

use axum::extract::State;
use paddock_wire_toolbox::{EnvRequest, MessageResponse};

use crate::environment::is_valid_name;
use crate::http::{ApiError, Json};
use crate::toolbox::Shared;

/// All of it or nothing. Processes that run keep what they have.
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<EnvRequest>,
) -> Result<axum::Json<MessageResponse>, ApiError> {
    let EnvRequest { set, unset, unset_value_prefix } = request;
    let (set, unset) = (set.unwrap_or_default(), unset.unwrap_or_default());
    if let Some(bad) = set.keys().chain(&unset).find(|name| !is_valid_name(name)) {
        return Err(ApiError::bad_request(format!("invalid environment variable name: {bad:?}")));
    }
    if let Some((name, _)) = set.iter().find(|(_, value)| value.contains('\0')) {
        return Err(ApiError::bad_request(format!("a NUL byte in the variable {name}")));
    }
    shared.change_environment(|environment| {
        environment.unset(|name, _| unset.iter().any(|unset| name == unset.as_str()));
        // Every value begins with an empty prefix; nobody means that.
        if let Some(prefix) = unset_value_prefix.filter(|prefix| !prefix.is_empty()) {
            environment.unset(|name, value| {
                let is_kept = name.to_str().is_some_and(|name| set.contains_key(name));
                !is_kept && value.as_encoded_bytes().starts_with(prefix.as_bytes())
            });
        }
        for (name, value) in &set {
            environment.set(name, value);
        }
    });
    Ok(axum::Json(MessageResponse { message: "environment changed".to_owned() }))
}
