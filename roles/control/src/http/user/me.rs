//! `GET /users/me`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, User, WireTime};

use crate::app::{App, Error};
use crate::auth::extract::Member;

/// The user whose key asks.
#[utoipa::path(get, path = "/users/me", operation_id = "getAuthenticatedUser", tag = "users",
    responses((status = 200, body = User), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_authenticated_user(
    State(app): State<App>,
    Member(caller): Member,
) -> Result<Json<User>, Error> {
    let found = app.store.load_user(caller.user()).await?;
    let user = found.ok_or_else(|| Error::NotFound("user not found".to_owned()))?;
    Ok(Json(User {
        id: user.id.to_string(),
        name: user.name,
        email: user.email,
        email_verified: false,
        public_keys: Vec::new(),
        created_at: WireTime(user.created_at),
    }))
}
