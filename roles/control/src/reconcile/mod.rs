//! The loops that make wishes come true.
//!
//! | task | woken by | repairs |
//! |---|---|---|
//! | [`sandbox`] | requests, events, every second | a sandbox that is not as wished |
//! | intake (`runners`) | the runner | not knowing what is so |
//! | [`timers`] | every ten seconds | uses not written down; a sandbox whose time has come |
//! | [`layers`] | what used one, every ten minutes | layers that nothing is made of |
//! | [`images`] | requests, builds that end, every five seconds | a snapshot or a sandbox that waits for its image |
//! | [`warm_pools`] | claims, members that change, every ten seconds | a pool without as many members as it should have |
//! | [`volume`] | requests, every second | a volume that is not as wished |
//! | [`housekeeping`] | every ten minutes | records of what is long gone |

mod apply;
mod conclude;
pub(crate) mod driver;
mod housekeeping;
mod images;
mod layers;
pub(crate) mod queue;
mod sandbox;
mod timers;
mod volume;
mod warm_pools;
pub(crate) mod wish;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::runners::intake;
pub(crate) use sandbox::Reconciler;

/// Runs every task until `shutdown`, then writes activity down. A task that panics ends the program's
/// trust in itself: the others are ended too, and the caller sees `run` return.
pub(crate) async fn run(app: &App, reconciler: &Arc<Reconciler>, shutdown: CancellationToken) {
    let mut tasks = JoinSet::new();
    tasks.spawn(intake::follow(app.clone(), reconciler.client()));
    tasks.spawn(driver::drive(app.clone(), Arc::clone(reconciler)));
    tasks.spawn(timers::watch(app.clone()));
    tasks.spawn(layers::collect(app.clone()));
    tasks.spawn(images::tend(app.clone()));
    tasks.spawn(warm_pools::tend(app.clone()));
    tasks.spawn(volume::watch(app.clone()));
    tasks.spawn(housekeeping::purge(app.clone()));
    tokio::select! {
        () = shutdown.cancelled() => {}
        Some(ended) = tasks.join_next() => {
            tracing::error!(?ended, "a task of the control plane ended by itself");
        }
    }
    tasks.shutdown().await;
    app.mirror.end();
    housekeeping::flush_once(app).await;
}
