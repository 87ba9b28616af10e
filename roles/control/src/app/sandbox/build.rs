//! Sandboxes whose image is built for them.

use paddock_store::SandboxRecord;
use paddock_types::{BuildInfo, Cores, Gib, OrganizationId, ResourceLimits, Resources};
use paddock_wire_control::{CreateBuildInfo, CreateSandbox};

use super::create::{Origin, insert, record, refuse_unavailable};
use crate::app::{App, Error};
use crate::build;
use crate::clock;
use crate::failpoints::{self, Moment, Operation};

/// Puts a sandbox on record that is started as soon as its image is built. Does not wait (`spec/control-plane.md` B.3).
///
/// # Errors
/// When the request is refused, and when the name is taken.
pub(super) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateSandbox,
) -> Result<SandboxRecord, Error> {
    refuse_unavailable(&request)?;
    let wanted =
        request.build_info.as_ref().ok_or_else(|| Error::Invalid("there is no buildInfo".to_owned()))?;
    let info = build_info(wanted);
    let resources = resources(request.cpu, request.memory, request.disk, request.gpu)?;
    let record = record(app, organization, request, Origin::Build(info, resources)).await?;
    insert(app, &record).await?;
    failpoints::hit(Operation::Create, Moment::AfterRequest)?;
    tracing::info!(
        sandbox.id = %record.id,
        organization.id = %organization,
        snapshot.name = record.snapshot_name,
        "a sandbox is wished, and a build for it"
    );
    app.images.notify_one();
    Ok(record)
}

/// A build as it goes on record.
pub(crate) fn build_info(wanted: &CreateBuildInfo) -> BuildInfo {
    let now = clock::now();
    BuildInfo {
        reference: build::reference(&wanted.dockerfile_content, &wanted.context_hashes),
        dockerfile: wanted.dockerfile_content.clone(),
        context_hashes: wanted.context_hashes.clone(),
        takes_user_of_image: false,
        created_at: now,
        updated_at: now,
    }
}

/// The size of what is made of an image: 1 core, 1 GiB, 3 GiB of disk unless something else is asked for
/// (`spec/control-plane.md` G.1).
///
/// # Errors
/// 400 for more than one may have, and for GPUs.
pub(crate) fn resources(
    cpu: Option<i64>,
    memory: Option<i64>,
    disk: Option<i64>,
    gpu: Option<i64>,
) -> Result<Resources, Error> {
    if gpu.is_some_and(|gpu| gpu > 0) {
        return Err(Error::Invalid("no runner has a GPU".to_owned()));
    }
    let size = |given: Option<i64>, default: u32| match given {
        None | Some(0) => default,
        Some(given) => u32::try_from(given).unwrap_or(u32::MAX),
    };
    let resources =
        Resources { cpu: Cores(size(cpu, 1)), memory: Gib(size(memory, 1)), disk: Gib(size(disk, 3)) };
    resources.check(ResourceLimits::DEFAULT).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(resources)
}
