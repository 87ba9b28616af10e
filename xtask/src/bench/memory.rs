//! What idle sandboxes cost in memory, and what the server costs without any.
//!
//! Proportional set sizes (a page that n processes share counts as 1/n in each) of the supervisor and everything
//! beneath it: the front, the runner, the resolver, and every sandbox's processes, whose nearest reaper it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::figure::{Against, Row, Series, Table, Unit};
use super::{Bench, interrupt, raw};

/// How many idle sandboxes.
const SANDBOXES: u16 = 50;
/// How often the whole is measured.
const ROUNDS: usize = 2;
/// MiB per idle sandbox.
const PROMISE: f64 = 4.0;
/// MiB of all processes without sandboxes.
const REST_PROMISE: f64 = 60.0;
/// Memory is measured once it has not changed by more than [`STILL`] MiB between two looks.
const LOOK: Duration = Duration::from_millis(400);
const STILL: f64 = 0.5;
const STILL_LIMIT: Duration = Duration::from_secs(15);

/// MiB, of processes and of the kernel.
#[derive(Debug, Clone, Copy)]
struct Memory {
    processes: f64,
    kernel: f64,
}

/// The server alone, just started.
pub(super) fn at_rest(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let now = when_still(bench)?;
    table.add(
        Row::new(
            "server at rest",
            "all processes, just started",
            Unit::Mebibytes,
            &Series::of(now.processes),
        )
        .against(Against::Alone(now.processes))
        .promised(REST_PROMISE),
    );
    Ok(())
}

/// The difference that [`SANDBOXES`] make, each.
pub(super) fn per_sandbox(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let mut api = bench.raw.api()?;
    let [mut processes, mut kernel, mut rest] = [(); 3].map(|()| Series::default());
    for _ in 0..ROUNDS {
        let before = when_still(bench)?;
        let mut ids = Vec::new();
        for _ in 0..SANDBOXES {
            interrupt::check()?;
            ids.push(raw::create(&mut api)?);
        }
        let with = when_still(bench)?;
        raw::delete(&mut api, &ids)?;
        processes.push((with.processes - before.processes) / f64::from(SANDBOXES));
        kernel.push((with.kernel - before.kernel) / f64::from(SANDBOXES));
        rest.push(before.processes);
    }
    let figure = format!("idle sandbox, of {SANDBOXES}");
    table.add(
        Row::new(&figure, "processes (PSS)", Unit::Mebibytes, &processes)
            .against(Against::Alone(processes.median()))
            .promised(PROMISE),
    );
    table.add(Row::new(&figure, "kernel (slab, tables, stacks, per-CPU)", Unit::Mebibytes, &kernel));
    table.add(Row::new("server at rest", "all processes, after the sandboxes above", Unit::Mebibytes, &rest));
    Ok(())
}

fn when_still(bench: &Bench<'_>) -> Result<Memory> {
    let deadline = Instant::now() + STILL_LIMIT;
    let mut last = measure(bench)?;
    loop {
        interrupt::settle(LOOK)?;
        let now = measure(bench)?;
        if (now.processes - last.processes).abs() < STILL || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

fn measure(bench: &Bench<'_>) -> Result<Memory> {
    let mut processes = 0;
    for pid in beneath(bench.server.pid()?)? {
        // One that has ended meanwhile has no memory.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        processes += kib(&text, "Pss:");
    }
    let info = fs::read_to_string("/proc/meminfo")?;
    let kernel: u64 =
        ["Slab:", "PageTables:", "KernelStack:", "Percpu:"].iter().map(|name| kib(&info, name)).sum();
    Ok(Memory { processes: mib(processes), kernel: mib(kernel) })
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "far below what a double holds")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// `top` and every process beneath it.
fn beneath(top: u32) -> Result<BTreeSet<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name in parentheses may hold anything, so count from its last closing one.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        children.entry(parent.context("a process without a parent")?).or_default().push(pid);
    }
    let mut found = BTreeSet::new();
    let mut waiting = vec![top];
    while let Some(pid) = waiting.pop() {
        if found.insert(pid) {
            waiting.extend(children.get(&pid).into_iter().flatten());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_by_its_whole_name() {
        let text = "Rss:    10 kB\nPss:                1234 kB\nPss_Dirty:   9 kB\n";
        assert_eq!(kib(text, "Pss:"), 1234);
        assert_eq!(kib(text, "Swap:"), 0);
    }

    #[test]
    fn what_is_beneath_this_process_holds_a_child_and_not_the_parent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = beneath(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        let found = found.unwrap();
        assert!(found.contains(&child.id()) && found.contains(&std::process::id()));
        assert!(!found.contains(&std::os::unix::process::parent_id()));
    }
}
