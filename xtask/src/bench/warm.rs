//! A sandbox of a warm pool against one that is made for the occasion: until the API has answered, and until the first
//! command's output. The pool has one member and is waited for, so its refilling falls behind what is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::figure::{Against, Row, Series, Table, Unit};
use super::wire::Connection;
use super::{Bench, interrupt, raw};

/// How often each is measured.
const ROUNDS: usize = 20;
/// How often before that, uncounted.
const WARM_UP: usize = 2;
/// How long a pool may take to have its member.
const FILL_LIMIT: Duration = Duration::from_secs(30);

const FIGURE: &str = "warm pool";

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let (mut api, mut proxy) = (bench.raw.api()?, bench.raw.proxy()?);
    let snapshot = json!({"snapshot": "paddock-small", "pool": 1}).to_string();
    let pool = raw::success(api.send("POST", "/api/warm-pools", snapshot.as_bytes())?)?;
    let id = pool["id"].as_str().context("a warm pool has no id")?.to_owned();
    let measured = rounds(&mut api, &mut proxy);
    raw::success(api.send("DELETE", &format!("/api/warm-pools/{id}"), b"")?)?;
    let [cold_answer, warm_answer, cold, warm] = measured?;
    table.add(Row::new(FIGURE, "create answered, cold", Unit::Milliseconds, &cold_answer));
    table.add(
        Row::new(FIGURE, "create answered, warm", Unit::Milliseconds, &warm_answer)
            .against(Against::Times(warm_answer.median() / cold_answer.median())),
    );
    table.add(Row::new(FIGURE, "first output, cold", Unit::Milliseconds, &cold));
    table.add(
        Row::new(FIGURE, "first output, warm", Unit::Milliseconds, &warm)
            .against(Against::Times(warm.median() / cold.median())),
    );
    Ok(())
}

fn rounds(api: &mut Connection, proxy: &mut Connection) -> Result<[Series; 4]> {
    let mut all = [Series::default(), Series::default(), Series::default(), Series::default()];
    for round in 0..WARM_UP + ROUNDS {
        // Members have no variables of a caller's, so this one is made.
        let cold = once(api, proxy, &json!({"env": {"COLD": "yes"}}))?;
        until_full(api)?;
        let warm = once(api, proxy, &json!({}))?;
        until_full(api)?;
        if round >= WARM_UP {
            for (series, time) in all.iter_mut().zip([cold.0, warm.0, cold.1, warm.1]) {
                series.push_time(time);
            }
        }
    }
    Ok(all)
}

/// Until the answer, and until the first output.
fn once(api: &mut Connection, proxy: &mut Connection, wish: &Value) -> Result<(Duration, Duration)> {
    interrupt::check()?;
    let begin = Instant::now();
    let id = raw::create_from(api, wish)?;
    let answered = begin.elapsed();
    let output = raw::exec(proxy, &id, "echo hi")?;
    let whole = begin.elapsed();
    if output != "hi\n" {
        bail!("a sandbox printed {output:?}");
    }
    raw::delete(api, &[id])?;
    Ok((answered, whole))
}

fn until_full(api: &mut Connection) -> Result<()> {
    let deadline = Instant::now() + FILL_LIMIT;
    loop {
        let pools = raw::success(api.send("GET", "/api/warm-pools", b"")?)?;
        if pools[0]["currentSize"] == 1 {
            return interrupt::settle(raw::SETTLE);
        }
        if Instant::now() > deadline {
            bail!("a warm pool was not filled in time: {pools}");
        }
        interrupt::settle(Duration::from_millis(10))?;
    }
}
