//! Repairs: something of ours is on the host and no sandbox owns it.
//!
//! Removed are processes, control groups, runtime states, network connections, ids and sockets. Files are
//! never removed because nobody knows them: such a volume is reported, stopped, and left for a person.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use paddock_types::SandboxId;
use paddock_wire_runner::{Observation, Observed};
use tokio_util::sync::CancellationToken;

use crate::sandbox::Registry;
use crate::{Context, blocking, chain, sandbox};

const PERIOD: Duration = Duration::from_secs(60);

/// Repairs now and then.
pub(crate) async fn run(context: Arc<Context>, registry: Registry, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => reap_strangers(&context, &registry).await,
            () = shutdown.cancelled() => return,
        }
    }
}

/// Removes the copies that exports were made from. Only at the start, before anything can be exported.
pub(crate) async fn remove_copies(context: &Arc<Context>) {
    let context = Arc::clone(context);
    blocking(move || match context.drivers.storage.list_copies() {
        Ok(copies) => {
            for copy in copies {
                if let Err(error) = context.drivers.storage.delete_copy(copy) {
                    tracing::warn!(reason = chain(&error), "could not remove a copy that nobody reads");
                }
            }
        }
        Err(error) => tracing::warn!(reason = chain(&error), "could not list copies"),
    })
    .await;
}

/// Repairs everything. Only at the start, when no launch is under way: what is not in the journal as running
/// belongs to nobody.
pub(crate) async fn reap_all(context: &Arc<Context>, registry: &Registry) {
    reap_strangers(context, registry).await;
    let context = Arc::clone(context);
    blocking(move || {
        let entries = context.journal.load().unwrap_or_default();
        let running: Vec<_> = entries.values().filter_map(|entry| entry.running.as_ref()).collect();
        let ports: BTreeSet<u16> = running.iter().map(|running| running.port).collect();
        let ids: BTreeSet<u32> = running.iter().map(|running| running.first_id).collect();
        match context.drivers.network.list() {
            Ok(found) => {
                for port in found.into_iter().filter(|port| !ports.contains(&port.0)) {
                    tracing::info!(port = port.0, "removing a connection that nobody owns");
                    if let Err(error) = context.drivers.network.disconnect(port) {
                        tracing::warn!(reason = chain(&error), "could not remove it");
                    }
                }
            }
            Err(error) => tracing::warn!(reason = chain(&error), "could not list connections"),
        }
        for range in context.ids.mine().unwrap_or_default() {
            if !ids.contains(&range.first)
                && let Err(error) = context.ids.release(range)
            {
                tracing::warn!(%error, "could not give ids back");
            }
        }
    })
    .await;
}

/// Removes what belongs to sandboxes that no task owns.
async fn reap_strangers(context: &Arc<Context>, registry: &Registry) {
    let (working, known) = (Arc::clone(context), registry.clone());
    blocking(move || {
        // A sandbox that is removed while this looks around is in the lists and, a moment later, nobody's.
        let known_before = known.ids();
        let is_stranger = |id: SandboxId| !known_before.contains(&id) && !known.knows(id);
        match working.drivers.runtime.list() {
            Ok(found) => {
                for id in found.into_iter().filter(|&id| is_stranger(id)) {
                    tracing::info!(sandbox.id = %id, "removing a runtime state that nobody owns");
                    if let Err(error) = working.drivers.runtime.remove(id) {
                        tracing::warn!(sandbox.id = %id, reason = chain(&error), "could not remove it");
                    }
                }
            }
            Err(error) => tracing::warn!(reason = chain(&error), "could not list runtime states"),
        }
        match working.drivers.volumes.users() {
            Ok(found) => {
                for id in found.into_iter().filter(|&id| is_stranger(id)) {
                    tracing::info!(sandbox.id = %id, "closing the volumes of a sandbox that is not there");
                    if let Err(error) = working.drivers.volumes.close(id) {
                        tracing::warn!(sandbox.id = %id, reason = chain(&error), "could not close them");
                    }
                }
            }
            Err(error) => tracing::warn!(reason = chain(&error), "could not list who uses volumes"),
        }
        let sockets =
            std::fs::read_dir(sandbox::socket_directory(&working.config)).into_iter().flatten().flatten();
        for socket in sockets {
            let id = socket.file_name().to_str().and_then(|name| name.parse::<SandboxId>().ok());
            if id.is_some_and(is_stranger) {
                let _ = std::fs::remove_file(socket.path());
            }
        }
        match working.drivers.storage.list_volumes() {
            Ok(found) => {
                for id in found.into_iter().filter(|&id| is_stranger(id)) {
                    quarantine(&working, id);
                }
            }
            Err(error) => tracing::warn!(reason = chain(&error), "could not list volumes"),
        }
    })
    .await;
}

fn quarantine(context: &Context, id: SandboxId) {
    context.hub.report(Observation {
        id,
        generation: None,
        state: Observed::Stopped,
        reason: Some("its files are here and no journal entry is".to_owned()),
        curable: false,
        daemon_version: None,
        task: None,
    });
}
