//! A kill, a failure and a delay at every named point of every move, in control and in the runner.

use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::{Value, json};

/// After a restart everything is settled within this time.
const SETTLE: Duration = Duration::from_secs(10);
/// A process that was killed is started again, and its first words are heard, within this time.
const RESTART: Duration = Duration::from_secs(15);

/// What is done while a point is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Create,
    Start,
    Stop,
    Pause,
    Resume,
    Resize,
    Fork,
    Snapshot,
    BackUp,
    Archive,
    Restore,
    Delete,
}

impl Move {
    /// The state that it starts from; `None`: from nothing.
    fn from(self) -> Option<&'static str> {
        match self {
            Self::Create => None,
            Self::Stop
            | Self::Pause
            | Self::Resize
            | Self::Fork
            | Self::Snapshot
            | Self::BackUp
            | Self::Delete => Some("started"),
            Self::Start | Self::Archive => Some("stopped"),
            Self::Resume => Some("paused"),
            Self::Restore => Some("archived"),
        }
    }

    /// The states that are its end.
    fn wished(self) -> &'static [&'static str] {
        match self {
            // A create that died before it was recorded was never promised to anybody.
            Self::Create => &["started", "absent"],
            Self::Start
            | Self::Resume
            | Self::Restore
            | Self::Resize
            | Self::Fork
            | Self::Snapshot
            | Self::BackUp => &["started"],
            Self::Stop => &["stopped"],
            Self::Pause => &["paused"],
            Self::Archive => &["archived"],
            Self::Delete => &["absent"],
        }
    }

    /// How it is asked for.
    fn request(self, victim: &str) -> (&'static str, String, Value) {
        let post = |verb: &str, body: Value| ("POST", format!("/sandbox/{victim}/{verb}"), body);
        match self {
            Self::Create => ("POST", "/sandbox".to_owned(), json!({"name": "victim"})),
            Self::Start | Self::Resume | Self::Restore => post("start", json!({})),
            Self::Stop => post("stop", json!({})),
            Self::Pause => post("pause", json!({})),
            Self::Resize => post("resize", json!({"cpu": 2, "memory": 2})),
            Self::Fork => post("fork", json!({"name": "child"})),
            Self::Snapshot => post("snapshot", json!({"name": "taken"})),
            Self::BackUp => post("backup", json!({})),
            Self::Archive => post("archive", json!({})),
            Self::Delete => ("DELETE", format!("/sandbox/{victim}"), Value::Null),
        }
    }
}

/// A sandbox with a process that counts seconds in a file: proof that it was never interrupted.
struct Bystander {
    sandbox: Sandbox,
    process: String,
}

impl Bystander {
    fn new(server: &Server) -> Self {
        let sandbox = server.api.sandbox(&json!({"name": "bystander"}));
        sandbox.output("nohup sleep 100000 >/dev/null 2>&1 & echo $! > /tmp/pid");
        let process = sandbox.output("cat /proc/$(cat /tmp/pid)/stat | cut -d' ' -f1,22");
        Self { sandbox, process }
    }

    /// The same process with the same start time still runs.
    fn assert_untouched(&self, point: &str) {
        let now = self.sandbox.output("cat /proc/$(cat /tmp/pid)/stat | cut -d' ' -f1,22");
        assert_eq!(now, self.process, "after {point}");
    }
}

