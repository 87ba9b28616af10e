//! A workbench: one sandbox of a build, from a root file system to the layer above it. It belongs to the build's workshop, lives
//! no longer than the build may take, and is removed when this value is dropped, whatever became of the build.

use std::time::Duration;

use paddock_client::Door;
use paddock_store::sandbox::SandboxStatus;
use paddock_store::{SandboxRecord, SnapshotRecord};
use paddock_types::{
    AutoArchive, AutoDelete, AutoPause, AutoStop, DesiredState, EnvName, ImageConfig, Minutes,
    OrganizationId, OsUser, ResourceLimits, RootRef, SandboxId, SandboxState, ScratchMount, SnapshotName,
    SnapshotState, VolumeMount,
};
use paddock_wire_toolbox::{BuildEnd, BuildStep};

use super::log::Log;
use super::toolbox::{self, Said, StepError};
use super::{Error, MOST_KEPT};
use crate::app::error::chain;
use crate::app::sandbox::{change, snapshot};
use crate::app::{self, App};
use crate::auth::secret;
use crate::clock;

/// How long a workbench may take to be there: its root file system may have to be fetched first.
const START_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long what a step made may take to be written out and fetched back.
const KEEP_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often a record is looked at, should a change have been missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After so long nothing of a build is left, whatever happened to whoever ran it. More than a build may take.
const LIFE: Minutes = Minutes(90);

/// What a workbench is to be.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// What lies on it.
    pub(super) image: ImageConfig,
    /// As whom steps run. `None`: root.
    pub(super) user: Option<OsUser>,
    /// Variables beside the image's.
    pub(super) variables: Vec<(EnvName, String)>,
    /// Caches.
    pub(super) volumes: Vec<VolumeMount>,
    /// Directories in memory.
    pub(super) scratch: Vec<ScratchMount>,
    /// Whether it reaches nothing.
    pub(super) is_offline: bool,
}

/// One sandbox of a build.
pub(super) struct Bench {
    app: App,
    workshop: OrganizationId,
    id: SandboxId,
}

impl Bench {
    /// Starts one on a root file system.
    pub(super) async fn open(
        app: &App,
        workshop: OrganizationId,
        root: RootRef,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let (id, now) = (SandboxId::random(), clock::now());
        let ttl = paddock_types::TimeToLive::For(LIFE);
        let resources = ResourceLimits::DEFAULT.0;
        let record = SandboxRecord {
            id,
            organization: workshop,
            name: id.to_string(),
            snapshot_name: "build".to_owned(),
            root,
            user: wanted.user.unwrap_or_else(OsUser::root),
            env: wanted.variables.into_iter().collect(),
            labels: Default::default(),
            public: false,
            network_block_all: wanted.is_offline,
            region: app.config.region.clone(),
            auto_stop: AutoStop::Disabled,
            auto_pause: AutoPause::Disabled,
            auto_archive: AutoArchive::DEFAULT,
            auto_delete: AutoDelete::OnStop,
            auto_destroy_at: ttl.end(now),
            parent: None,
            created_at: now,
            last_activity_at: now,
            warm_pool: None,
            link: None,
            volumes: wanted.volumes,
            // A step runs no program of the image's beside itself.
            image: ImageConfig { entrypoint: Vec::new(), command: Vec::new(), ..wanted.image },
            build: None,
            scratch: wanted.scratch,
            status: SandboxStatus::wished(app.first_generation(), resources, secret::auth_token(), now),
            version: 1,
        };
        let mut watcher = app.changes.watch(id);
        app::sandbox::create::insert(app, &record).await.map_err(Error::of_app)?;
        let bench = Self { app: app.clone(), workshop, id };
        app.queue.wake(id);
        let started = async {
            loop {
                let record = bench.record().await?;
                match record.status.state {
                    SandboxState::Started => return Ok(()),
                    SandboxState::Error
                    | SandboxState::Stopped
                    | SandboxState::Destroying
                    | SandboxState::Destroyed => {
                        let reason = record.status.error_reason;
                        return Err(Error::of_user(
                            reason.unwrap_or_else(|| "a build's sandbox did not start".to_owned()),
                        ));
                    }
                    _ => {}
                }
                let _ = tokio::time::timeout(LOOK_AGAIN, watcher.next()).await;
            }
        };
        match tokio::time::timeout(START_LIMIT, started).await {
            Ok(started) => started?,
            Err(_) => return Err(Error::of_user("a build's sandbox did not start in time")),
        }
        drop(watcher);
        Ok(bench)
    }

