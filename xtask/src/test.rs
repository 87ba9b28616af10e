//! `cargo xtask test`: every check there is, against one server for all whole-system tests, and a comparison of the
//! host before and after. Ends with the line `N passed, N failed`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use paddock_tests::leftovers::Inventory;
use paddock_tests::server::usual_settings;

use crate::sdk;

/// How long the first server of a host may take to make its built-in root.
const READY_LIMIT: Duration = Duration::from_secs(900);

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
    let mut server = SharedServer::start()?;
    let counted = nextest(arguments, &server, &sdk);
    let ended = server.end();
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
fn nextest(arguments: &[String], server: &SharedServer, sdk: &Path) -> Result<(u32, u32)> {
    let log_path = Path::new("target/nextest.log");
    let mut child = Command::new(env!("CARGO"))
        .args(["nextest", "run", "--workspace", "--locked"])
        .args(arguments)
        .env("PADDOCK_TEST_SERVER", &server.data)
        .env("PADDOCK_TEST_INSTANCE", &server.instance)
        .env("PADDOCK_TEST_SDK", sdk)
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

/// The server that all whole-system tests share.
struct SharedServer {
    data: PathBuf,
    instance: String,
    child: Child,
}

impl SharedServer {
    fn start() -> Result<Self> {
        let instance = format!("shared{}", std::process::id());
        let data = std::env::temp_dir().join(format!("paddock-{instance}"));
        fs::create_dir_all(&data)?;
        let log = File::create(data.join("log"))?;
        let mut settings = usual_settings(&instance, &data);
        settings.insert("PADDOCK_POOL_GIB".to_owned(), "12".to_owned());
        settings.insert("PADDOCK_MAX_PIDS".to_owned(), "1024".to_owned());
        let child = Command::new(binary())
            .arg("serve")
            .envs(&settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("could not start the server under test")?;
        let mut server = Self { data, instance, child };
        match server.wait_until_ready() {
            Ok(()) => Ok(server),
            Err(error) => {
                let _ = server.end();
                Err(error)
            }
        }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
            if log.contains("ready: sandboxes can be made") {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server under test ended with {status}:\n{log}");
            }
            if Instant::now() > deadline {
                bail!("the server under test was not ready in time:\n{log}");
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    fn end(&mut self) -> Result<()> {
        let terminated = Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        fs::copy(self.data.join("log"), "target/server.log")?;
        let output = Command::new(binary())
            .args(["reset", "--yes"])
            .envs(usual_settings(&self.instance, &self.data))
            .output()?;
        if !terminated.success() {
            bail!("the server under test had ended before the tests did");
        }
        if !output.status.success() {
            bail!("reset failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::remove_file(self.data.join("log"))?;
        // Not empty: the server left something, and this says so.
        fs::remove_dir(&self.data).with_context(|| format!("{} is not empty", self.data.display()))
    }
}

fn binary() -> PathBuf {
    // Beside this program: one build, one directory.
    std::env::current_exe().map_or_else(|_| "paddock".into(), |own| own.with_file_name("paddock"))
}
