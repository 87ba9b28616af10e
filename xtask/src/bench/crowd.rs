//! Many sandboxes asked for at the same moment, against as many times one create.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::figure::{Against, Row, Series, Table, Unit};
use super::{Bench, interrupt, raw};

/// Single creates before and after each crowd.
const SINGLE: usize = 6;

/// `count` at once; `promise` times `count` creates of the same run is the most that it may take.
pub(super) fn measure(bench: &Bench<'_>, table: &mut Table, count: u16, promise: Option<f64>) -> Result<()> {
    let figure = format!("{count} at once");
    let mut one = Series::default();
    singles(bench, &mut one)?;
    let (wall, each) = at_once(bench, count)?;
    singles(bench, &mut one)?;
    table.add(Row::new(&figure, "one create", Unit::Milliseconds, &one));
    table.add(Row::new(&figure, "each of them, from the common start", Unit::Milliseconds, &each));
    let mut all = Series::default();
    all.push_time(wall);
    let row = Row::new(&figure, "all of them", Unit::Milliseconds, &all)
        .against(Against::Times(all.median() / one.median() / f64::from(count)));
    table.add(match promise {
        Some(promise) => row.promised(promise),
        None => row,
    });
    Ok(())
}

fn singles(bench: &Bench<'_>, times: &mut Series) -> Result<()> {
    let mut api = bench.raw.api()?;
    for _ in 0..SINGLE {
        interrupt::check()?;
        let begin = Instant::now();
        let id = raw::create(&mut api)?;
        times.push_time(begin.elapsed());
        raw::delete(&mut api, &[id])?;
    }
    Ok(())
}

/// From the first request to the last answer, and each client's own time.
///
/// # Errors
/// When one of them fails, after the others were deleted.
fn at_once(bench: &Bench<'_>, count: u16) -> Result<(Duration, Series)> {
    let start = Barrier::new(usize::from(count) + 1);
    let (wall, outcomes) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let connected = bench.raw.api();
                    start.wait();
                    let begin = Instant::now();
                    connected.and_then(|mut api| raw::create(&mut api)).map(|id| (id, begin.elapsed()))
                })
            })
            .collect();
        start.wait();
        let begin = Instant::now();
        let outcomes: Vec<_> = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        (begin.elapsed(), outcomes)
    });
    let (mut ids, mut each, mut failures) = (Vec::new(), Series::default(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(Ok((id, time))) => {
                ids.push(id);
                each.push_time(time);
            }
            Ok(Err(error)) => failures.push(format!("{error:#}")),
            Err(_) => failures.push("a client panicked".to_owned()),
        }
    }
    raw::delete(&mut bench.raw.api()?, &ids)?;
    if !failures.is_empty() {
        bail!("{} of {count} sandboxes failed: {}", failures.len(), failures.join("; "));
    }
    Ok((wall, each))
}
