//! Snapshots of images and builds: asked for, taken off the hosts, and brought back.

use std::sync::Arc;
use std::time::Duration;

use paddock_store::{InsertSnapshotOutcome, SnapshotRecord};
use paddock_types::{ImageConfig, OrganizationId, OsUser, RootRef, SnapshotId, SnapshotName, SnapshotState};
use paddock_wire_control::CreateSnapshot;

use super::{find, shown};
use crate::app::events::Event;
use crate::app::sandbox::build::{build_info, resources};
use crate::app::sandbox::create::find_region;
use crate::app::sandbox::snapshot::MOST_SNAPSHOTS;
use crate::app::{App, Error};
use crate::clock;

/// How soon after it was deactivated a snapshot may be activated again (`spec/control-plane.md` B.4).
const REST: Duration = Duration::from_secs(600);
/// Tags that say nothing of what they are: next week they are something else (`spec/control-plane.md` G.3).
const MOVING_TAGS: [&str; 3] = ["latest", "lts", "stable"];
/// The longest entrypoint, in bytes of all its words.
const LONGEST_ENTRYPOINT: usize = 64 << 10;

/// Puts a snapshot on record that is to be made of an image or of a build. Does not wait.
///
/// # Errors
/// 400 for a request that makes no sense, 409 when the name is taken.
pub(crate) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateSnapshot,
) -> Result<SnapshotRecord, Error> {
    let invalid = |text: &str| Err(Error::Invalid(text.to_owned()));
    let name = SnapshotName::try_from(request.name).map_err(|error| Error::Invalid(error.to_string()))?;
    if request.sandbox_class.as_deref().is_some_and(|class| class != "container") {
        return invalid("no runner makes sandboxes of that class: only of class container");
    }
    find_region(app, request.region_id)?;
    let resources = resources(request.cpu, request.memory, request.disk, request.gpu)?;
    match (&request.image_name, &request.build_info) {
        (None, None) => return invalid("imageName or buildInfo is needed"),
        (Some(_), Some(_)) => return invalid("imageName and buildInfo exclude each other"),
        (None, Some(_)) if !request.entrypoint.is_empty() => {
            return invalid("entrypoint and buildInfo exclude each other: write it into the Dockerfile");
        }
        (Some(image), None) => check_image(image)?,
        (None, Some(_)) => {}
    }
    let length: usize = request.entrypoint.iter().map(|word| word.len() + 1).sum();
    if length > LONGEST_ENTRYPOINT {
        return invalid("entrypoint is too long");
    }
    let now = clock::now();
    let record = SnapshotRecord {
        id: SnapshotId::random(),
        organization: Some(organization),
        name: name.to_string(),
        alias: None,
        root: RootRef::EMPTY,
        default_user: OsUser::root(),
        resources,
        // A build begins at once, and clients read its log only of one that is not `pending` any more.
        state: if request.build_info.is_some() { SnapshotState::Building } else { SnapshotState::Pending },
        error_reason: None,
        size_bytes: None,
        created_at: now,
        updated_at: now,
        last_used_at: None,
        source: None,
        image_name: request.image_name,
        // What its maker wants is kept here until the image is known, and then is put in its place.
        image: ImageConfig { entrypoint: request.entrypoint, ..ImageConfig::default() },
        build: request.build_info.as_ref().map(build_info),
        deactivated_at: None,
    };
    let (shared, inserted) = (app.clone(), record.clone());
    let inserting = tokio::spawn(async move {
        let outcome = shared.store.insert_snapshot(MOST_SNAPSHOTS, inserted.clone()).await?;
        if outcome == InsertSnapshotOutcome::Done {
            shared.events.publish(Event::SnapshotCreated(Arc::new(inserted)));
        }
        Ok::<_, Error>(outcome)
    });
    let outcome = inserting.await.map_err(|error| Error::Internal(Arc::new(error)))??;
    match outcome {
        InsertSnapshotOutcome::Done => {}
        InsertSnapshotOutcome::NameTaken => {
            return Err(Error::Conflict(format!("snapshot with name {:?} already exists", record.name)));
        }
        InsertSnapshotOutcome::TooMany => {
            return Err(Error::Invalid(format!(
                "an organization can have at most {MOST_SNAPSHOTS} snapshots"
            )));
        }
        // It is made of nothing yet.
        InsertSnapshotOutcome::RootGone => return Err(Error::Conflict("try again".to_owned())),
    }
    tracing::info!(
        snapshot.id = %record.id,
        organization.id = %organization,
        image = record.image_name,
        "a snapshot is wished"
    );
    app.images.notify_one();
    Ok(record)
}

