//! A sandbox's PID 1 as the host sees it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Files that may be open besides: connections that the proxy keeps.
const MORE_FILES: u64 = 4;
/// Threads for files are made when they are first needed and kept.
const MORE_THREADS: u64 = 4;
/// Memory that may come besides, KiB: the allocator's and the tables' own.
const MORE_KIB: u64 = 1024;

/// The daemon of one sandbox.
#[derive(Debug)]
pub(super) struct Daemon {
    pid: u32,
    /// What the control group of every process of the sandbox has in its path.
    group: String,
}

/// What it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) open_files: u64,
    pub(super) threads: u64,
    /// Memory that is its own and no file's.
    pub(super) own_kib: u64,
    /// All processes of the sandbox.
    pub(super) processes: u64,
}

impl Daemon {
    /// Finds PID 1 among the processes of a sandbox.
    pub(super) fn find(instance: &str, sandbox: &str) -> Result<Self> {
        let group = format!("paddock-{instance}/{sandbox}");
        let pid = processes(&group)?.into_iter().find(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            field(&status, "NSpid").is_some_and(|ids| ids.split_whitespace().next_back() == Some("1"))
        });
        Ok(Self { pid: pid.with_context(|| format!("no PID 1 in {group}"))?, group })
    }

    pub(super) fn look(&self) -> Result<Seen> {
        let place = Path::new("/proc").join(self.pid.to_string());
        let status = fs::read_to_string(place.join("status")).context("the daemon has ended")?;
        let number = |name: &str| -> Result<u64> {
            let value = field(&status, name).with_context(|| format!("no {name}"))?;
            Ok(value.trim_end_matches("kB").trim().parse()?)
        };
        Ok(Seen {
            open_files: fs::read_dir(place.join("fd"))?.count() as u64,
            threads: number("Threads")?,
            own_kib: number("RssAnon")?,
            processes: processes(&self.group)?.len() as u64,
        })
    }
}

impl Seen {
    /// What is more than it may be.
    pub(super) fn growth_since(&self, first: &Self) -> Vec<String> {
        [
            ("open files", self.open_files, first.open_files, MORE_FILES),
            ("threads", self.threads, first.threads, MORE_THREADS),
            ("KiB of memory", self.own_kib, first.own_kib, MORE_KIB),
            ("processes", self.processes, first.processes, 0),
        ]
        .into_iter()
        .filter(|(_, now, before, more)| *now > before + more)
        .map(|(what, now, before, _)| format!("{before} {what} became {now}"))
        .collect()
    }
}

/// The processes in a control group and beneath it, whatever hierarchy has it.
fn processes(group: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that ends meanwhile is not there any more.
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if groups.contains(group) && !has_ended(pid) {
            found.push(pid);
        }
    }
    if found.is_empty() { bail!("no process in {group}") } else { Ok(found) }
}

/// Whether it waits to be reaped: that is no growth yet, since whoever must is about to.
fn has_ended(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    field(&status, "State").is_none_or(|state| state.starts_with('Z'))
}

fn field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_what_is_more_than_the_slack() {
        let first = Seen { open_files: 20, threads: 2, own_kib: 900, processes: 2 };
        assert_eq!(first.growth_since(&first), [""; 0]);
        let slack = Seen { open_files: 24, threads: 6, own_kib: 1924, processes: 1 };
        assert_eq!(slack.growth_since(&first), [""; 0]);
        let grown = Seen { open_files: 25, threads: 7, own_kib: 1925, processes: 3 };
        assert_eq!(
            grown.growth_since(&first),
            [
                "20 open files became 25",
                "2 threads became 7",
                "900 KiB of memory became 1925",
                "2 processes became 3"
            ]
        );
    }

    #[test]
    fn a_field_is_read_by_its_whole_name() {
        let status = "NSpid:\t512\t1\nThreads:\t3\nRssAnon:\t     900 kB\n";
        assert_eq!(field(status, "NSpid"), Some("512\t1"));
        assert_eq!(field(status, "RssAnon"), Some("900 kB"));
        assert_eq!(field(status, "Rss"), None);
    }
}
