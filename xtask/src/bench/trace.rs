//! Where the time of one create goes, step by step: the spans that the server's processes log at level debug, set
//! against the clock of the client that waited.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::figure::Series;
use super::{Bench, interrupt, raw};

/// How many creates are looked at, and how many before them are not.
const ROUNDS: usize = 30;
const WARM_UP: usize = 5;
/// Seconds in a day.
const DAY: f64 = 86_400.0;

/// The end of one span, as it was logged.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Its name, after those of the spans around it in the same process.
    path: String,
    /// Which part of the server.
    part: String,
    /// Seconds since midnight, UTC.
    began: f64,
    seconds: f64,
}

/// Makes sandboxes, and prints each step with the medians of when it began and how long it took.
pub(super) fn measure(bench: &Bench<'_>) -> Result<()> {
    let (mut api, mut proxy) = (bench.raw.api()?, bench.raw.proxy()?);
    let mut steps: BTreeMap<(String, String), (Series, Series)> = BTreeMap::new();
    let [mut creating, mut executing] = [(); 2].map(|()| Series::default());
    for round in 0..WARM_UP + ROUNDS {
        interrupt::check()?;
        let begin = SystemTime::now();
        let id = raw::create(&mut api)?;
        let created = begin.elapsed()?;
        raw::exec(&mut proxy, &id, "echo hi")?;
        let whole = begin.elapsed()?;
        // Before it is deleted, which has steps of the same names.
        interrupt::settle(raw::SETTLE)?;
        let log = bench.server.log();
        raw::delete(&mut api, std::slice::from_ref(&id))?;
        if round < WARM_UP {
            continue;
        }
        creating.push_time(created);
        executing.push_time(whole - created);
        let zero = begin.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() % DAY;
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for step in log.lines().filter(|line| line.contains(&id)).filter_map(parse) {
            let count = seen.entry(step.path.clone()).or_default();
            *count += 1;
            let path = if *count == 1 { step.path } else { format!("{} ({count})", step.path) };
            let (began, took) = steps.entry((step.part, path)).or_default();
            began.push((step.began - zero).rem_euclid(DAY) * 1000.0);
            took.push(step.seconds * 1000.0);
        }
    }
    let mut rows: Vec<_> = steps
        .into_iter()
        // A step of a few of them only is no part of a create.
        .filter(|(_, (began, _))| began.len() > ROUNDS / 2)
        .map(|((part, path), (began, took))| (began.median(), took, part, path))
        .collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    println!("{:>9}  {:>9}  {:>19}  {:8}  step", "begins", "takes", "10 % – 90 %", "part");
    for (began, took, part, path) in rows {
        let (low, high) = (took.quantile(0.1), took.quantile(0.9));
        println!("{began:6.2} ms  {:6.2} ms  {low:7.2} – {high:6.2} ms  {part:8}  {path}", took.median());
    }
    println!(
        "the client waited {:.2} ms for the sandbox and {:.2} ms for its first output (medians of {ROUNDS})",
        creating.median(),
        executing.median()
    );
    Ok(())
}

/// A line such as `2026-01-01T00:00:00.5Z DEBUG launch{sandbox.id=…}:pair: paddock_runner::x: close time.busy=1.5ms
/// time.idle=2µs`. `None` for every other line.
fn parse(line: &str) -> Option<Step> {
    let (head, times) = line.split_once(": close time.busy=")?;
    let (busy, idle) = times.split_once(" time.idle=")?;
    let took = duration(busy)? + duration(idle.trim())?;
    let (stamp, rest) = head.trim_start().split_once(' ')?;
    let (spans, target) = rest.trim_start().split_once(' ')?.1.rsplit_once(": ")?;
    let part = target.split("::").next()?.trim_start_matches("paddock_").trim_start_matches("driver_");
    let path: Vec<&str> = spans.split("}:").flat_map(names).collect();
    let ended = seconds_of_day(stamp).context("no time").ok()?;
    Some(Step {
        path: path.join(" › "),
        part: part.to_owned(),
        began: ended - took.as_secs_f64(),
        seconds: took.as_secs_f64(),
    })
}

/// The names in `a:b{fields`.
fn names(spans: &str) -> impl Iterator<Item = &str> {
    let names = spans.split_once('{').map_or(spans, |(names, _)| names);
    // Requests carry what their client says; they frame everything and are no step.
    names.split(':').filter(|name| !name.is_empty() && *name != "request")
}

/// `1.5ms`, `2µs`, `800ns`, `1.2s`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()
}

fn seconds_of_day(stamp: &str) -> Option<f64> {
    let mut parts = stamp.split_once('T')?.1.strip_suffix('Z')?.split(':');
    let mut next = || parts.next()?.parse::<f64>().ok();
    Some(next()? * 3600.0 + next()? * 60.0 + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_span_says_when_it_began_and_what_is_around_it() {
        let line = "2026-11-22T01:00:10.500000Z DEBUG launch{sandbox.id=1-2}:runtime:assemble: \
                    paddock_driver_runtime::oci: close time.busy=1.25ms time.idle=250µs";
        let step = parse(line).unwrap();
        assert_eq!((step.path.as_str(), step.part.as_str()), ("launch › runtime › assemble", "runtime"));
        assert!((step.seconds - 0.0015).abs() < 1e-9);
        assert!((step.began - (3610.5 - 0.0015)).abs() < 1e-6);
    }

    #[test]
    fn a_request_around_a_step_is_left_out() {
        let line = "2026-11-22T00:00:01Z DEBUG request{method=POST path=\"/api/sandbox\" source=\"\"}:insert{sandbox.id=7}: \
                    paddock_control::app::sandbox::create: close time.busy=10.0µs time.idle=800ns";
        let step = parse(line).unwrap();
        assert_eq!((step.path.as_str(), step.part.as_str()), ("insert", "control"));
    }

    #[test]
    fn other_lines_are_no_steps() {
        assert_eq!(
            parse("2026-11-22T00:00:01Z  INFO paddock_runner::hub: sandbox changed sandbox.id=1"),
            None
        );
    }
}
