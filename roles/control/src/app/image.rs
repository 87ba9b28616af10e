//! Images of registries: what they are, and their layers on the way to the object store and to a host.

use std::sync::Arc;
use std::time::Duration;

use paddock_registry::{Client, Credentials, Error as RegistryError, Image, ImageReference, Platform};
use paddock_store::{InsertSnapshotOutcome, Made, SnapshotRecord};
use paddock_types::{
    ImageConfig, OrganizationId, ResourceLimits, RootRef, SnapshotId, SnapshotName, SnapshotState,
};
use paddock_wire_runner::RootState;
use tokio::time::{Instant, sleep};

use super::{App, Error, registry};
use crate::build::MOST_KEPT;
use crate::clock;

/// How long an image may take to be fetched and unpacked (`spec/control-plane.md` D.4).
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long to wait for a layer that is just being removed.
const PAUSE: Duration = Duration::from_secs(1);

/// An image, and who may fetch it.
pub(crate) struct Resolved {
    image: Image,
    credentials: Option<Credentials>,
}

impl Resolved {
    /// The sum of its manifest.
    pub(crate) fn manifest(&self) -> &str {
        self.image.manifest_digest.as_str()
    }

    /// The bytes of its layers, as they are fetched.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.image.size_bytes()
    }
}

/// What an image's name stands for, with what the organization's registries let it see.
///
/// # Errors
/// 400 when it is no name, or there is no such image for it; 503 when its registry is away.
pub(crate) async fn resolve(app: &App, organization: OrganizationId, name: &str) -> Result<Resolved, Error> {
    let reference: ImageReference = name.parse().map_err(|error: paddock_registry::InvalidReference| {
        Error::Invalid(format!("{name:?} is no image: {error}"))
    })?;
    let credentials = registry::registry_credentials_for(app, organization, &reference).await?;
    let client: &Client = &app.registries;
    let image =
        client.resolve(&reference, credentials.as_ref(), &Platform::host()).await.map_err(of_registry)?;
    Ok(Resolved { image, credentials })
}

/// Fetches an image for the snapshot `id`, which is on record, and has it unpacked on the host. The snapshot names the layers
/// from before the first is fetched, so none of them is removed meanwhile. `adjust` says what sandboxes are given of what the
/// image says.
///
/// # Errors
/// When it cannot be had; the text says why. A snapshot that is gone meanwhile is 404.
pub(crate) async fn fetch(
    app: &App,
    id: SnapshotId,
    resolved: &Resolved,
    adjust: impl FnOnce(ImageConfig) -> ImageConfig + Send,
) -> Result<Made, Error> {
    let limited = tokio::time::timeout(LIMIT, fetch_without_limit(app, id, resolved, adjust));
    limited.await.unwrap_or_else(|_| Err(Error::Invalid("the image could not be fetched in time".to_owned())))
}

async fn fetch_without_limit(
    app: &App,
    id: SnapshotId,
    resolved: &Resolved,
    adjust: impl FnOnce(ImageConfig) -> ImageConfig + Send,
) -> Result<Made, Error> {
    let Resolved { image, credentials } = resolved;
    let layers: Vec<_> = image.layers.iter().map(paddock_registry::Layer::object).collect();
    if layers.len() > RootRef::MOST_LAYERS {
        let message = format!(
            "the image has {} layers, and none can have more than {}",
            layers.len(),
            RootRef::MOST_LAYERS
        );
        return Err(Error::Invalid(message));
    }
    let config =
        adjust(configuration(&image.config)).check().map_err(|error| Error::Invalid(error.to_string()))?;
    let default_user = config.os_user();
    let root = RootRef { layers, ..RootRef::EMPTY };
    let made = Made { root, image: config, default_user, size_bytes: None };
    begin(app, id, &made).await?;
    let progress: paddock_registry::Progress = Arc::new(|_| ());
    app.registries
        .fetch_layers(image, credentials.as_ref(), &app.config.objects, progress)
        .await
        .map_err(of_registry)?;
    let size_bytes = prepare(app, &made.root).await?;
    Ok(Made { size_bytes, ..made })
}

/// Records what a snapshot is going to be made of.
async fn begin(app: &App, id: SnapshotId, made: &Made) -> Result<(), Error> {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let before = app.store.load_any_snapshot(id).await?;
        let Some(before) = before else { return Err(Error::NotFound("the snapshot is gone".to_owned())) };
        if let Some(begun) = app.store.begin_pull(id, made.clone(), clock::now()).await? {
            if before.state != begun.state {
                app.events.publish(super::events::Event::SnapshotState {
                    snapshot: Arc::new(begun),
                    old: before.state,
                });
            }
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(Error::Invalid("a layer of the image is being removed: try again".to_owned()));
        }
        // A layer of it is just being removed: then it is fetched anew.
        sleep(PAUSE).await;
    }
}

