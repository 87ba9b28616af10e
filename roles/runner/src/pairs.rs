//! Namespaces made ahead: what a new sandbox lives in does not depend on which sandbox it is.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use paddock_driver_network::Port;
use paddock_sys::namespace::{self, Pair};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Context, blocking, chain};

/// A user and a network namespace, the latter connected.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) pair: Pair,
    pub(crate) port: Port,
}

/// Why a pair could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no block of user ids is free")]
    Ids(#[source] std::io::Error),
    #[error("could not make namespaces")]
    Namespaces(#[source] std::io::Error),
    #[error("could not connect the sandbox")]
    Network(#[from] paddock_driver_network::Error),
}

/// The spare ones.
#[derive(Debug)]
pub(crate) struct Pairs {
    wanted: usize,
    spare: Mutex<VecDeque<Connected>>,
    taken: Notify,
}

impl Pairs {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, spare: Mutex::default(), taken: Notify::new() }
    }

    fn pop(&self) -> Option<Connected> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn count(&self) -> usize {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A spare pair, or a new one. Blocks.
pub(crate) fn take(context: &Context) -> Result<Connected, Error> {
    let spare = context.pairs.pop();
    context.pairs.taken.notify_one();
    spare.map_or_else(|| make(context), Ok)
}

fn make(context: &Context) -> Result<Connected, Error> {
    let range = context.ids.take().map_err(Error::Ids)?;
    let mut undo = paddock_undo::Undo::new();
    undo.push(|| {
        if let Err(error) = context.ids.release(range) {
            tracing::warn!(%error, "could not give ids back");
        }
    });
    let pair = namespace::make_pair(range).map_err(Error::Namespaces)?;
    let port = context.drivers.network.connect(pair.network.as_fd())?;
    undo.keep();
    Ok(Connected { pair, port })
}

/// Ends a connection and gives the ids back. What fails is left to the reaper.
pub(crate) fn release(context: &Context, port: Port, first_id: u32) {
    if let Err(error) = context.drivers.network.disconnect(port) {
        tracing::warn!(reason = chain(&error), "could not disconnect a sandbox");
    }
    let range = namespace::IdRange { first: first_id, count: 65_536 };
    if let Err(error) = context.ids.release(range) {
        tracing::warn!(%error, "could not give ids back");
    }
}

/// Keeps as many spare ones as wanted.
pub(crate) async fn refill(context: Arc<Context>, shutdown: CancellationToken) {
    loop {
        while context.pairs.count() < context.pairs.wanted && !shutdown.is_cancelled() {
            // Making one takes a processor; a launch that is under way needs it more.
            let Ok(_turn) = context.launches.acquire().await else { return };
            let working = Arc::clone(&context);
            match blocking(move || make(&working)).await {
                Ok(made) => {
                    context.pairs.spare.lock().unwrap_or_else(PoisonError::into_inner).push_back(made);
                }
                Err(error) => {
                    tracing::warn!(reason = chain(&error), "could not make namespaces ahead");
                    break;
                }
            }
        }
        tokio::select! {
            () = context.pairs.taken.notified() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Gives all spare ones back.
pub(crate) async fn give_back(context: &Arc<Context>) {
    let working = Arc::clone(context);
    blocking(move || {
        while let Some(spare) = working.pairs.pop() {
            let first = spare.pair.range.first;
            let port = spare.port;
            drop(spare);
            release(&working, port, first);
        }
    })
    .await;
}
