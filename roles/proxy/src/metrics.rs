//! `GET /system/metrics` of a sandbox's toolbox (`spec/toolbox.md` A.6), answered from outside.
//!
//! What a sandbox sees of itself is not its limit: the file system shows the pool, and `/proc` the host. The runner
//! knows both, and what it says cannot be forged from inside.

use axum::Json;
use axum::response::{IntoResponse, Response};
use paddock_types::SandboxId;
use paddock_wire_control::internal::Usage;
use paddock_wire_toolbox::SystemMetrics;

use crate::error::ProxyError;
use crate::route::{Service, Target};

/// Whether a request asks for this.
pub(crate) fn is_asked(target: &Target, method: &http::Method) -> bool {
    let path = target.path_and_query.split('?').next();
    target.service == Service::Toolbox && method == http::Method::GET && path == Some("/system/metrics")
}

/// Answers it.
pub(crate) async fn answer(control: &paddock_client::Control, id: SandboxId) -> Result<Response, ProxyError> {
    match control.usage(id).await {
        Ok(usage) => Ok(Json(metrics(&usage, jiff::Timestamp::now())).into_response()),
        Err(error) => {
            tracing::warn!(%error, sandbox.id = %id, "what a sandbox uses is not known");
            Err(ProxyError::Unreachable)
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of processors; casts from floats saturate"
)]
fn metrics(usage: &Usage, now: jiff::Timestamp) -> SystemMetrics {
    let limit = usage.cpu_limit.max(f64::MIN_POSITIVE);
    SystemMetrics {
        cpu_count: Some(usage.cpu_limit.ceil() as u64),
        cpu_used_pct: Some((usage.cpu_used / limit * 100.0).clamp(0.0, 100.0)),
        mem_total: usage.memory_limit_bytes,
        mem_used: Some(usage.memory_used_bytes),
        mem_cache: Some(usage.memory_cache_bytes),
        disk_total: Some(usage.disk_limit_bytes),
        disk_used: Some(usage.disk_used_bytes),
        disk_free: Some(usage.disk_limit_bytes.saturating_sub(usage.disk_used_bytes)),
        timestamp: Some(format!("{now:.3}")),
        timestamp_unix: Some(now.as_second()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_sandboxs_own_limits() {
        let usage = Usage {
            cpu_used: 0.75,
            cpu_limit: 1.5,
            memory_used_bytes: 3,
            memory_cache_bytes: 1,
            memory_limit_bytes: Some(4),
            disk_used_bytes: 10,
            disk_limit_bytes: 30,
        };
        let found = metrics(&usage, jiff::Timestamp::from_second(1_781_234_567).unwrap());
        assert_eq!((found.cpu_count, found.cpu_used_pct), (Some(2), Some(50.0)));
        assert_eq!((found.disk_total, found.disk_used, found.disk_free), (Some(30), Some(10), Some(20)));
        assert_eq!(found.timestamp.as_deref(), Some("2026-06-12T03:22:47.000Z"));
        assert_eq!(found.timestamp_unix, Some(1_781_234_567));
        let busy = metrics(&Usage { cpu_used: 9.0, ..usage }, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(busy.cpu_used_pct, Some(100.0), "never more than the whole allowance");
    }
}