/// Has a root file system unpacked on the host; its size there.
pub(crate) async fn prepare(app: &App, root: &RootRef) -> Result<Option<u64>, Error> {
    loop {
        match app.runner.prepare_root(root).await {
            Ok(status) => match status.state {
                RootState::Ready => return Ok(status.size_bytes),
                RootState::Failed => {
                    let reason =
                        status.detail.unwrap_or_else(|| "the image could not be unpacked".to_owned());
                    return Err(Error::Invalid(reason));
                }
                RootState::Preparing => {}
            },
            Err(error) => {
                tracing::warn!(
                    error = super::error::chain(&*error),
                    "a runner could not be asked to prepare an image"
                );
                sleep(PAUSE).await;
            }
        }
    }
}

/// Makes the snapshot of an image in a workshop.
pub(crate) async fn fetch_for_build(
    app: &App,
    workshop: OrganizationId,
    name: SnapshotName,
    resolved: &Resolved,
) -> Result<SnapshotRecord, Error> {
    loop {
        let found = app.store.load_snapshot_by_name(workshop, name.to_string()).await?;
        match found.filter(|found| found.organization == Some(workshop)) {
            Some(found) if found.state == SnapshotState::Active => return Ok(found),
            // Another build fetches it.
            Some(found) if matches!(found.state, SnapshotState::Pending | SnapshotState::Pulling) => {
                sleep(PAUSE).await;
                continue;
            }
            Some(found) => super::snapshot::remove(app, workshop, &found.id.to_string()).await?,
            None => {}
        }
        let record = record_of(workshop, name.to_string(), resolved.image.reference.to_string());
        let id = record.id;
        match app.store.insert_snapshot(MOST_KEPT, record).await? {
            InsertSnapshotOutcome::Done => {}
            InsertSnapshotOutcome::NameTaken => continue,
            InsertSnapshotOutcome::TooMany => {
                return Err(Error::Full("too many layers are kept of builds: try again later".to_owned()));
            }
            InsertSnapshotOutcome::RootGone => continue,
        }
        // Whoever stops waiting leaves nothing that looks as if somebody were at it.
        let guard = Unfinished { app: app.clone(), workshop, id, is_done: false };
        let made = fetch(app, id, resolved, |config| config).await?;
        let finished = app.store.finish_making(id, Ok(made), clock::now()).await?;
        guard.done();
        return finished
            .filter(|finished| finished.state == SnapshotState::Active)
            .ok_or_else(|| Error::Invalid("the image was removed while it was fetched".to_owned()));
    }
}

/// Removes the snapshot of an image whose fetching was given up.
struct Unfinished {
    app: App,
    workshop: OrganizationId,
    id: SnapshotId,
    is_done: bool,
}

impl Unfinished {
    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let (app, workshop, id) = (self.app.clone(), self.workshop, self.id);
        tokio::spawn(async move {
            if let Err(error) = super::snapshot::remove(&app, workshop, &id.to_string()).await {
                tracing::warn!(snapshot.id = %id, ?error, "an image that a build fetched could not be let go");
            }
        });
    }
}

fn record_of(organization: OrganizationId, name: String, image_name: String) -> SnapshotRecord {
    let now = clock::now();
    SnapshotRecord {
        id: SnapshotId::random(),
        organization: Some(organization),
        name,
        alias: None,
        root: RootRef::EMPTY,
        default_user: paddock_types::OsUser::root(),
        resources: ResourceLimits::DEFAULT.0,
        state: SnapshotState::Pending,
        error_reason: None,
        size_bytes: None,
        created_at: now,
        updated_at: now,
        last_used_at: None,
        source: None,
        image_name: Some(image_name),
        image: ImageConfig::default(),
        build: None,
        deactivated_at: None,
    }
}

/// The same in our words.
fn configuration(config: &paddock_registry::ImageConfig) -> ImageConfig {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let mut read = ImageConfig {
        work_dir: given(&config.workdir),
        user: given(&config.user),
        entrypoint: config.entrypoint.clone(),
        command: config.cmd.clone(),
        shell: config.shell.clone(),
        labels: config.labels.clone(),
        exposed_ports: config.exposed.clone(),
        volumes: config.volumes.clone(),
        on_build: config.onbuild.clone(),
        stop_signal: given(&config.stop_signal),
        env: Vec::new(),
    };
    // Each name once, the last one wins.
    for text in &config.env {
        match text.split_once('=') {
            Some((name, value)) => read.set_variable(name, value),
            None => read.env.push(text.clone()),
        }
    }
    read
}

fn of_registry(error: RegistryError) -> Error {
    if !error.is_of_the_user() {
        tracing::warn!(error = super::error::chain(&error), "an image could not be had");
    }
    Error::Invalid(error.to_string())
}
