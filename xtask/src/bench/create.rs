//! From the wish for a sandbox to the first command's output: bare, through the raw client, through the SDK.

use std::fs;
use std::time::Instant;

use anyhow::{Result, bail};
use paddock_sys::thread;

use super::bare::Bare;
use super::figure::{Against, Row, Series, Table, Unit};
use super::sdk::Sdk;
use super::{Bench, interrupt, raw};

/// How often each is measured.
const ROUNDS: usize = 25;
/// How often before that, uncounted: caches, pools of connections, imports.
const WARM_UP: usize = 2;
/// At most so many times the bare cost, through the SDK.
const PROMISE: f64 = 2.5;

const FIGURE: &str = "create → first output";

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let mut sdk = Sdk::start(&bench.python, &bench.raw)?;
    let place = bench.server.data.join("bare");
    fs::create_dir_all(&place)?;
    // The thread's mount namespace takes all bare mounts with it.
    let [bare, raw, official] =
        thread::scoped(|| rounds(bench, &mut sdk, &place).map_err(std::io::Error::other))?;
    table.add(Row::new(FIGURE, "bare crun run + exec", Unit::Milliseconds, &bare));
    table.add(
        Row::new(FIGURE, "raw client", Unit::Milliseconds, &raw)
            .against(Against::Times(raw.median() / bare.median())),
    );
    table.add(
        Row::new(FIGURE, "Python SDK", Unit::Milliseconds, &official)
            .against(Against::Times(official.median() / bare.median()))
            .promised(PROMISE),
    );
    let own = Series::of(official.median() - raw.median());
    table.add(Row::new(FIGURE, "the SDK's own cost", Unit::Milliseconds, &own));
    Ok(())
}

fn rounds(bench: &Bench<'_>, sdk: &mut Sdk, place: &std::path::Path) -> Result<[Series; 3]> {
    let bare = Bare::prepare(place, &bench.root)?;
    let mut all = [Series::default(), Series::default(), Series::default()];
    let (mut api, mut proxy) = (bench.raw.api()?, bench.raw.proxy()?);
    for round in 0..WARM_UP + ROUNDS {
        interrupt::check()?;
        let alone = bare.create()?;
        interrupt::settle(raw::SETTLE)?;

        let begin = Instant::now();
        let id = raw::create(&mut api)?;
        let output = raw::exec(&mut proxy, &id, "echo hi")?;
        let through_raw = begin.elapsed();
        if output != "hi\n" {
            bail!("a sandbox printed {output:?}");
        }
        raw::delete(&mut api, &[id])?;

        let (through_sdk, id) = sdk.create()?;
        raw::delete(&mut api, &[id])?;
        if round >= WARM_UP {
            for (series, time) in all.iter_mut().zip([alone, through_raw, through_sdk]) {
                series.push_time(time);
            }
        }
    }
    Ok(all)
}
