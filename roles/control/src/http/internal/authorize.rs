//! `POST /internal/v1/authorize`

use axum::Json;
use axum::extract::{Request, State};
use paddock_wire_control::internal::{Authorize, Authorized, Credential};

use super::read;
use crate::app::{App, Error, access, signing};

/// Whether a credential may use a sandbox, and how the sandbox is.
pub(crate) async fn authorize(State(app): State<App>, request: Request) -> Result<Json<Authorized>, Error> {
    let Authorize { sandbox, credential } = read(request).await?;
    let authorized = match credential {
        Credential::Bearer(key) => access::by_key(&app, sandbox, &key).await?,
        Credential::SignedFile(file) => signing::authorize(&app, &sandbox, &file).await?,
        Credential::None => access::by_anybody(&app, &sandbox).await?,
        Credential::PreviewToken(token) => access::by_preview_token(&app, &sandbox, &token).await?,
    };
    Ok(Json(Authorized {
        sandbox_id: authorized.sandbox,
        organization_id: authorized.organization,
        state: authorized.state,
    }))
}