fn check_image(image: &str) -> Result<(), Error> {
    let reference: paddock_registry::ImageReference = image
        .parse()
        .map_err(|error: paddock_registry::InvalidReference| Error::Invalid(format!("imageName: {error}")))?;
    if reference.digest().is_some() {
        return Ok(());
    }
    // A name without a tag means one that moves.
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None => Err(Error::Invalid("imageName must have a tag, or a digest".to_owned())),
        Some((_, tag)) if MOVING_TAGS.contains(&tag) => {
            Err(Error::Invalid(format!("imageName: the tag {tag:?} is not allowed, name a version")))
        }
        Some(_) => Ok(()),
    }
}

/// Makes a snapshot usable again. Does not wait.
///
/// # Errors
/// 404 when there is none, 403 for one of everybody's, 400 unless it is inactive and has been for a while.
pub(crate) async fn activate(
    app: &App,
    organization: OrganizationId,
    text: &str,
) -> Result<SnapshotRecord, Error> {
    let found = own(app, organization, text, "activated").await?;
    match found.state {
        SnapshotState::Inactive => {}
        SnapshotState::Active => {
            return Err(Error::Invalid(format!("snapshot {:?} is already active", found.name)));
        }
        state => {
            return Err(Error::Invalid(format!("snapshot {:?} cannot be activated: {state}", found.name)));
        }
    }
    let rest = i64::try_from(REST.as_millis()).unwrap_or(i64::MAX);
    if found.deactivated_at.is_some_and(|since| clock::now().0 < since.0.saturating_add(rest)) {
        let minutes = REST.as_secs() / 60;
        let message = format!("a snapshot can be activated {minutes} minutes after it was deactivated");
        return Err(Error::Invalid(message));
    }
    let moved = change(app, &found, SnapshotState::Pending).await?;
    app.images.notify_one();
    Ok(moved)
}

/// Takes a snapshot off the hosts.
///
/// # Errors
/// 404 when there is none, 403 for one of everybody's, 400 while it is being made or when it has failed.
pub(crate) async fn deactivate(app: &App, organization: OrganizationId, text: &str) -> Result<(), Error> {
    let found = own(app, organization, text, "deactivated").await?;
    match found.state {
        SnapshotState::Inactive => return Ok(()),
        SnapshotState::Active => {}
        state => {
            return Err(Error::Invalid(format!("snapshot {:?} cannot be deactivated: {state}", found.name)));
        }
    }
    change(app, &found, SnapshotState::Inactive).await?;
    app.layers.notify_one();
    Ok(())
}

async fn own(
    app: &App,
    organization: OrganizationId,
    text: &str,
    verb: &str,
) -> Result<SnapshotRecord, Error> {
    let shown = shown(text);
    let found = find(app, organization, text).await?;
    let found = found.ok_or_else(|| Error::NotFound(format!("snapshot {shown:?} not found")))?;
    if found.organization.is_none() {
        return Err(Error::Forbidden(format!("snapshot {shown:?} is everybody's: it cannot be {verb}")));
    }
    Ok(found)
}

/// Moves a snapshot to another state and tells of it.
pub(crate) async fn change(
    app: &App,
    found: &SnapshotRecord,
    to: SnapshotState,
) -> Result<SnapshotRecord, Error> {
    let (app, id, from) = (app.clone(), found.id, found.state);
    let changing = tokio::spawn(async move {
        let moved = app.store.move_snapshot(id, from, to, clock::now()).await?;
        if let Some(moved) = &moved {
            app.events.publish(Event::SnapshotState { snapshot: Arc::new(moved.clone()), old: from });
        }
        Ok::<_, Error>(moved)
    });
    let moved = changing.await.map_err(|error| Error::Internal(Arc::new(error)))??;
    moved.ok_or_else(|| Error::Conflict("the snapshot is being changed by others: try again".to_owned()))
}
