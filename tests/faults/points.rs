//! A kill at every named point of create, start, stop and delete, in control and in the runner.

use std::time::Duration;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use paddock_tests::wait;
use serde_json::json;

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
    Delete,
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
fn send_and_forget(server: &Server, method: &'static str, path: String) -> std::thread::JoinHandle<()> {
    let api = server.api.clone();
    std::thread::spawn(move || {
        let body = (method == "POST")
            .then(|| if path == "/sandbox" { json!({"name": "victim"}) } else { json!({}) });
        let _ = api.try_send(method, &format!("{}{path}", api.api_url), body.as_ref());
    })
}

/// Brings the victim into the state that a move starts from. Gives back how to ask for it: by id, since deletion
/// frees the name at once, and by name while there is no id yet.
fn prepare(server: &Server, moved: Move) -> String {
    let api = &server.api;
    if moved == Move::Create {
        return "victim".to_owned();
    }
    let created = api.post("/sandbox", &json!({"name": "victim"})).expect(200);
    assert_eq!(created["state"], "started", "{created}");
    api.toolbox(
        "POST",
        created["id"].as_str().unwrap(),
        "/process/execute",
        Some(&json!({"command": "echo kept > ~/kept"})),
    )
    .expect(200);
    if moved == Move::Start {
        api.post("/sandbox/victim/stop", &json!({})).expect(200);
        api.wait_for_state("victim", "stopped", SETTLE);
    }
    created["id"].as_str().unwrap().to_owned()
}

/// Waits until the victim is in one of `wished`, or says why not. Gives back whether it reached the wish.
fn settle(server: &Server, victim: &str, point: &str, wished: &[&str]) -> bool {
    let state = wait::until(&format!("the victim settles after {point}"), RESTART + SETTLE, || {
        let state = server.api.state(victim)?;
        (wished.contains(&state.as_str()) || state == "error").then_some(state)
    });
    if state != "error" {
        return true;
    }
    let shown = server.api.get(&format!("/sandbox/{victim}")).expect(200);
    let reason = shown["errorReason"].as_str().unwrap_or_default();
    assert!(!reason.is_empty(), "an error without a reason after {point}: {shown}");
    false
}

/// Removes the victim, whatever became of it, and waits until nothing of it is left.
fn remove(server: &Server, victim: &str, point: &str) {
    let api = &server.api;
    let shown = wait::until(&format!("the API answers after {point}"), RESTART, || {
        api.try_get(&format!("/sandbox/{victim}"))
    });
    if shown.status == 404 {
        return;
    }
    let id = shown.body["id"].as_str().unwrap().to_owned();
    wait::until(&format!("the victim can be removed after {point}"), RESTART + SETTLE, || {
        let answer = api.try_send("DELETE", &format!("{}/sandbox/{id}", api.api_url), None)?;
        // Deleting is refused while it is under way already.
        matches!(answer.status, 200 | 404 | 409).then_some(())
    });
    wait::until(&format!("nothing of the victim is left after {point}"), SETTLE, || {
        (api.state(&id)? == "absent").then_some(())
    });
}

fn run_move(server: &Server, point: &str, moved: Move, action: &str) -> bool {
    let victim = prepare(server, moved);
    server.arm(point, action);
    let (method, path, wished): (_, &str, &[&str]) = match moved {
        // A create that died before it was recorded was never promised to anybody.
        Move::Create => ("POST", "/sandbox", &["started", "absent"]),
        Move::Start => ("POST", &format!("/sandbox/{victim}/start"), &["started"]),
        Move::Stop => ("POST", &format!("/sandbox/{victim}/stop"), &["stopped"]),
        Move::Delete => ("DELETE", &format!("/sandbox/{victim}"), &["absent"]),
    };
    let asked = send_and_forget(server, method, path.to_owned());
    wait::until(&format!("{point} is reached"), Duration::from_secs(20), || {
        server.was_hit(point).then_some(())
    });
    server.forget_hit(point);
    let reached = settle(server, &victim, point, wished);
    asked.join().unwrap();
    if reached && matches!(moved, Move::Start | Move::Stop) {
        if moved == Move::Stop {
            server.api.post("/sandbox/victim/start", &json!({})).expect(200);
        }
        server.api.wait_for_state("victim", "started", SETTLE);
        let id = server.api.get("/sandbox/victim").expect(200)["id"].as_str().unwrap().to_owned();
        let read =
            server.api.toolbox("POST", &id, "/process/execute", Some(&json!({"command": "cat ~/kept"})));
        assert_eq!(read.expect(200)["result"], "kept\n", "after {point}");
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
    assert!(
        missed.len() * 20 <= points.len(),
        "{} of {} ended in an error: {missed:?}",
        missed.len(),
        points.len()
    );
    assert_only(&server, &bystander);
}

/// Nothing is on the host but the bystander.
fn assert_only(server: &Server, bystander: &Bystander) {
    let strangers = server.strangers(&bystander.sandbox.id);
    assert!(strangers.is_empty(), "{strangers:#?}");
}

fn control_points() -> Vec<(&'static str, Move)> {
    paddock_control::failpoints::ALL
        .iter()
        .map(|point| {
            let moved = match point.split('.').nth(1) {
                Some("create") => Move::Create,
                Some("start") => Move::Start,
                Some("stop") => Move::Stop,
                Some("delete") => Move::Delete,
                other => panic!("{point}: which move is {other:?}?"),
            };
            (*point, moved)
        })
        .collect()
}

fn runner_points() -> Vec<(&'static str, Move)> {
    let launch = paddock_runner::LAUNCH_STEPS.iter();
    let created = launch.clone().map(|point| (*point, Move::Create));
    // A second start makes no volume and seeds no files, and passes all other steps again.
    let started = launch.filter(|point| !point.contains("storage")).map(|point| (*point, Move::Start));
    let ended = paddock_runner::END_STEPS
        .iter()
        .map(|point| (*point, if point.contains("remove") { Move::Delete } else { Move::Stop }));
    created.chain(started).chain(ended).collect()
}

#[test]
fn the_front_killed_at_every_point_of_every_move_loses_nothing() {
    every_point("kill", &control_points());
}

#[test]
fn the_runner_killed_at_every_point_of_every_move_loses_nothing() {
    every_point("kill", &runner_points());
}

#[test]
fn a_step_of_the_runner_that_fails_is_told_truly_and_leaves_nothing() {
    let server = Server::start(&[]);
    let bystander = Bystander::new(&server);
    for point in paddock_runner::LAUNCH_STEPS {
        server.arm(point, "error");
        let answer = server.api.post("/sandbox", &json!({"name": "victim"}));
        assert!(server.was_hit(point), "{point}");
        server.forget_hit(point);
        assert_eq!(answer.status, 400, "{point}: {}", answer.body);
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.contains(point), "{point}: {message}");
        assert_eq!(server.api.state("victim").as_deref(), Some("error"), "{point}");
        remove(&server, "victim", point);
        bystander.assert_untouched(point);
    }
    assert_only(&server, &bystander);
}
