//! `cargo xtask soak`: much of the same in one sandbox, after which its daemon must be what it was before.
//!
//! What is compared is the daemon's open files, threads and memory of its own, and the processes of the sandbox: in the
//! first twentieth of a run, and in the last. Growth fails the run, as does any answer that is not as it should be.
//! Against a release server of its own, over the loopback device alone. Not part of `make test`, for its length.

mod clones;
mod daemon;
mod interpreter;
pub(crate) mod lives;
mod sessions;
mod terminals;
mod transfer;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::bench::wire::Connection;
use crate::bench::{self, interrupt, raw};
use crate::server::Server;
use daemon::{Daemon, Seen};

/// A run is looked at this often.
const LOOKS: usize = 20;

/// What every run works with.
struct Soak {
    raw: raw::Raw,
    proxy: Connection,
    sandbox: String,
    daemon: Daemon,
    /// What has grown.
    grown: Vec<String>,
}

/// Runs everything with its count divided by `divisor`, and fails if anything grew.
pub(crate) fn run(divisor: usize) -> Result<()> {
    if divisor == 0 {
        bail!("the divisor is a whole number from 1");
    }
    interrupt::listen()?;
    let binary = bench::build()?;
    let mut server = Server::start("soak", &binary, settings)?;
    let result = soak(&server, divisor);
    let ended = server.end();
    // An interrupt from a terminal ends the server too: that is no news.
    let grown = result?;
    ended?;
    if grown.is_empty() { Ok(()) } else { bail!("grown: {}", grown.join("; ")) }
}

fn soak(server: &Server, divisor: usize) -> Result<Vec<String>> {
    let raw = raw::Raw::find(server)?;
    let mut api = raw.api()?;
    // The one with room for the big file.
    let sandbox = raw::create_from(&mut api, &json!({"snapshot": "paddock-large"}))?;
    let daemon = Daemon::find(&server.instance, &sandbox)?;
    let proxy = raw.proxy()?;
    let mut soak = Soak { raw, proxy, sandbox, daemon, grown: Vec::new() };
    println!(
        "{:<24} {:>7} {:>8}  {:>13} {:>13} {:>17} {:>13}",
        "run", "count", "seconds", "open files", "threads", "own memory, KiB", "processes"
    );
    sessions::run(&mut soak, 10_000_usize.div_ceil(divisor))?;
    terminals::run(&mut soak, 500_usize.div_ceil(divisor))?;
    interpreter::run(&mut soak, 1_000_usize.div_ceil(divisor))?;
    clones::run(&mut soak, 1_000_usize.div_ceil(divisor))?;
    transfer::run(&mut soak, 5 * 1024_usize.div_ceil(divisor))?;
    raw::delete(&mut api, &[soak.sandbox])?;
    Ok(soak.grown)
}

impl Soak {
    /// Does `step` so often, looks at the daemon meanwhile, and prints what it saw.
    fn repeat(
        &mut self,
        name: &str,
        count: usize,
        mut step: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        let begin = Instant::now();
        let window = count.div_ceil(LOOKS);
        let mut seen = Vec::new();
        for number in 0..count {
            interrupt::check()?;
            step(self, number)?;
            if (number + 1) % window == 0 || number + 1 == count {
                seen.push(self.daemon.look()?);
            }
        }
        self.compare(name, count, begin, &seen);
        Ok(())
    }

    /// Prints the first look beside the last, and keeps what grew.
    fn compare(&mut self, name: &str, count: usize, begin: Instant, seen: &[Seen]) {
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return };
        let change = |of: fn(&Seen) -> u64| format!("{} → {}", of(first), of(last));
        println!(
            "{name:<24} {count:>7} {:>8.1}  {:>13} {:>13} {:>17} {:>13}",
            begin.elapsed().as_secs_f64(),
            change(|seen| seen.open_files),
            change(|seen| seen.threads),
            change(|seen| seen.own_kib),
            change(|seen| seen.processes),
        );
        self.grown.extend(last.growth_since(first).into_iter().map(|what| format!("{name}: {what}")));
    }

    /// One request to the toolbox with a JSON body, which must succeed.
    fn ask(&mut self, method: &str, target: &str, body: &Value) -> Result<Value> {
        let path = format!("/toolbox/{}{target}", self.sandbox);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        raw::success(self.proxy.send(method, &path, body.as_bytes())?)
    }
}

/// The defaults of a server, but for what keeps it apart from others on this host, and room for the big file.
fn settings(instance: &str, data: &Path) -> BTreeMap<String, String> {
    [
        ("PADDOCK_INSTANCE", instance),
        ("PADDOCK_DATA", &data.display().to_string()),
        ("PADDOCK_API_PORT", "0"),
        ("PADDOCK_PROXY_PORT", "0"),
        ("PADDOCK_POOL_GIB", "10"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
