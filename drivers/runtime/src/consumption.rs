//! What a sandbox consumes, as its control groups tell.

use std::io;
use std::time::Duration;

use crate::cgroup::Cgroups;

/// What a sandbox consumes now, and what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consumption {
    /// Processor time since its launch.
    pub cpu_time: Duration,
    /// Processor time that it may use per second, in thousandths of one processor. `None`: not limited.
    pub cpu_limit_millicores: Option<u64>,
    /// Memory in use, the page cache of its files included.
    pub memory_used_bytes: u64,
    /// The page cache within that: given back when memory is short.
    pub memory_cache_bytes: u64,
    /// The most memory that it may use. `None`: not limited.
    pub memory_limit_bytes: Option<u64>,
}

impl Cgroups {
    /// What the processes of `name` consume.
    ///
    /// # Errors
    /// When it has no control groups.
    pub fn consumption(&self, name: &str) -> io::Result<Consumption> {
        let read = |file: &str| self.read(name, file);
        let found = if self.is_unified() { unified(read) } else { separate(read) };
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Version 2. Units: microseconds, bytes; `max` is no limit.
fn unified(read: impl Fn(&str) -> Option<String>) -> Option<Consumption> {
    let statistics = read("memory.stat").unwrap_or_default();
    let cpu_limit = read("cpu.max").and_then(|text| {
        let (quota, period) = text.trim().split_once(' ')?;
        per_mille(quota.parse().ok()?, period.parse().ok()?)
    });
    Some(Consumption {
        cpu_time: Duration::from_micros(entry(&read("cpu.stat")?, "usage_usec")?),
        cpu_limit_millicores: cpu_limit,
        memory_used_bytes: number(&read("memory.current")?)?,
        memory_cache_bytes: entry(&statistics, "file").unwrap_or(0),
        memory_limit_bytes: read("memory.max").as_deref().and_then(number),
    })
}

/// Version 1. Units: nanoseconds, microseconds, bytes; a negative quota is no limit, and so is more memory than any
/// machine has.
fn separate(read: impl Fn(&str) -> Option<String>) -> Option<Consumption> {
    const NO_MEMORY_LIMIT: u64 = 1 << 60;
    let statistics = read("memory.stat").unwrap_or_default();
    let period = read("cpu.cfs_period_us").as_deref().and_then(number);
    let quota = read("cpu.cfs_quota_us").as_deref().and_then(number);
    Some(Consumption {
        cpu_time: Duration::from_nanos(number(&read("cpuacct.usage")?)?),
        cpu_limit_millicores: quota.zip(period).and_then(|(quota, period)| per_mille(quota, period)),
        memory_used_bytes: number(&read("memory.usage_in_bytes")?)?,
        memory_cache_bytes: entry(&statistics, "total_cache").unwrap_or(0),
        memory_limit_bytes: read("memory.limit_in_bytes")
            .as_deref()
            .and_then(number)
            .filter(|&limit| limit < NO_MEMORY_LIMIT),
    })
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number behind `name` in a file of names and numbers.
fn entry(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| number(line.strip_prefix(name)?.strip_prefix(' ')?))
}

fn per_mille(quota: u64, period: u64) -> Option<u64> {
    quota.checked_mul(1000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(known: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |wanted| known.iter().find(|(name, _)| *name == wanted).map(|(_, text)| (*text).to_owned())
    }

    #[test]
    fn version_two_is_read() {
        let group = files(&[
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
            ("cpu.max", "150000 100000\n"),
            ("memory.current", "4096\n"),
            ("memory.max", "max\n"),
            ("memory.stat", "anon 1\nfile_mapped 7\nfile 2048\n"),
        ]);
        let expected = Consumption {
            cpu_time: Duration::from_micros(1500),
            cpu_limit_millicores: Some(1500),
            memory_used_bytes: 4096,
            memory_cache_bytes: 2048,
            memory_limit_bytes: None,
        };
        assert_eq!(unified(group), Some(expected));
        assert_eq!(unified(files(&[("memory.current", "1")])), None);
        let unlimited =
            files(&[("cpu.stat", "usage_usec 1"), ("cpu.max", "max 100000"), ("memory.current", "1")]);
        assert_eq!(unified(unlimited).unwrap().cpu_limit_millicores, None);
    }

    #[test]
    fn version_one_is_read() {
        let group = files(&[
            ("cpuacct.usage", "2000000\n"),
            ("cpu.cfs_quota_us", "100000\n"),
            ("cpu.cfs_period_us", "100000\n"),
            ("memory.usage_in_bytes", "8192\n"),
            ("memory.limit_in_bytes", "1073741824\n"),
            ("memory.stat", "cache 1\ntotal_cache 4096\n"),
        ]);
        let expected = Consumption {
            cpu_time: Duration::from_millis(2),
            cpu_limit_millicores: Some(1000),
            memory_used_bytes: 8192,
            memory_cache_bytes: 4096,
            memory_limit_bytes: Some(1 << 30),
        };
        assert_eq!(separate(group), Some(expected));
        let unlimited = files(&[
            ("cpuacct.usage", "1"),
            ("cpu.cfs_quota_us", "-1"),
            ("cpu.cfs_period_us", "100000"),
            ("memory.usage_in_bytes", "1"),
            ("memory.limit_in_bytes", "9223372036854771712"),
        ]);
        let found = separate(unlimited).unwrap();
        assert_eq!((found.cpu_limit_millicores, found.memory_limit_bytes), (None, None));
    }
}
