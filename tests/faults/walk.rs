//! Sandboxes are walked through their lives at random, the processes of their server killed in between, and are at every
//! rest what a model of the documents says, with the content that was last written.
//!
//! A failure names its seed and a short sequence. `PADDOCK_SEED=<n>` walks that one again; `PADDOCK_WALK_MINUTES=<n>` goes on
//! with other seeds for so long, as `make soak` does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use paddock_testkit::walk::{Dice, Op, Place, Sandbox, Slot, Step, Victim, Walk, plan, seed, shrink};
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

/// How many walks there are unless asked for minutes of them, and how long each is.
const WALKS: usize = 4;
const STEPS: usize = 60;
/// How often a failing walk is tried again to make it shorter: each time takes seconds.
const SHRINKS: usize = 16;
/// A process that was killed is started again, and everything is settled, within this time.
const SETTLE: Duration = Duration::from_secs(25);
/// How much of the server's log a failure shows.
const LOG_LINES: usize = 200;
/// An end comes so many times this later.
const TICK: Duration = Duration::from_millis(10);

/// What a walk came to.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    steps: usize,
    kills: usize,
    /// Those of them after which a sandbox had failed, and was recovered.
    recovered: usize,
    /// How often a file was read and held what was written.
    checks: usize,
}

struct Walker<'a> {
    server: &'a mut Server,
    walk: Walk,
    tally: Tally,
}

