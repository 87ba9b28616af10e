//! `GET /warm-pools`

use axum::Json;
use axum::extract::State;
use paddock_wire_control::{ErrorBody, WarmPool};

use super::show;
use crate::app::{App, Error, warm_pool};
use crate::auth::extract::Member;

/// The organization's warm pools, the oldest first.
#[utoipa::path(get, path = "/warm-pools", operation_id = "listWarmPools", tag = "warm-pools",
    responses((status = 200, body = Vec<WarmPool>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list_warm_pools(
    State(app): State<App>,
    Member(caller): Member,
) -> Result<Json<Vec<WarmPool>>, Error> {
    let pools = warm_pool::list(&app, caller.organization()).await?;
    Ok(Json(pools.into_iter().map(show).collect()))
}
