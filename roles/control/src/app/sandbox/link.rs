//! Sandboxes that are linked with another one, their *target*: on the same runner, in a private network with it, and
//! destroyed together with it (`spec/control-plane.md` D.8).

use paddock_store::SandboxRecord;
use paddock_store::sandbox::LinkRecord;
use paddock_types::{AutoDelete, DesiredState, OrganizationId, SandboxRef, SandboxState};

use super::change;
use crate::app::{App, Error};
use crate::auth::extract::not_found;

/// What a sandbox that is to be made is to be linked with.
///
/// # Errors
/// 404 when there is no such target; 400 for one that is linked itself, is in another region, or neither started nor
/// stopped, and unless the new sandbox is ephemeral.
pub(super) async fn find(
    app: &App,
    organization: OrganizationId,
    reference: Option<String>,
    region: &str,
    auto_delete: AutoDelete,
) -> Result<Option<LinkRecord>, Error> {
    let Some(text) = reference else { return Ok(None) };
    if auto_delete != AutoDelete::OnStop {
        return Err(Error::Invalid(
            "a linked sandbox must be ephemeral: set autoDeleteInterval to 0".to_owned(),
        ));
    }
    let reference = SandboxRef::try_from(text.clone()).map_err(|_| not_found(&text))?;
    let found = app.store.find_sandbox(organization, reference).await?;
    let target = found.ok_or_else(|| not_found(&text))?;
    if target.link.is_some() {
        return Err(Error::Invalid("linkedSandbox is linked itself: links cannot be chained".to_owned()));
    }
    if target.region != region {
        return Err(Error::Invalid(format!("linkedSandbox is in another region: {}", target.region)));
    }
    match target.status.state {
        SandboxState::Started | SandboxState::Stopped => {
            Ok(Some(LinkRecord { target: target.id, target_name: target.name }))
        }
        state => Err(not_linkable(&state.to_string())),
    }
}

pub(super) fn not_linkable(state: &str) -> Error {
    Error::Invalid(format!("linkedSandbox is {state}: it must be started or stopped"))
}

/// Sees to it that nothing outlives what it is linked with. To be called before anything else is done for a sandbox that is
/// to be destroyed, so that it is not gone before all that hang on it are to go too.
///
/// # Errors
/// When the store fails.
pub(crate) async fn end_with_target(app: &App, target: &SandboxRecord) -> Result<(), Error> {
    if target.status.desired != DesiredState::Destroyed || target.link.is_some() {
        return Ok(());
    }
    for id in app.store.list_linked(target.id).await? {
        let Some(linked) = app.store.load_sandbox(id).await? else { continue };
        match change::delete(app, linked).await {
            Ok(_) => {
                tracing::info!(sandbox.id = %id, target.id = %target.id, "a linked sandbox ends with its target");
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
