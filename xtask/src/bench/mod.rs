//! `cargo xtask bench`: what a server costs beside the bare cost of the same work on the same machine.
//!
//! One file per figure. Each measures its baseline and ours in turns in one run, so that whatever else the machine
//! does falls on both; medians and their ratio are what counts, absolute times of a shared machine mean little. A
//! promise that is missed is marked in the table and is no failure. Prints a table and writes `target/bench.json`.
//! Bounded in count and time (about four minutes), and speaks over the loopback device alone.

mod bare;
mod create;
mod crowd;
mod exec;
mod figure;
mod files;
pub(crate) mod interrupt;
mod list;
mod memory;
mod moves;
pub(crate) mod raw;
mod sdk;
mod trace;
mod transfer;
mod warm;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use paddock_driver_image::builtin::Builtin;

use crate::server::Server;
use figure::Table;
use raw::Raw;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Measure everything.
    Figures,
    /// Measure lists alone.
    Lists,
    /// Show where the time of one create goes.
    Trace,
    /// Measure warm pools alone.
    Warm,
    /// Measure stops, starts and the other moves alone.
    Moves,
    /// Measure forks and archives alone, which needs no server.
    Files,
}

/// What every figure works with.
struct Bench<'b> {
    server: &'b Server,
    raw: Raw,
    /// An interpreter that has the official SDK.
    python: PathBuf,
    /// The built-in root file system, as the server uses it.
    root: PathBuf,
}

/// Builds the server, measures it, and removes it again, also after a failure or Ctrl-C.
pub(crate) fn run(what: What) -> Result<()> {
    interrupt::listen()?;
    if what == What::Files {
        let place = std::env::temp_dir().join(format!("paddock-bench-{}", std::process::id()));
        let mut table = Table::new();
        let result = files::measure(&place, &builtin_root()?, &mut table);
        table.print();
        return result;
    }
    let binary = build()?;
    let python = crate::sdk::install_python()?;
    let started = Instant::now();
    let mut server = Server::start("bench", &binary, |instance, data| settings(instance, data, what))?;
    let measured = measure(&server, python, what);
    // The figures' own files lie beside the server's, on the same file system.
    for own in ["bare", "source"] {
        let _ = fs::remove_dir_all(server.data.join(own));
    }
    let ended = server.end();
    // An interrupt from a terminal ends the server too: that is no news.
    measured?;
    ended?;
    println!("took {} s", started.elapsed().as_secs());
    Ok(())
}

fn measure(server: &Server, python: PathBuf, what: What) -> Result<()> {
    let bench = Bench { server, raw: Raw::find(server)?, python, root: builtin_root()? };
    if what == What::Trace {
        return trace::measure(&bench);
    }
    let mut table = Table::new();
    let result = match what {
        What::Lists => list::measure(&bench, &mut table),
        What::Warm => warm::measure(&bench, &mut table),
        What::Moves => moves::measure(&bench, &mut table),
        What::Figures | What::Files | What::Trace => figures(&bench, &mut table),
    };
    table.print();
    table.write(Path::new("target/bench.json"))?;
    result
}

fn figures(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    memory::at_rest(bench, table)?;
    create::measure(bench, table)?;
    warm::measure(bench, table)?;
    moves::measure(bench, table)?;
    exec::measure(bench, table)?;
    crowd::measure(bench, table, 20, None)?;
    crowd::measure(bench, table, 100, Some(0.75))?;
    memory::per_sandbox(bench, table)?;
    transfer::measure(bench, table)?;
    list::measure(bench, table)?;
    files::measure(&bench.server.data.join("files"), &bench.root, table)
}

/// Builds the release binary as everybody does, and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new("make").args(["--no-print-directory", "build"]).status()?;
    if !status.success() {
        bail!("the server could not be built");
    }
    Ok(release_directory()?.join("paddock"))
}

/// Where released programs lie. This one lies in `target/<triple>/<profile>/`.
fn release_directory() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let triple = own.parent().and_then(Path::parent).context("this program has no place in a build")?;
    Ok(triple.join("release"))
}

/// The defaults of a server, but for what keeps it apart from others on this host.
fn settings(instance: &str, data: &Path, what: What) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = [
        ("PADDOCK_INSTANCE", instance),
        ("PADDOCK_DATA", &data.display().to_string()),
        ("PADDOCK_API_PORT", "0"),
        ("PADDOCK_PROXY_PORT", "0"),
        ("PADDOCK_POOL_GIB", "8"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if what == What::Trace {
        settings.insert("PADDOCK_LOG".to_owned(), "debug,hyper=info,hyper_util=info".to_owned());
    }
    settings
}

fn builtin_root() -> Result<PathBuf> {
    let cache = std::env::var_os("PADDOCK_CACHE").map_or_else(|| "/var/cache/paddock".into(), PathBuf::from);
    let root = Builtin { cache, layers: PathBuf::new(), extra_authorities: None }.directory().join("root");
    fs::metadata(&root).with_context(|| format!("the built-in root is not at {}", root.display()))?;
    Ok(root)
}