/// Sends one request whose answer may be lost with the process that was to give it.
fn send_and_forget(
    server: &Server,
    (method, path, body): (&'static str, String, Value),
) -> std::thread::JoinHandle<()> {
    let api = server.api.clone();
    std::thread::spawn(move || {
        let body = (!body.is_null()).then_some(body);
        let _ = api.try_send(method, &format!("{}{path}", api.api_url), body.as_ref());
    })
}

fn ask(server: &Server, victim: &str, verb: &str) {
    server.api.post(&format!("/sandbox/{victim}/{verb}"), &json!({})).expect(200);
}

/// Brings the victim into the state that a move starts from. Gives back how to ask for it: by id, since deletion
/// frees the name at once, and by name while there is no id yet.
fn prepare(server: &Server, moved: Move) -> String {
    let api = &server.api;
    let Some(from) = moved.from() else { return "victim".to_owned() };
    let created = api.post("/sandbox", &json!({"name": "victim"})).expect(200);
    assert_eq!(created["state"], "started", "{created}");
    let id = created["id"].as_str().unwrap().to_owned();
    let command = "head -c 300000 /dev/urandom > ~/kept; sha256sum < ~/kept > ~/sum; sudo rm -f /etc/issue";
    api.toolbox("POST", &id, "/process/execute", Some(&json!({"command": command}))).expect(200);
    match from {
        "paused" => ask(server, &id, "pause"),
        "stopped" | "archived" => ask(server, &id, "stop"),
        _ => {}
    }
    if from == "archived" {
        api.wait_for_state(&id, "stopped", SETTLE);
        ask(server, &id, "archive");
    }
    api.wait_for_state(&id, from, SETTLE);
    id
}

/// The victim's files are as they were: what was written, and what was removed.
fn assert_kept(server: &Server, victim: &str, point: &str) {
    let api = &server.api;
    let state = api.state(victim).unwrap();
    if state != "started" {
        ask(server, victim, "start");
        api.wait_for_state(victim, "started", SETTLE);
    }
    let command = "sha256sum < ~/kept | cmp - ~/sum && test ! -e /etc/issue";
    let read = api.toolbox("POST", victim, "/process/execute", Some(&json!({"command": command})));
    assert_eq!(read.expect(200)["exitCode"], 0, "after {point}");
}

/// Waits until a sandbox is in one of `wished`, or has failed. One that has failed says why, and if it says that it
/// can be recovered, that works. Gives back whether it reached the wish by itself.
fn settle(server: &Server, victim: &str, point: &str, wished: &[&str]) -> bool {
    // Back where it was is an end of maintenance that failed.
    let state = wait::until(&format!("{victim} settles after {point}"), RESTART + SETTLE, || {
        let shown = server.api.try_get(&format!("/sandbox/{victim}"))?;
        let state = if shown.status == 404 { "absent" } else { shown.body["state"].as_str()? };
        let is_idle = shown.body["backupState"] != "InProgress" && shown.body["backupState"] != "Pending";
        let is_settled = wished.contains(&state) && (is_idle || state == "absent");
        let has_failed = state == "error" || shown.body["errorReason"].is_string();
        (is_settled || has_failed).then(|| state.to_owned())
    });
    if wished.contains(&state.as_str()) {
        return true;
    }
    let shown = server.api.get(&format!("/sandbox/{victim}")).expect(200);
    let reason = shown["errorReason"].as_str().unwrap_or_default();
    assert!(!reason.is_empty(), "an error without a reason after {point}: {shown}");
    if shown["recoverable"] == true {
        ask(server, victim, "recover");
        server.api.wait_for_state(victim, "started", SETTLE);
    }
    false
}

/// Removes a sandbox, whatever became of it, and waits until nothing of it is left.
fn remove(server: &Server, victim: &str, point: &str) {
    let api = &server.api;
    let shown = wait::until(&format!("the API answers after {point}"), RESTART, || {
        api.try_get(&format!("/sandbox/{victim}"))
    });
    if shown.status == 404 {
        return;
    }
    let id = shown.body["id"].as_str().unwrap().to_owned();
    wait::until(&format!("{victim} can be removed after {point}"), RESTART + SETTLE, || {
        let answer = api.try_send("DELETE", &format!("{}/sandbox/{id}", api.api_url), None)?;
        matches!(answer.status, 200 | 404).then_some(())
    });
    wait::until(&format!("nothing of {victim} is left after {point}"), SETTLE, || {
        (api.state(&id)? == "absent").then_some(())
    });
}

/// What became of a snapshot: it makes sandboxes with the files that its source had, or says why not. Removes it, and
/// waits until its layer is gone. Gives back whether it was taken.
fn settle_snapshot(server: &Server, point: &str) -> bool {
    let api = &server.api;
    let path = "/snapshots/taken";
    let state = wait::until(&format!("the snapshot settles after {point}"), RESTART + SETTLE, || {
        let shown = api.try_get(path)?;
        let state = if shown.status == 404 { "absent" } else { shown.body["state"].as_str()? };
        (state != "snapshotting").then(|| state.to_owned())
    });
    if state == "active" {
        let made = api.sandbox(&json!({"snapshot": "taken"}));
        assert_kept(server, &made.id, point);
        remove(server, &made.id, point);
    } else if state == "error" {
        let shown = api.get(path).expect(200);
        assert!(shown["errorReason"].is_string(), "an error without a reason after {point}: {shown}");
    }
    if state != "absent" {
        api.send("DELETE", path, None).expect(200);
    }
    // One that was never recorded was never promised.
    state != "error"
}

/// Gives back whether the wish was reached.
fn run_move(server: &Server, point: &str, moved: Move, action: &str) -> bool {
    let victim = prepare(server, moved);
    server.arm(point, action);
    let asked = send_and_forget(server, moved.request(&victim));
    wait::until(&format!("{point} is reached by {moved:?}"), Duration::from_secs(20), || {
        server.was_hit(point).then_some(())
    });
    server.forget_hit(point);
    let mut reached = settle(server, &victim, point, moved.wished());
    asked.join().unwrap();
    if moved == Move::Fork {
        // One that was never recorded was never promised.
        reached &= settle(server, "child", point, &["started", "absent"]);
        if server.api.state("child").as_deref() == Some("started") {
            let child = server.api.get("/sandbox/child").expect(200)["id"].as_str().unwrap().to_owned();
            assert_kept(server, &child, point);
        }
        remove(server, "child", point);
    }
    if moved == Move::Snapshot {
        reached &= settle_snapshot(server, point);
    }
    if moved != Move::Create && moved != Move::Delete {
        server.api.wait_until_idle(&victim, SETTLE);
        assert_kept(server, &victim, point);
    }
    remove(server, &victim, point);
    reached
}

fn every_point(action: &str, points: &[(&str, Move)]) {
    let server = Server::start(&[]);
    let bystander = Bystander::new(&server);
    let mut missed = Vec::new();
    for &(point, moved) in points {
        if !run_move(&server, point, moved, action) {
            missed.push(point);
        }
        bystander.assert_untouched(point);
    }
    report(action, points.len(), missed.len());
    assert!(
        missed.len() * 20 <= points.len(),
        "{} of {} ended in an error: {missed:?}",
        missed.len(),
        points.len()
    );
    assert_only(&server, &bystander);
}

#[expect(clippy::print_stdout, reason = "how many came to what was wished is asked for with --no-capture")]
fn report(action: &str, all: usize, missed: usize) {
    println!(
        "{action}: {} of {all} came to what was wished, the others to an error with a reason",
        all - missed
    );
}

/// Nothing is on the host but the bystander.
fn assert_only(server: &Server, bystander: &Bystander) {
    let mut strangers = Vec::new();
    wait::within(RESTART + SETTLE, || {
        // What nothing is made of any more is removed in the background.
        strangers = server.strangers(&bystander.sandbox.id);
        strangers.is_empty().then_some(())
    });
    assert!(strangers.is_empty(), "{strangers:#?}");
}

/// The points of control, with the moves that pass them.
fn control_points(moves: &[Move]) -> Vec<(&'static str, Move)> {
    let of = |point: &str| match point.split('.').nth(1) {
        Some("create") => Move::Create,
        Some("start") => Move::Start,
        Some("stop") => Move::Stop,
        Some("pause") => Move::Pause,
        Some("resume") => Move::Resume,
        Some("resize") => Move::Resize,
        Some("fork") => Move::Fork,
        Some("snapshot") => Move::Snapshot,
        Some("back_up") => Move::BackUp,
        Some("archive") => Move::Archive,
        Some("restore") => Move::Restore,
        Some("delete") => Move::Delete,
        other => panic!("{point}: which move is {other:?}?"),
    };
    // Volumes have their own moves, beside this file.
    let all = paddock_control::failpoints::ALL.iter().filter(|point| !point.contains("_volume"));
    let all = all.map(|point| (*point, of(point)));
    // A resumption and a restoration are asked for as a start.
    let passed = |point: &str, moved: Move| {
        !(matches!(moved, Move::Resume | Move::Restore) && point.ends_with("after_request"))
    };
    all.filter(|(point, moved)| moves.contains(moved) && passed(point, *moved)).collect()
}

/// The points of the runner and of its drivers, with the moves that pass them.
fn runner_points(moves: &[Move]) -> Vec<(&'static str, Move)> {
    use paddock_driver_storage as storage;
    fn every(steps: &'static [&'static str], moved: Move) -> impl Iterator<Item = (&'static str, Move)> {
        steps.iter().map(move |point| (*point, moved))
    }
    let launch = &paddock_runner::LAUNCH_STEPS;
    // A second start makes no volume and seeds no files, and passes all other steps again.
    let started = every(launch, Move::Start).filter(|(point, _)| !point.contains("storage"));
    let ended = paddock_runner::END_STEPS
        .iter()
        .map(|point| (*point, if point.contains("remove") { Move::Delete } else { Move::Stop }));
    let held = paddock_runner::HOLD_STEPS.iter().map(|point| {
        let moved = match point.split('.').nth(1) {
            Some("resize") => Move::Resize,
            Some("pause") => Move::Pause,
            _ => Move::Resume,
        };
        (*point, moved)
    });
    let archived = every(&paddock_runner::EXPORT_STEPS, Move::Archive)
        .chain(every(&storage::COPY_STEPS, Move::Archive))
        // Its files leave the host.
        .chain(
            ended
                .clone()
                .filter(|(_, moved)| *moved == Move::Delete)
                .map(|(point, _)| (point, Move::Archive)),
        );
    every(launch, Move::Create)
        .chain(started)
        .chain(ended)
        .chain(held)
        .chain(every(&paddock_runner::FORK_STEPS, Move::Fork))
        .chain(every(&storage::FORK_STEPS, Move::Fork))
        .chain(every(&storage::FLUSH_STEPS, Move::Fork))
        .chain(every(&paddock_runner::EXPORT_STEPS, Move::Snapshot))
        .chain(every(&paddock_runner::LAYER_STEPS, Move::Snapshot))
        .chain(every(&paddock_runner::EXPORT_STEPS, Move::BackUp))
        .chain(archived)
        .chain(every(&paddock_runner::RESTORE_STEPS, Move::Restore))
        .chain(every(&storage::RESTORE_STEPS, Move::Restore))
        .filter(|(_, moved)| moves.contains(moved))
        .collect()
}

