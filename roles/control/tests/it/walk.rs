//! Sandboxes are walked through their lives at random, with control and the runner ended in between, and are at every
//! rest what a model of the documents says.
//!
//! A failure names its seed and a short sequence. `PADDOCK_SEED=<n>` walks that one again, `PADDOCK_WALKS=<n>` walks more.

use std::panic::AssertUnwindSafe;

use axum::http::Method;
use futures_util::FutureExt;
use paddock_testkit::eventually;
use paddock_testkit::walk::{Dice, Op, Place, Sandbox, Slot, Step, Victim, Walk, plan, seed, shrink};
use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinHandle};

use crate::world::{Answer, World};

/// How many walks there are, unless asked for more, and how long each is.
const WALKS: usize = 12;
const STEPS: usize = 100;
/// How often a failing walk is tried again to make it shorter.
const SHRINKS: usize = 150;

/// A caller who is gone takes its request along.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Walker {
    world: World,
    walk: Walk,
    snapshots: usize,
}

impl Walker {
    async fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Do(op) => {
                let status = self.begin(op).await.unwrap();
                self.walk.answered(op, Some(status))?;
            }
            Step::Both(one, other) => {
                let (first, second) = (self.begin(one), self.begin(other));
                let answers = [(one, first.await.ok()), (other, second.await.ok())];
                self.walk.both(&answers)?;
            }
            Step::Cut(op, victim, yields) => {
                let mut asked = self.begin(op);
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
                if matches!(victim, Victim::Runner | Victim::Both) {
                    self.world.runner.crash();
                }
                if matches!(victim, Victim::Control | Victim::Both) {
                    // What it had taken in may still be carried out: nobody hears of it.
                    self.world.crash_control().await;
                }
                self.world.runner.restart();
                let status = match victim {
                    Victim::Runner => Some((&mut asked).await.unwrap()),
                    Victim::Control | Victim::Both => {
                        asked.abort();
                        None
                    }
                };
                // A hold that hears of no start in time answers what is so then.
                self.walk.answered(op, status)?;
                self.world.until_ready().await;
            }
            Step::End(slot) => {
                let shown = self.shown(slot).await;
                if shown["state"] == "started" {
                    let id = shown["id"].as_str().unwrap().parse().unwrap();
                    self.world.runner.end_by_itself(id, Some("it had enough"));
                    self.walk.ended(slot);
                    eventually("the end to be noticed", async || {
                        (self.shown(slot).await["state"] != "started").then_some(())
                    })
                    .await;
                }
            }
        }
        let mut seen = [None; Slot::COUNT];
        for slot in Slot::ALL {
            seen[slot.0] = self.settled(slot).await?;
        }
        self.walk.seen(&seen)
    }

    /// Asks for an operation, from a task of its own: what a caller who goes away has asked for is done all the same.
    fn begin(&mut self, op: Op) -> JoinHandle<u16> {
        let name = op.slot().name();
        let post = |verb: &str, body| (Method::POST, format!("/api/sandbox/{name}/{verb}"), body);
        let (method, path, body) = match op {
            Op::Create(_) => (Method::POST, "/api/sandbox".to_owned(), json!({"name": name})),
            Op::CreateEphemeral(_) => {
                let body = json!({"name": name, "autoDeleteInterval": 0});
                (Method::POST, "/api/sandbox".to_owned(), body)
            }
            Op::Start(_) => post("start", Value::Null),
            Op::Stop(_) => post("stop", Value::Null),
            Op::Pause(_) => post("pause", Value::Null),
            Op::Resize(_, cpu) => post("resize", json!({"cpu": cpu})),
            Op::Fork(_, child) => post("fork", json!({"name": child.name()})),
            Op::Snapshot(_) => {
                self.snapshots += 1;
                post("snapshot", json!({"name": format!("taken-{}", self.snapshots)}))
            }
            Op::BackUp(_) => post("backup", Value::Null),
            Op::Archive(_) => post("archive", Value::Null),
            Op::Recover(_) => post("recover", Value::Null),
            Op::Delete(_) => (Method::DELETE, format!("/api/sandbox/{name}"), Value::Null),
            // What is written is the host's to keep; here there are no files.
            Op::Write(_, _) => (Method::GET, format!("/api/sandbox/{name}"), Value::Null),
        };
        let answered = self.world.begin_call(method, &path, Some(body).filter(|body| !body.is_null()));
        let is_write = matches!(op, Op::Write(_, _));
        let ended = AbortOnDrop(answered.abort_handle());
        tokio::spawn(async move {
            let _ended = ended;
            let answer: Answer = answered.await.unwrap();
            let is_refused = is_write && answer.status == 200 && answer.body["state"] != "started";
            if is_refused { 400 } else { answer.status.as_u16() }
        })
    }

    async fn shown(&self, slot: Slot) -> Value {
        self.world.get(&format!("/api/sandbox/{}", slot.name())).await.body
    }

    /// What is so when nothing is under way.
    async fn settled(&self, slot: Slot) -> Result<Option<Sandbox>, String> {
        let shown = eventually(&format!("{} to settle", slot.name()), async || {
            let shown = self.shown(slot).await;
            let is_settled = match shown["state"].as_str() {
                None | Some("error") => true,
                Some("started" | "stopped" | "paused" | "archived") => shown["backupState"] != "InProgress",
                Some(_) => false,
            };
            is_settled.then_some(shown)
        })
        .await;
        let place = match shown["state"].as_str() {
            None => return Ok(None),
            Some("started") => Place::Started,
            Some("stopped") => Place::Stopped,
            Some("paused") => Place::Paused,
            Some("archived") => Place::Archived,
            other => return Err(format!("{} is {other:?}: {}", slot.name(), shown["errorReason"])),
        };
        let cpu = u8::try_from(shown["cpu"].as_u64().unwrap()).unwrap();
        Ok(Some(Sandbox { place, cpu, content: 0 }))
    }
}

/// Walks; the error names the step that failed.
async fn walk(steps: &[Step]) -> Result<(), String> {
    let mut walker = Walker { world: World::start().await, walk: Walk::default(), snapshots: 0 };
    for (number, step) in steps.iter().enumerate() {
        let taken = AssertUnwindSafe(walker.take(*step)).catch_unwind().await;
        let taken = taken.unwrap_or_else(|panic| {
            Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".to_owned()))
        });
        taken.map_err(|reason| format!("step {number}, {step:?}: {reason}"))?;
    }
    Ok(())
}

#[test]
fn whatever_is_done_and_whoever_is_ended_every_sandbox_is_as_the_documents_say() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = match std::env::var("PADDOCK_WALKS") {
        Ok(count) => count.parse().unwrap(),
        Err(_) if std::env::var_os("PADDOCK_SEED").is_some() => 1,
        Err(_) => WALKS,
    };
    let first = seed();
    let mut dice = Dice::new(first);
    for seed in std::iter::once(first).chain(std::iter::repeat_with(|| dice.roll())).take(count) {
        let steps = plan(seed, STEPS);
        let Err(reason) = runtime().block_on(walk(&steps)) else { continue };
        let short = shrink(&steps, SHRINKS, |steps| runtime().block_on(walk(steps)).is_err());
        let again = runtime().block_on(walk(&short));
        panic!("PADDOCK_SEED={seed}: {reason}\nin short: {short:?}\nwhich gives {again:?}");
    }
}
