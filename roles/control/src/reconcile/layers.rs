//! Removes layers that nothing is made of any more, from the runner, then from the record; and takes those off the host of which
//! only inactive snapshots are made.

use std::time::Duration;

use crate::app::App;
use crate::app::error::chain;

/// How often layers are looked at though nobody said that one is free.
const PERIOD: Duration = Duration::from_secs(600);

/// Runs for ever.
pub(super) async fn collect(app: App) {
    loop {
        let is_done = match once(&app).await {
            Ok(is_done) => is_done,
            Err(error) => {
                tracing::warn!(error = chain(&error), "layers could not be looked at");
                false
            }
        };
        // What could not be removed is tried again soon.
        let wait = if is_done { PERIOD } else { app.config.timer_period };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.layers.notified() => {}
        }
    }
}

/// Gives back whether nothing is left to be removed.
async fn once(app: &App) -> Result<bool, paddock_store::StoreError> {
    let mut is_done = true;
    for id in app.store.claim_stale_layers().await? {
        match app.runner.delete_layer(id).await {
            Ok(()) => {
                app.store.forget_layer(id).await?;
                tracing::info!(layer.id = %id, "removed a layer that nothing is made of");
            }
            Err(error) => {
                is_done = false;
                tracing::warn!(layer.id = %id, error = chain(&*error), "a layer could not be removed yet");
            }
        }
    }
    for id in app.store.layers_of_inactive().await? {
        if let Err(error) = app.runner.evict_layer(id).await {
            is_done = false;
            tracing::warn!(layer.id = %id, error = chain(&*error), "a layer could not be taken off its host yet");
        }
    }
    Ok(is_done)
}
