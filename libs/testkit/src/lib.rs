//! For tests only: a runner that does what a test says; a PostgreSQL, a bucket, a registry and images of one's own.
//!
//! The cast: [`postgres::Postgres`] is a real server in a temporary directory; [`bucket::Bucket`] a server that speaks S3;
//! [`registry::Registry`] Debian's registry, [`registry::bad::Bad`] one that lies; [`images`] what is in them;
//! [`runner::FakeRunner`]
//! speaks the runner's wire over a real Unix socket and keeps its sandboxes in memory, where they
//! survive its restarts; [`walk`] is a model of sandboxes' lives; [`eventually`] waits for a condition with a deadline.

pub mod bucket;
pub mod images;
pub mod postgres;
pub mod registry;
pub mod runner;
pub mod walk;

use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `condition` until it gives something, at most [`PATIENCE`] long.
///
/// # Panics
/// When it never does; the message names `what`.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
