//! `GET /system/metrics`.

use std::path::Path;

use axum::Json;
use paddock_wire_toolbox::SystemMetrics;

use crate::clock;
use crate::http::{ApiError, blocking};
use crate::small_file::read_small_file;

/// Where a container sees its own control group, version 2.
const GROUP: &str = "/sys/fs/cgroup";

pub(crate) async fn metrics() -> Result<Json<SystemMetrics>, ApiError> {
    blocking(|| Ok(Json(read()))).await
}

/// What can be read now. No share of the processors: that needs two looks, five seconds apart, and who asks here can
/// look twice.
fn read() -> SystemMetrics {
    let text = |path: &Path| read_small_file(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let group = |file: &str| text(&Path::new(GROUP).join(file));
    let memory = text(Path::new("/proc/meminfo")).unwrap_or_default();
    let host = |name: &str| entry(&memory, name).map(|kib| kib * 1024);
    let used_on_host = || Some(host("MemTotal:")?.saturating_sub(host("MemAvailable:")?));
    let disk = rustix::fs::statvfs("/").ok();
    let blocks = |count: u64| disk.as_ref().map(|disk| count * disk.f_frsize);
    SystemMetrics {
        cpu_count: group("cpu.max").and_then(|text| processors(&text)).or_else(all_processors),
        cpu_used_pct: None,
        mem_total: group("memory.max").and_then(|text| number(&text)).or_else(|| host("MemTotal:")),
        mem_used: group("memory.current").and_then(|text| number(&text)).or_else(used_on_host),
        mem_cache: group("memory.stat").and_then(|text| entry(&text, "file ")).or_else(|| host("Cached:")),
        disk_total: disk.as_ref().and_then(|disk| blocks(disk.f_blocks)),
        disk_used: disk.as_ref().and_then(|disk| blocks(disk.f_blocks.saturating_sub(disk.f_bfree))),
        disk_free: disk.as_ref().and_then(|disk| blocks(disk.f_bavail)),
        timestamp: Some(clock::now()),
        timestamp_unix: Some(clock::unix_seconds()),
    }
}

fn all_processors() -> Option<u64> {
    std::thread::available_parallelism().ok().map(|count| count.get() as u64)
}

/// The limit of `cpu.max`, rounded up. `None` for `max`.
fn processors(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota.div_ceil(period))
}

/// The first number behind `name` at the beginning of a line.
fn entry(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_rounded_up_and_may_be_none() {
        assert_eq!(processors("150000 100000\n"), Some(2));
        assert_eq!(processors("100000 100000\n"), Some(1));
        assert_eq!(processors("max 100000\n"), None);
        assert_eq!(processors("1 0"), None);
    }

    #[test]
    fn this_machine_has_processors_memory_and_a_disk() {
        let found = read();
        assert!(found.cpu_count.is_some_and(|count| count > 0));
        assert!(found.mem_total > Some(1 << 20) && found.mem_used > Some(0), "{found:?}");
        assert!(found.disk_total >= found.disk_used && found.disk_total > Some(0), "{found:?}");
    }
}
