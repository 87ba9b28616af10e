//! Root file systems as this runner has them: made at the start, waited for by whoever needs one.

use std::sync::Arc;
use std::time::Duration;

use paddock_driver_image::Root;
use paddock_types::RootRef;
use paddock_wire_runner::{RootState, RootStatus};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Context, blocking, chain};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The one root that there is, for now: the built-in one.
#[derive(Debug)]
pub(crate) struct Roots {
    builtin: watch::Sender<State>,
}

/// How far a root is.
#[derive(Debug, Clone)]
pub(crate) enum State {
    Preparing,
    Ready(Root),
    Failed(String),
}

impl Roots {
    pub(crate) fn new() -> Self {
        Self { builtin: watch::channel(State::Preparing).0 }
    }

    /// Follows the state of a root.
    pub(crate) fn watch(&self, root: RootRef) -> watch::Receiver<State> {
        let RootRef::Builtin = root;
        self.builtin.subscribe()
    }
}

/// Makes the built-in root, and keeps trying.
pub(crate) async fn prepare(context: Arc<Context>, shutdown: CancellationToken) {
    loop {
        report(&context, RootState::Preparing, None, None);
        let working = Arc::clone(&context);
        let made = blocking(move || {
            let progress = |line: &str| {
                tracing::info!(step = line, "making the built-in root file system");
                report(&working, RootState::Preparing, None, Some(line.to_owned()));
            };
            working.drivers.images.ensure_root(RootRef::Builtin, &progress)
        });
        let made = tokio::select! {
            made = made => made,
            () = shutdown.cancelled() => return,
        };
        match made {
            Ok(root) => {
                report(&context, RootState::Ready, Some(root.size_bytes), None);
                context.roots.builtin.send_replace(State::Ready(root));
                return;
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(reason, "the built-in root file system could not be made");
                report(&context, RootState::Failed, None, Some(reason.clone()));
                context.roots.builtin.send_replace(State::Failed(reason));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = shutdown.cancelled() => return,
        }
        context.roots.builtin.send_replace(State::Preparing);
    }
}

fn report(context: &Context, state: RootState, size_bytes: Option<u64>, detail: Option<String>) {
    context.hub.report_root(RootStatus { root: RootRef::Builtin, state, size_bytes, detail });
}
