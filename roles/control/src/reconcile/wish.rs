//! What a record asks of a runner.

use paddock_store::SandboxRecord;
use paddock_store::sandbox::SandboxStatus;
use paddock_types::{DesiredState, SandboxState};
use paddock_wire_runner::{Desired, Existence, ImageSetup, Link, NetworkPolicy, SandboxSpec, Task, Wish};

/// The whole wish for one sandbox.
pub(crate) fn wish(record: &SandboxRecord) -> Wish {
    let status = &record.status;
    let desired = desired(status);
    Wish {
        generation: status.generation,
        desired,
        existence: match (&status.archive, status.existed) {
            (_, true) => Existence::Existing,
            (Some(_), false) => Existence::Restore,
            (None, false) => Existence::Create,
        },
        spec: SandboxSpec {
            organization: record.organization,
            root: record.root.clone(),
            snapshot_name: record.snapshot_name.clone(),
            region: record.region.clone(),
            user: Some(record.user.clone()),
            env: record.env.clone(),
            resources: status.resources,
            link: record.link.as_ref().map(|link| Link {
                target: link.target,
                target_name: link.target_name.clone(),
                name: record.name.clone(),
            }),
            network: if record.network_block_all { NetworkPolicy::Blocked } else { NetworkPolicy::Public },
            volumes: record.volumes.clone(),
            image: ImageSetup {
                env: record.image.env.clone(),
                work_dir: record.image.work_dir.clone(),
                arguments: record.image.arguments(),
            },
            scratch: record.scratch.clone(),
        },
        continues: desired == Desired::Started
            && (status.state == SandboxState::Started || status.returns_to == Some(SandboxState::Started)),
        task: status.task.filter(|_| !desired.is_gone()).map(|task| Task { id: task.id, kind: task.kind }),
        archive: status.archive.clone(),
    }
}

fn desired(status: &SandboxStatus) -> Desired {
    match (status.desired, status.state) {
        (DesiredState::Started, _) => Desired::Started,
        (DesiredState::Paused, _) => Desired::Paused,
        (DesiredState::Stopped, _) if status.forced => Desired::Killed,
        (DesiredState::Stopped, _) => Desired::Stopped,
        // It keeps doing what it did.
        (DesiredState::Resized, _) => match status.returns_to {
            Some(SandboxState::Stopped) => Desired::Stopped,
            _ => Desired::Started,
        },
        // Its files leave the host only once the record says where they are.
        (DesiredState::Archived, SandboxState::Archived) => Desired::Evicted,
        (DesiredState::Archived, _) => Desired::Stopped,
        (DesiredState::Destroyed, _) => Desired::Absent,
    }
}