impl Walker<'_> {
    fn take(&mut self, step: Step) -> Result<(), String> {
        self.tally.steps += 1;
        let mut was_killed = false;
        match step {
            Step::Do(op) => {
                let status = self.begin(op).join().unwrap();
                self.walk.answered(op, status)?;
            }
            Step::Both(one, other) => {
                let (first, second) = (self.begin(one), self.begin(other));
                let answers = [(one, first.join().unwrap()), (other, second.join().unwrap())];
                self.walk.both(&answers)?;
            }
            Step::Cut(op, victim, ticks) => {
                was_killed = true;
                self.tally.kills += 1;
                let asked = self.begin(op);
                std::thread::park_timeout(TICK * u32::try_from(ticks).unwrap());
                match victim {
                    Victim::Control => self.server.kill_role("front"),
                    Victim::Runner => self.server.kill_role("runner"),
                    Victim::Both => {
                        self.server.kill_all();
                        self.server.boot();
                    }
                }
                // Only a success says for certain what was done.
                let status = asked.join().unwrap().filter(|status| *status == 200);
                self.walk.answered(op, status)?;
            }
            Step::End(slot) => self.end(slot)?,
        }
        let mut seen = [None; Slot::COUNT];
        for slot in Slot::ALL {
            seen[slot.0] = self.settled(slot, was_killed)?;
        }
        self.walk.seen(&seen)
    }

    /// The sandbox ends its own first process.
    fn end(&mut self, slot: Slot) -> Result<(), String> {
        let Some((state, id)) = self.found(slot) else { return Ok(()) };
        if state == "started" {
            let body = json!({"command": "sudo kill -TERM 1"});
            let url = format!("{}/toolbox/{id}/process/execute", self.server.api.proxy_url);
            let _ = self.server.api.try_send("POST", &url, Some(&body));
            self.walk.ended(slot);
            let noticed = wait::within(SETTLE, || (self.found(slot)?.0 != "started").then_some(()));
            if noticed.is_none() && self.found(slot).is_some() {
                return Err(format!("{} ended, and nobody notices", slot.name()));
            }
        }
        Ok(())
    }

    fn found(&self, slot: Slot) -> Option<(String, String)> {
        let body = self.server.api.try_get(&format!("/sandbox/{}", slot.name()))?.body;
        Some((body["state"].as_str()?.to_owned(), body["id"].as_str()?.to_owned()))
    }

    /// Asks for an operation beside whatever else happens. `None`: the answer was lost.
    fn begin(&self, op: Op) -> JoinHandle<Option<u16>> {
        let api = self.server.api.clone();
        let name = op.slot().name();
        let post = |verb: &str, body: Value| ("POST", format!("/sandbox/{name}/{verb}"), body);
        let (method, path, body) = match op {
            Op::Create(_) => ("POST", "/sandbox".to_owned(), json!({"name": name})),
            Op::CreateEphemeral(_) => {
                ("POST", "/sandbox".to_owned(), json!({"name": name, "autoDeleteInterval": 0}))
            }
            Op::Start(_) => post("start", json!({})),
            Op::Stop(_) => post("stop", json!({})),
            Op::Pause(_) => post("pause", json!({})),
            Op::Resize(_, cpu) => post("resize", json!({"cpu": cpu})),
            Op::Fork(_, child) => post("fork", json!({"name": child.name()})),
            Op::Snapshot(_) => post("snapshot", json!({"name": format!("taken-{}", self.tally.steps)})),
            Op::BackUp(_) => post("backup", json!({})),
            Op::Archive(_) => post("archive", json!({})),
            Op::Recover(_) => post("recover", json!({})),
            Op::Delete(_) => ("DELETE", format!("/sandbox/{name}"), Value::Null),
            Op::Write(slot, content) => {
                let found = self.found(slot);
                return std::thread::spawn(move || {
                    let Some((_, id)) = found else { return Some(404) };
                    let body = json!({"command": format!("echo {content} > ~/content")});
                    let url = format!("{}/toolbox/{id}/process/execute", api.proxy_url);
                    let answer = api.try_send("POST", &url, Some(&body))?;
                    match answer.status {
                        200 if answer.body["exitCode"] == 0 => Some(200),
                        // It does not run, or ended meanwhile.
                        400 | 404 => Some(answer.status),
                        _ => None,
                    }
                });
            }
        };
        std::thread::spawn(move || {
            let body = (!body.is_null()).then_some(body);
            Some(api.try_send(method, &format!("{}{path}", api.api_url), body.as_ref())?.status)
        })
    }

    /// What is so when nothing is under way. One that has failed, after a kill, says why, and is recovered.
    fn settled(&mut self, slot: Slot, was_killed: bool) -> Result<Option<Sandbox>, String> {
        let path = format!("/sandbox/{}", slot.name());
        let shown = wait::within(SETTLE, || {
            let shown = self.server.api.try_get(&path)?;
            let state = if shown.status == 404 { "absent" } else { shown.body["state"].as_str()? };
            let is_idle = shown.body["backupState"] != "InProgress";
            let is_settled =
                matches!(state, "absent" | "error" | "started" | "stopped" | "paused" | "archived")
                    && is_idle;
            is_settled.then_some(shown)
        });
        let Some(shown) = shown else { return Err(format!("{} is stuck", slot.name())) };
        if shown.status == 404 {
            return Ok(None);
        }
        let mut shown = shown.body;
        if shown["state"] == "error" {
            let reason = &shown["errorReason"];
            if !was_killed || !reason.is_string() || shown["recoverable"] != true {
                return Err(format!("{} has failed: {reason}", slot.name()));
            }
            let id = shown["id"].as_str().unwrap().to_owned();
            let recovered = self.server.api.post(&format!("{path}/recover"), &json!({}));
            if recovered.status != 200 {
                return Err(format!(
                    "{} was {reason} and cannot be recovered: {}",
                    slot.name(),
                    recovered.body
                ));
            }
            self.server.api.wait_for_state(&id, "started", SETTLE);
            self.walk.recovered(slot);
            self.tally.recovered += 1;
            shown = self.server.api.get(&path).expect(200);
        }
        let place = match shown["state"].as_str() {
            Some("started") => Place::Started,
            Some("stopped") => Place::Stopped,
            Some("paused") => Place::Paused,
            Some("archived") => Place::Archived,
            other => return Err(format!("{} is {other:?}", slot.name())),
        };
        let cpu = u8::try_from(shown["cpu"].as_u64().unwrap()).unwrap();
        let content = if place == Place::Started { self.content(slot, &shown)? } else { 0 };
        Ok(Some(Sandbox { place, cpu, content }))
    }

    /// What is in the file; 0 if nothing was ever written.
    fn content(&mut self, slot: Slot, shown: &Value) -> Result<u16, String> {
        let body = json!({"command": "cat ~/content 2>/dev/null || echo 0"});
        let id = shown["id"].as_str().unwrap();
        let read = self.server.api.toolbox("POST", id, "/process/execute", Some(&body));
        let text = read.body["result"].as_str().unwrap_or_default().trim().to_owned();
        let content = text.parse().map_err(|_| format!("{}: {} {}", slot.name(), read.status, read.body))?;
        let possible = self.walk.contents(slot);
        if !possible.contains(&content) {
            return Err(format!("{} holds {content}, and {possible:?} was written", slot.name()));
        }
        self.tally.checks += 1;
        Ok(content)
    }

    /// Removes everything, children first.
    fn clean_up(&self) {
        let api = &self.server.api;
        wait::until("everything can be removed", SETTLE, || {
            let all = api.try_get("/sandbox?limit=200")?.body;
            let all = all["items"].as_array()?.clone();
            for sandbox in &all {
                api.send("DELETE", &format!("/sandbox/{}", sandbox["id"].as_str()?), None);
            }
            all.is_empty().then_some(())
        });
        let snapshots = api.get("/snapshots?limit=200").expect(200);
        for snapshot in snapshots["items"].as_array().unwrap() {
            if snapshot["general"] == false {
                api.send("DELETE", &format!("/snapshots/{}", snapshot["id"].as_str().unwrap()), None)
                    .expect(200);
            }
        }
    }
}

