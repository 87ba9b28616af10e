//! What the moves of a life take, from the request until the API shows the end, against a create of the same run.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::figure::{Against, Row, Series, Table, Unit};
use super::wire::Connection;
use super::{Bench, interrupt, raw};

/// How often each is measured.
const ROUNDS: usize = 20;
/// How often before that, uncounted.
const WARM_UP: usize = 2;
/// How long a move may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked whether it is over.
const LOOK: Duration = Duration::from_millis(1);

const FIGURE: &str = "moves";

/// The moves of a round, in order, with the states that they end in.
const MOVES: [(&str, &str); 8] = [
    ("stop", "stopped"),
    ("start", "started"),
    ("pause", "paused"),
    ("resume", "started"),
    ("fork", "started"),
    ("snapshot", "started"),
    ("archive", "archived"),
    ("restore", "started"),
];

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let mut api = bench.raw.api()?;
    let mut create = Series::default();
    let mut all: Vec<Series> = MOVES.iter().map(|_| Series::default()).collect();
    for round in 0..WARM_UP + ROUNDS {
        interrupt::check()?;
        let begin = Instant::now();
        let id = raw::create_from(&mut api, &json!({"autoStopInterval": 0}))?;
        let created = begin.elapsed();
        let times = life(&mut api, &id, round)?;
        raw::delete(&mut api, &[id])?;
        if round >= WARM_UP {
            create.push_time(created);
            all.iter_mut().zip(times).for_each(|(series, time)| series.push_time(time));
        }
    }
    table.add(Row::new(FIGURE, "create", Unit::Milliseconds, &create));
    for ((name, _), series) in MOVES.iter().zip(&all) {
        let row = Row::new(FIGURE, name, Unit::Milliseconds, series);
        table.add(row.against(Against::Times(series.median() / create.median())));
    }
    Ok(())
}

fn life(api: &mut Connection, id: &str, round: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for (name, state) in MOVES {
        if name == "archive" {
            post(api, id, "stop", &json!({}))?;
            until(api, id, "stopped")?;
        }
        let begin = Instant::now();
        let (verb, body) = match name {
            "resume" | "restore" => ("start", json!({})),
            "snapshot" => (name, json!({"name": format!("bench-{round}")})),
            _ => (name, json!({})),
        };
        let answer = post(api, id, verb, &body)?;
        if name == "fork" {
            times.push(begin.elapsed());
            let child = answer["id"].as_str().unwrap_or_default().to_owned();
            until(api, id, state)?;
            raw::delete(api, &[child])?;
            continue;
        }
        until(api, id, state)?;
        times.push(begin.elapsed());
        if name == "snapshot" {
            raw::success(api.send("DELETE", &format!("/api/snapshots/bench-{round}"), b"")?)?;
        }
    }
    Ok(times)
}

fn post(api: &mut Connection, id: &str, verb: &str, body: &Value) -> Result<Value> {
    raw::success(api.send("POST", &format!("/api/sandbox/{id}/{verb}"), body.to_string().as_bytes())?)
}

fn until(api: &mut Connection, id: &str, state: &str) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let shown = raw::success(api.send("GET", &format!("/api/sandbox/{id}"), b"")?)?;
        if shown["state"] == state {
            return Ok(());
        }
        if shown["state"] == "error" || Instant::now() > deadline {
            bail!("a sandbox is not {state} but {}: {}", shown["state"], shown["errorReason"]);
        }
        interrupt::settle(LOOK)?;
    }
}
