//! `cargo xtask`: what the repository does to itself.
//!
//! | command | does |
//! |---|---|
//! | `openapi` | writes `openapi/control.json` and `openapi/toolbox.json` from the code |
//! | `facts --reference DIR` | writes `openapi/reference.facts.json` and `openapi/reference.toolbox.facts.json` from the reference's documents |
//! | `differences` | prints what is different from the reference and not explained |
//! | `bench [--lists \| --files \| --warm \| --moves \| --trace]` | measures a release server against bare baselines; with `--lists` lists alone, with `--files` forks and archives alone, with `--warm` warm pools alone, with `--moves` stops, starts and other moves alone; with `--trace` only shows where a create's time goes |
//! | `soak --lives MINUTES` | walks through sandboxes' lives for so long, with kills, and as many cycles of stops and archives as fit |
//! | `soak [DIVISOR]` | long runs in one sandbox, whose daemon must not grow; a divisor makes them shorter |
//! | `test [ARGUMENTS]` | every check; arguments go to the test runner and leave out what is no test |
//! | `tidy` | checks who depends on whom, and that every crate inherits the workspace's rules |
//!
//! The checks are tests too (`cargo nextest run -p paddock-xtask`).

#![expect(clippy::print_stdout, reason = "a command of the repository speaks to whoever runs it")]

mod bench;
mod differences;
mod facts;
mod openapi;
mod sdk;
mod server;
mod soak;
mod test;
mod tidy;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["openapi"] => openapi::write(&root()),
        ["facts", "--reference", directory] => facts::write(&root(), Path::new(directory)),
        ["differences"] => {
            report("unexplained differences from the reference", &differences::check(&root())?)
        }
        ["tidy"] => report("untidy", &tidy::check(&root())?),
        ["bench"] => bench::run(bench::What::Figures),
        ["bench", "--lists"] => bench::run(bench::What::Lists),
        ["bench", "--files"] => bench::run(bench::What::Files),
        ["bench", "--warm"] => bench::run(bench::What::Warm),
        ["bench", "--moves"] => bench::run(bench::What::Moves),
        ["bench", "--trace"] => bench::run(bench::What::Trace),
        ["soak", "--lives", minutes] => {
            soak::lives::run(minutes.parse().context("the minutes are a whole number from 1")?)
        }
        ["soak"] => soak::run(1),
        ["soak", divisor] => soak::run(divisor.parse().context("the divisor is a whole number from 1")?),
        ["test", ..] => test::run(&arguments[1..]),
        _ => bail!(
            "usage: cargo xtask test [ARGUMENTS] | bench [--lists | --files | --warm | --moves | --trace] | soak [DIVISOR | --lives MINUTES] | openapi | facts --reference DIR | differences | tidy"
        ),
    }
}

fn report(what: &str, findings: &[String]) -> anyhow::Result<()> {
    findings.iter().for_each(|finding| println!("{finding}"));
    if findings.is_empty() { Ok(()) } else { bail!("{what}: {}", findings.len()) }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}
