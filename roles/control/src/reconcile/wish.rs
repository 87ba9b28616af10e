//! What a record asks of a runner.

use paddock_store::SandboxRecord;
use paddock_types::DesiredState;
use paddock_wire_runner::{Desired, Existence, NetworkPolicy, SandboxSpec, Wish};

/// The whole wish for one sandbox; `None` for wishes that no runner of this version knows.
pub(super) fn wish(record: &SandboxRecord) -> Option<Wish> {
    let status = &record.status;
    let desired = match status.desired {
        DesiredState::Started => Desired::Started,
        DesiredState::Stopped if status.forced => Desired::Killed,
        DesiredState::Stopped => Desired::Stopped,
        DesiredState::Destroyed => Desired::Absent,
        DesiredState::Resized | DesiredState::Archived | DesiredState::Paused => return None,
    };
    Some(Wish {
        generation: status.generation,
        desired,
        existence: if status.existed { Existence::Existing } else { Existence::Create },
        spec: SandboxSpec {
            organization: record.organization,
            root: record.root,
            snapshot_name: record.snapshot_name.clone(),
            region: record.region.clone(),
            user: Some(record.user.clone()),
            env: record.env.clone(),
            resources: record.resources,
            network: if record.network_block_all { NetworkPolicy::Blocked } else { NetworkPolicy::Public },
        },
    })
}
