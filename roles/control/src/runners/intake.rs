//! Follows the runner's events for ever: connects, takes in everything, connects again.

use std::time::Duration;

use paddock_wire_runner::{Event, PROTOCOL_VERSION};
use tokio::time::{sleep, timeout};

use super::client::RunnerClient;
use super::lines::Lines;
use crate::app::{App, snapshot};

/// A runner says something at least every ten seconds; three silences are a broken connection.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// From the first failed connection to the next try; doubled up to [`SLOWEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(20);
/// A runner that restarts is found again within this.
const SLOWEST_RETRY: Duration = Duration::from_millis(500);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Follows the runner until the task is dropped.
pub(crate) async fn follow(app: App, client: RunnerClient) {
    let mut pause = FIRST_RETRY;
    let mut is_reported = false;
    loop {
        let outcome = follow_once(&app, &client, &mut pause, &mut is_reported).await;
        app.mirror.end();
        if !is_reported {
            let error =
                outcome.err().map_or_else(|| "the stream ended".to_owned(), |error| error.to_string());
            tracing::warn!(error, "the runner cannot be heard; trying again");
            is_reported = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(SLOWEST_RETRY);
    }
}

/// One connection, from opening to breaking.
async fn follow_once(
    app: &App,
    client: &RunnerClient,
    pause: &mut Duration,
    is_reported: &mut bool,
) -> Result<(), AnyError> {
    let mut lines = Lines::of(timeout(LONGEST_SILENCE, client.events()).await??);
    let mut is_greeted = false;
    while let Some(line) = timeout(LONGEST_SILENCE, lines.next()).await?? {
        if line.is_empty() {
            continue;
        }
        let event: Event = serde_json::from_slice(&line)?;
        if let Event::Hello(runner) = &event {
            if runner.protocol != PROTOCOL_VERSION {
                return Err(format!(
                    "the runner speaks protocol {}, not {PROTOCOL_VERSION}",
                    runner.protocol
                )
                .into());
            }
            tracing::info!(runner.id = %runner.id, version = runner.version, "the runner is here");
            (is_greeted, *is_reported, *pause) = (true, false, FIRST_RETRY);
        } else if !is_greeted {
            return Err("the runner did not say who it is".into());
        }
        take_in(app, event).await?;
    }
    Ok(())
}

async fn take_in(app: &App, event: Event) -> Result<(), AnyError> {
    match event {
        Event::Hello(runner) => app.mirror.begin(runner),
        Event::Sandbox(observation) => {
            let id = observation.id;
            app.mirror.event(observation);
            app.queue.wake(id);
        }
        Event::InSync => {
            app.mirror.in_sync();
            app.queue.wake_all();
        }
        Event::Root(status) => {
            if status.root.layers.is_empty() {
                app.root.send_replace(Some(status.clone()));
            }
            snapshot::observe_root(app, status).await?;
        }
    }
    Ok(())
}