const LIFE: &[Move] = &[Move::Create, Move::Start, Move::Stop, Move::Delete];
const MAINTENANCE: &[Move] = &[Move::Pause, Move::Resume, Move::Resize, Move::Fork];
const STORAGE: &[Move] = &[Move::Snapshot, Move::BackUp, Move::Archive, Move::Restore];

#[test]
fn the_front_killed_at_every_point_of_a_life_loses_nothing() {
    every_point("kill", &control_points(LIFE));
}

#[test]
fn the_front_killed_at_every_point_of_maintenance_loses_nothing() {
    every_point("kill", &control_points(MAINTENANCE));
}

#[test]
fn the_front_killed_at_every_point_of_storage_loses_nothing() {
    every_point("kill", &control_points(STORAGE));
}

#[test]
fn the_runner_killed_at_every_point_of_a_life_loses_nothing() {
    every_point("kill", &runner_points(LIFE));
}

#[test]
fn the_runner_killed_at_every_point_of_maintenance_loses_nothing() {
    every_point("kill", &runner_points(MAINTENANCE));
}

#[test]
fn the_runner_killed_at_every_point_of_storage_loses_nothing() {
    every_point("kill", &runner_points(STORAGE));
}

#[test]
fn a_step_of_control_that_fails_is_taken_again() {
    let points = [LIFE, MAINTENANCE, STORAGE].map(control_points).concat();
    every_point("error", &points);
}

