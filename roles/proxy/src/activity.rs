//! Tells control that a sandbox is in use: at a request's start and while it lasts (`spec/control-plane.md`
//! E.6).

use std::time::Duration;

use http::HeaderMap;
use paddock_client::Control;
use paddock_types::SandboxId;

/// While a request or a WebSocket is open, it is said again after this time.
const PERIOD: Duration = Duration::from_secs(50);
/// With this header a request is no use of the sandbox.
pub(crate) const SKIP: &str = "x-daytona-skip-last-activity-update";

/// Says it until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(Option<tokio::task::JoinHandle<()>>);

/// Says that `id` is in use, and goes on saying it, unless the request's headers ask not to.
pub(crate) async fn watch(control: Control, id: SandboxId, headers: &HeaderMap) -> Watch {
    if headers.get(SKIP).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true")) {
        return Watch(None);
    }
    record(&control, id).await;
    Watch(Some(tokio::spawn(async move {
        loop {
            tokio::time::sleep(PERIOD).await;
            record(&control, id).await;
        }
    })))
}

async fn record(control: &Control, id: SandboxId) {
    if let Err(error) = control.record_activity(vec![id]).await {
        tracing::warn!(%error, sandbox.id = %id, "the use of a sandbox could not be recorded");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