/// Walks on a server that has nothing, and leaves it so. The error names the step that failed.
fn walk(server: &mut Server, steps: &[Step]) -> Result<Tally, String> {
    let mut walker = Walker { server, walk: Walk::default(), tally: Tally::default() };
    for (number, step) in steps.iter().enumerate() {
        let taken = catch_unwind(AssertUnwindSafe(|| walker.take(*step)));
        let taken = taken.unwrap_or_else(|panic| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".to_owned()))
        });
        taken.map_err(|reason| format!("step {number}, {step:?}: {reason}"))?;
    }
    walker.clean_up();
    let mut strangers = Vec::new();
    wait::within(SETTLE, || {
        strangers = walker.server.strangers("");
        strangers.is_empty().then_some(())
    });
    if strangers.is_empty() { Ok(walker.tally) } else { Err(format!("left over: {strangers:?}")) }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "a long run reports what it did, and what failed before it takes long to make it short"
)]
fn killed_at_any_time_in_any_life_nothing_is_lost_or_stuck() {
    let minutes: u64 = std::env::var("PADDOCK_WALK_MINUTES").map_or(0, |minutes| minutes.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let walks = if std::env::var_os("PADDOCK_SEED").is_some() { 1 } else { WALKS };
    let mut server = Server::start(&[]);
    let (mut next, mut sum, mut walked) = (seed(), Tally::default(), 0);
    while walked < walks || Instant::now() < end {
        let steps = plan(next, STEPS);
        match walk(&mut server, &steps) {
            Ok(tally) => {
                sum.steps += tally.steps;
                sum.kills += tally.kills;
                sum.recovered += tally.recovered;
                sum.checks += tally.checks;
            }
            Err(reason) => {
                let log = server.log_text();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
                drop(server);
                println!("{last}\nPADDOCK_SEED={next}: {reason}\nbefore it: {sum:?}");
                let mut again = Ok(Tally::default());
                let short = shrink(&steps, SHRINKS, |steps| {
                    let tried = walk(&mut Server::start(&[]), steps);
                    let fails = tried.is_err();
                    if fails {
                        again = tried;
                    }
                    fails
                });
                panic!("PADDOCK_SEED={next}: {reason}\nin short: {short:?}\nwhich gave {again:?}");
            }
        }
        walked += 1;
        next = Dice::new(next).roll();
    }
    let Tally { steps, kills, recovered, checks } = sum;
    println!(
        "steps {steps}, kills {kills}, recovered after one {recovered}, files checked {checks}, lost 0, stuck 0, leaked 0"
    );
}