#[test]
fn a_step_of_the_runner_that_is_slow_is_waited_for() {
    let points = [LIFE, MAINTENANCE, STORAGE].map(runner_points).concat();
    every_point("delay", &points);
}

#[test]
fn a_step_of_the_runner_that_fails_is_told_truly_and_leaves_nothing() {
    let server = Server::start(&[]);
    let bystander = Bystander::new(&server);
    for (point, moved) in [LIFE, MAINTENANCE, STORAGE].map(runner_points).concat() {
        // A removal that fails is tried again until it does not; see the kills.
        if point.contains("remove") {
            continue;
        }
        let victim = prepare(&server, moved);
        server.arm(point, "error");
        let (method, path, body) = moved.request(&victim);
        let answer = server.api.send(method, &path, Some(&body).filter(|body| !body.is_null()));
        wait::until(&format!("{point} is reached by {moved:?}"), SETTLE, || {
            server.was_hit(point).then_some(())
        });
        server.forget_hit(point);
        let told = |victim: &str| {
            let shown = server.api.try_get(&format!("/sandbox/{victim}"))?.body;
            let reason = shown["errorReason"].as_str().unwrap_or_default().to_owned();
            (reason.contains(point) || answer.body["message"].as_str().unwrap_or_default().contains(point))
                .then_some(())
        };
        // An archive is tried again and then succeeds; everything else is told where it belongs.
        if moved == Move::Archive {
            server.api.wait_for_state(&victim, "archived", SETTLE);
        } else {
            let whose = if moved == Move::Fork { "child" } else { &victim };
            wait::until(&format!("{point} is told of by {moved:?}"), SETTLE, || told(whose));
        }
        if moved == Move::Snapshot {
            settle_snapshot(&server, point);
        }
        remove(&server, "child", point);
        remove(&server, &victim, point);
        bystander.assert_untouched(point);
    }
    assert_only(&server, &bystander);
}
