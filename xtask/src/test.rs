//! `cargo xtask test`: every check there is, against one server for all whole-system tests, and a comparison of the
//! host before and after. Ends with the line `N passed, N failed`.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use paddock_tests::leftovers::Inventory;
use paddock_tests::registry::{Registry, SHARED};
use paddock_tests::server::usual_settings;

use crate::sdk;
use crate::server::Server;

/// What was counted so far.
#[derive(Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    fn step(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                self.failed += 1;
                println!("FAILED {name}: {error:#}");
            }
        }
    }
}

/// Runs everything; extra arguments go to nextest and leave out the checks that are not tests.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    run_with(arguments, &[])
}

/// As [`run`], with these variables for the tests.
pub(crate) fn run_with(arguments: &[String], variables: &[(&str, String)]) -> Result<()> {
    let started = Instant::now();
    let mut tally = Tally::default();
    if arguments.is_empty() {
        tally.step("formatting", cargo(&["fmt", "--all", "--check"]));
        tally.step(
            "lints",
            cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"]),
        );
    }
    if arguments.is_empty() {
        tally.step("tidiness", crate::report("untidy", &crate::tidy::check(&crate::root())?));
    }
    cargo(&["build", "--workspace", "--bins", "--locked", "--quiet"]).context("building failed")?;
    ensure_nextest()?;
    let sdk = sdk::install()?;
    let before = Inventory::take();
    let registry = Registry::start();
    registry.fill();
    let mut server = shared_server(&registry)?;
    let mut variables = variables.to_vec();
    variables.push((SHARED, registry.host().to_owned()));
    let counted = nextest(arguments, &variables, &server, &sdk);
    let ended = server.end();
    drop(registry);
    let (passed, failed) = counted?;
    tally.passed += passed;
    tally.failed += failed;
    tally.step("ending the shared server", ended);
    let left = Inventory::take().since(&before);
    tally.step(
        "nothing is left on the host",
        if left.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{}", left.join("\n"))) },
    );
    println!("took {} s", started.elapsed().as_secs());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 { bail!("some checks failed") } else { Ok(()) }
}

/// The server that all whole-system tests share: the binary beside this program, of one build with it.
fn shared_server(registry: &Registry) -> Result<Server> {
    let binary = std::env::current_exe()?.with_file_name("paddock");
    Server::start("shared", &binary, |instance, data| {
        let mut settings = usual_settings(instance, data);
        settings.insert("PADDOCK_POOL_GIB".to_owned(), "12".to_owned());
        settings.insert("PADDOCK_MAX_PIDS".to_owned(), "1024".to_owned());
        let (mirrors, hub) = registry.as_mirror_of_hub();
        settings.insert(mirrors.to_owned(), hub);
        settings.insert("PADDOCK_IMAGES_MIRRORS_ONLY".to_owned(), "yes".to_owned());
        settings
    })
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = Command::new(env!("CARGO")).args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", arguments.join(" ")) }
}

fn ensure_nextest() -> Result<()> {
    let there = Command::new(env!("CARGO")).args(["nextest", "--version"]).output()?.status.success();
    // For the host's own target and without this workspace's flags: it is a program of the machine's.
    if there { Ok(()) } else { cargo(&["install", "--locked", "--quiet", "cargo-nextest"]) }
}

/// Runs the tests and reads the counts from the runner's last line.
fn nextest(
    arguments: &[String],
    variables: &[(&str, String)],
    server: &Server,
    sdk: &Path,
) -> Result<(u32, u32)> {
    let log_path = Path::new("target/nextest.log");
    let mut child = Command::new(env!("CARGO"))
        .args(["nextest", "run", "--workspace", "--locked"])
        .args(arguments)
        .env("PADDOCK_TEST_SERVER", &server.data)
        .env("PADDOCK_TEST_INSTANCE", &server.instance)
        .env("PADDOCK_TEST_SDK", sdk)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("NEXTEST_HIDE_PROGRESS_BAR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut log = File::create(log_path)?;
    let mut summary = None;
    if let Some(output) = child.stderr.take() {
        use std::io::{BufRead, BufReader, Write};
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            writeln!(log, "{line}")?;
            if line.contains("tests run:") || line.contains("test run:") {
                summary = Some(line);
            }
        }
    }
    child.wait()?;
    let summary = summary.context("the tests did not run")?;
    let count = |what: &str| -> u32 {
        summary
            .split([',', ':', '('])
            .filter_map(|part| part.trim().strip_suffix(what)?.trim().parse::<u32>().ok())
            .sum()
    };
    Ok((count("passed"), count("failed") + count("timed out")))
}
