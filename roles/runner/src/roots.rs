//! Root file systems as this runner has them: the built-in one made at the start, those with layers fetched when
//! somebody needs them, each waited for by whoever does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_driver_image::Root;
use paddock_types::{ObjectId, RootBase, RootRef, StoredObject};
use paddock_wire_runner::{RootState, RootStatus};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Context, blocking, chain};

/// How long after a failure the built-in one is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The roots that somebody has asked for, and the built-in one.
#[derive(Debug)]
pub(crate) struct Roots {
    known: Mutex<BTreeMap<RootRef, watch::Sender<State>>>,
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
        let builtin = (RootRef::BUILTIN, watch::channel(State::Preparing).0);
        Self { known: Mutex::new([builtin].into()) }
    }

    /// No sandbox is made of this layer any more.
    pub(crate) fn forget(&self, layer: ObjectId) {
        self.known().retain(|root, _| root.layers.iter().all(|known| known.id != layer));
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<RootRef, watch::Sender<State>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the state of a root, which is begun to be made if it is not here. One whose making failed is tried again.
pub(crate) fn watch(context: &Arc<Context>, root: &RootRef) -> watch::Receiver<State> {
    let mut known = context.roots.known();
    let is_builtin = *root == RootRef::BUILTIN;
    if let Some(sender) = known.get(root)
        && (is_builtin || !matches!(*sender.borrow(), State::Failed(_)))
    {
        return sender.subscribe();
    }
    let (sender, receiver) = watch::channel(State::Preparing);
    known.insert(root.clone(), sender.clone());
    drop(known);
    tokio::spawn(make(Arc::clone(context), root.clone(), sender));
    receiver
}

/// Fetches a layer above a root that is here, and waits until that is done.
///
/// # Errors
/// Why it cannot be had.
pub(crate) async fn fetch(
    context: &Arc<Context>,
    below: &RootRef,
    layer: StoredObject,
) -> Result<(), String> {
    let root = below.with_layer(layer).ok_or("its root file system has too many layers")?;
    let mut watched = watch(context, &root);
    let ended = watched.wait_for(|state| !matches!(state, State::Preparing)).await;
    match ended.as_deref() {
        Ok(State::Failed(reason)) => Err(reason.clone()),
        Ok(State::Ready(_) | State::Preparing) => Ok(()),
        Err(_) => Err("the runner ends".to_owned()),
    }
}

/// Fetches the layers of a root and tells how that went.
async fn make(context: Arc<Context>, root: RootRef, sender: watch::Sender<State>) {
    report(&context, &root, RootState::Preparing, None, None);
    let base = match root.base {
        RootBase::Builtin => wait_for_builtin(&context).await.map(Some),
        RootBase::Empty => Ok(None),
    };
    let (working, layers, root_base) = (Arc::clone(&context), root.layers.clone(), root.base);
    let made = blocking(move || {
        let images = &working.drivers.images;
        let base = match base? {
            Some(builtin) => builtin,
            None => images.ensure_base(RootBase::Empty, &|_| ()).map_err(|error| chain(&error))?,
        };
        let is_image = root_base == RootBase::Empty;
        let Root { layers: mut paths, mut size_bytes } = base;
        let (_never, cancel) = paddock_porter::cancel().map_err(|error| error.to_string())?;
        for layer in &layers {
            let (path, size) = working.layers.ensure(&working.drivers.porter, layer, &cancel)?;
            paths.push(path);
            size_bytes += size;
        }
        if is_image {
            paths.extend(images.trust(&paths).map_err(|error| chain(&error))?);
        }
        Ok::<_, String>(Root { layers: paths, size_bytes })
    })
    .await;
    match made {
        Ok(ready) => {
            report(&context, &root, RootState::Ready, Some(ready.size_bytes), None);
            sender.send_replace(State::Ready(ready));
        }
        Err(reason) => {
            tracing::error!(%root, reason, "a root file system could not be made");
            report(&context, &root, RootState::Failed, None, Some(reason.clone()));
            sender.send_replace(State::Failed(reason));
        }
    }
}

/// The built-in root, once it is there.
async fn wait_for_builtin(context: &Arc<Context>) -> Result<Root, String> {
    let mut below = watch(context, &RootRef::BUILTIN);
    loop {
        let state = below.borrow_and_update().clone();
        match state {
            State::Ready(base) => return Ok(base),
            State::Failed(reason) => return Err(reason),
            State::Preparing => {}
        }
        // Its sender lives as long as the context.
        let _ = below.changed().await;
    }
}

/// Has a root fetched, and tells how far it is once that has ended, or after `patience`.
pub(crate) async fn prepare_now(context: &Arc<Context>, root: &RootRef, patience: Duration) -> RootStatus {
    let mut watched = watch(context, root);
    let ended = tokio::time::timeout(patience, watched.wait_for(|state| !matches!(state, State::Preparing)));
    let state = match ended.await {
        Ok(Ok(state)) => state.clone(),
        // The runner ends, or it takes longer.
        Ok(Err(_)) | Err(_) => State::Preparing,
    };
    let (state, size_bytes, detail) = match state {
        State::Preparing => (RootState::Preparing, None, None),
        State::Ready(root) => (RootState::Ready, Some(root.size_bytes), None),
        State::Failed(reason) => (RootState::Failed, None, Some(reason)),
    };
    RootStatus { root: root.clone(), state, size_bytes, detail }
}

/// Makes the built-in root, and keeps trying.
pub(crate) async fn prepare(context: Arc<Context>, shutdown: CancellationToken) {
    let root = RootRef::BUILTIN;
    let tell = |state| {
        if let Some(sender) = context.roots.known().get(&root) {
            sender.send_replace(state);
        }
    };
    loop {
        report(&context, &root, RootState::Preparing, None, None);
        let working = Arc::clone(&context);
        let made = blocking(move || {
            let progress = |line: &str| {
                tracing::info!(step = line, "making the built-in root file system");
                let detail = Some(line.to_owned());
                report(&working, &RootRef::BUILTIN, RootState::Preparing, None, detail);
            };
            working.drivers.images.ensure_base(RootRef::BUILTIN.base, &progress)
        });
        let made = tokio::select! {
            made = made => made,
            () = shutdown.cancelled() => return,
        };
        match made {
            Ok(ready) => {
                report(&context, &root, RootState::Ready, Some(ready.size_bytes), None);
                tell(State::Ready(ready));
                return;
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(reason, "the built-in root file system could not be made");
                report(&context, &root, RootState::Failed, None, Some(reason.clone()));
                tell(State::Failed(reason));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = shutdown.cancelled() => return,
        }
        tell(State::Preparing);
    }
}

fn report(
    context: &Context,
    root: &RootRef,
    state: RootState,
    size_bytes: Option<u64>,
    detail: Option<String>,
) {
    context.hub.report_root(RootStatus { root: root.clone(), state, size_bytes, detail });
}