    async fn record(&self) -> Result<SandboxRecord, Error> {
        let record = self.app.store.load_sandbox(self.id).await.map_err(Error::of_store)?;
        record.ok_or_else(|| Error::of_user("a build's sandbox has been removed"))
    }

    fn door(&self) -> &Door {
        &self.app.door
    }

    /// Begins a step.
    pub(super) async fn begin(
        &self,
        step: &BuildStep,
        input: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<toolbox::Step, Error> {
        match toolbox::begin(self.door(), self.id, step, input).await {
            Ok(step) => Ok(step),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Does a step without input to its end; what it says goes into the log.
    pub(super) async fn perform(&self, step: &BuildStep, log: &mut Log) -> Result<BuildEnd, Error> {
        let mut begun = self.begin(step, toolbox::nothing()).await?;
        loop {
            match begun.next().await {
                Ok(Said::Output(output)) => log.add(&output).await,
                Ok(Said::End(end)) => return Ok(end),
                Err(error) => return Err(self.explain(error).await),
            }
        }
    }

    /// Why a step was cut, as far as the sandbox's record says.
    pub(super) async fn explain(&self, error: StepError) -> Error {
        // The record hears of the sandbox's end a moment after the connection does.
        for _ in 0..20 {
            match self.app.store.load_sandbox(self.id).await {
                Ok(Some(record)) if record.status.state != SandboxState::Started => {
                    if let Some(reason) = record.status.error_reason {
                        return Error::of_user(reason);
                    }
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tracing::warn!(sandbox.id = %self.id, error = chain(&error), "a step of a build was cut");
        Error::of_user(error.to_string())
    }

    /// Writes what was done out, as a snapshot of this name with this configuration. If another build has made it, theirs is
    /// as good.
    pub(super) async fn keep(&self, name: &SnapshotName) -> Result<SnapshotRecord, Error> {
        let record = self.record().await?;
        match snapshot::take_named(&self.app, record, name.clone(), MOST_KEPT).await {
            Ok(_) => {}
            Err(app::Error::Conflict(_)) if find(&self.app, self.workshop, name).await?.is_some() => {}
            Err(error) => return Err(Error::of_app(error)),
        }
        let mut watcher = self.app.changes.watch(self.id);
        let kept = async {
            loop {
                match find(&self.app, self.workshop, name).await? {
                    Some(found) if found.state == SnapshotState::Active => return Ok(found),
                    Some(found) if found.state == SnapshotState::Snapshotting => {}
                    Some(found) => {
                        let reason =
                            found.error_reason.unwrap_or_else(|| "a layer could not be kept".to_owned());
                        // Or the next try would find it.
                        let removed =
                            app::snapshot::remove(&self.app, self.workshop, &found.id.to_string()).await;
                        removed.map_err(Error::of_app)?;
                        return Err(Error::of_user(reason));
                    }
                    None => return Err(Error::of_user("a layer was removed while it was made")),
                }
                let _ = tokio::time::timeout(LOOK_AGAIN, watcher.next()).await;
            }
        };
        let limited = tokio::time::timeout(KEEP_LIMIT, kept).await;
        limited.unwrap_or_else(|_| Err(Error::of_user("a layer could not be written in time")))
    }
}

/// A snapshot of the workshop's by name.
pub(super) async fn find(
    app: &App,
    workshop: OrganizationId,
    name: &SnapshotName,
) -> Result<Option<SnapshotRecord>, Error> {
    let found = app.store.load_snapshot_by_name(workshop, name.to_string()).await.map_err(Error::of_store)?;
    // Not one of everybody's.
    Ok(found.filter(|found| found.organization == Some(workshop)))
}

impl Drop for Bench {
    fn drop(&mut self) {
        let (app, id) = (self.app.clone(), self.id);
        tokio::spawn(async move { remove(&app, id).await });
    }
}

/// Has a sandbox of a build removed; what prevents it now is tried again by its time to live.
pub(crate) async fn remove(app: &App, id: SandboxId) {
    let loaded = app.store.load_sandbox(id).await;
    let Ok(Some(record)) = loaded else { return };
    if record.status.desired == DesiredState::Destroyed {
        return;
    }
    if let Err(error) = change::delete(app, record).await {
        tracing::warn!(sandbox.id = %id, ?error, "a build's sandbox could not be removed yet");
    }
}
