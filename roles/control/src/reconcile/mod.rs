//! The loops that make wishes come true.
//!
//! | task | woken by | repairs |
//! |---|---|---|
//! | [`sandbox`] | requests, events, every second | a sandbox that is not as wished |
//! | intake (`runners`) | the runner | not knowing what is so |
//! | [`housekeeping`] | every ten seconds, every ten minutes | uses not written down; records of what is long gone |

mod apply;
pub(crate) mod driver;
mod housekeeping;
pub(crate) mod queue;
mod sandbox;
mod wish;

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
    tasks.spawn(housekeeping::flush_activity(app.clone()));
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
