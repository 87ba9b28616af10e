//! Either side ends, at any time, and everything converges after its restart.

use paddock_testkit::eventually;
use paddock_types::SandboxId;
use paddock_wire_runner::{Existence, Observed};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn control_that_crashes_in_every_stage_goes_on_where_it_was() {
    let mut world = World::start().await;
    world.sandbox(json!({"name": "started"})).await;
    world.sandbox(json!({"name": "stopping"})).await;
    let destroying = world.sandbox(json!({"name": "destroying"})).await;
    world.runner.hold_everything();
    let create = world.begin_create(&json!({"name": "creating"}));
    world.until_state("creating", "creating").await;
    world.post("/api/sandbox/stopping/stop", Value::Null).await;
    world.delete("/api/sandbox/destroying").await;
    create.abort();
    drop(create.await);
    world.crash_control().await;
    for (name, state) in [("started", "started"), ("creating", "creating"), ("stopping", "stopping")] {
        assert_eq!(world.get(&format!("/api/sandbox/{name}")).await.body["state"], state);
    }
    world.runner.release();
    world.until_state("creating", "started").await;
    world.until_state("stopping", "stopped").await;
    world.until_gone(&destroying).await;
    world.until_state("started", "started").await;
}

#[tokio::test]
async fn what_happened_while_control_was_away_is_noticed() {
    let mut world = World::start().await;
    let ended = world.sandbox(json!({"name": "ended"})).await;
    let lost = world.sandbox(json!({"name": "lost"})).await;
    world.sandbox(json!({"name": "well"})).await;
    let runner = std::mem::replace(&mut world.runner, paddock_testkit::runner::FakeRunner::stopped());
    runner.end_by_itself(ended.parse().unwrap(), Some("out of memory"));
    runner.lose(lost.parse().unwrap());
    world.runner = runner;
    world.crash_control().await;
    assert_eq!(world.until_state("ended", "stopped").await["errorReason"], "out of memory");
    let lost = world.until_state("lost", "error").await;
    assert!(
        lost["errorReason"].as_str().unwrap().contains("its files are not on the runner any more"),
        "{lost}"
    );
    assert_eq!(world.get("/api/sandbox/well").await.body["state"], "started");
}

#[tokio::test]
async fn a_runner_that_restarts_finds_every_wish_again() {
    let mut world = World::start().await;
    let well = world.sandbox(json!({"name": "well"})).await;
    world.sandbox(json!({"name": "stopping"})).await;
    world.runner.hold_everything();
    let create = world.begin_create(&json!({"name": "creating"}));
    world.until_state("creating", "creating").await;
    world.post("/api/sandbox/stopping/stop", Value::Null).await;
    let id: SandboxId = world.get("/api/sandbox/creating").await.id().parse().unwrap();
    let stopping: SandboxId = world.get("/api/sandbox/stopping").await.id().parse().unwrap();
    eventually("both wishes to arrive", async || {
        let states = (world.runner.state(id), world.runner.state(stopping));
        (states == (Observed::Creating, Observed::Stopping)).then_some(())
    })
    .await;
    world.runner.crash();
    world.runner.forget_wishes();
    world.runner.release();
    world.runner.restart();
    world.until_state("creating", "started").await;
    create.await.unwrap();
    // What was being stopped is gone from the host with the crash: that is the truth.
    let stopping = eventually("the stop to end", async || {
        let body = world.get("/api/sandbox/stopping").await.body;
        (body["state"] != "stopping").then_some(body)
    })
    .await;
    assert_eq!(stopping["state"], "error", "{stopping}");
    eventually("the wish for the well one to be renewed", async || {
        let renewed = world.runner.wishes().into_iter().filter(|(id, _)| id.to_string() == well).count() > 1;
        renewed.then_some(())
    })
    .await;
    assert_eq!(world.get("/api/sandbox/well").await.body["state"], "started");
}

#[tokio::test]
async fn a_lost_answer_is_no_lost_wish() {
    let world = World::start().await;
    world.runner.lose_next_answer();
    world.sandbox(json!({"name": "web"})).await;
    world.runner.lose_next_answer();
    world.delete("/api/sandbox/web").await;
    eventually("the sandbox to be gone", async || {
        (world.get("/api/sandbox?includeErroredDeleted=true").await.body["items"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_runner_that_answers_with_its_own_errors_is_asked_again() {
    let world = World::start().await;
    world.runner.refuse_wishes(500, "not now");
    let create = world.begin_create(&json!({"name": "web"}));
    eventually("the first refusals", async || (world.runner.wishes().len() > 1).then_some(())).await;
    assert_eq!(world.get("/api/sandbox/web").await.body["state"], "creating");
    world.runner.behave();
    world.until_state("web", "started").await;
    create.await.unwrap();
}

#[tokio::test]
async fn a_sandbox_that_control_does_not_know_is_left_alone() {
    let world = World::start().await;
    let stranger = SandboxId::random();
    world.runner.plant(stranger);
    // What was planted first is looked at before what is made afterwards.
    world.sandbox(json!({})).await;
    assert_eq!(world.runner.state(stranger), Observed::Started);
    assert!(world.runner.wishes().iter().all(|(id, _)| *id != stranger));
    assert_eq!(world.get(&format!("/api/sandbox/{stranger}")).await.status, 404);
}

#[tokio::test]
async fn a_restored_old_database_begins_a_new_epoch_and_is_obeyed() {
    let mut world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    let database = world.directory.path().join("control.db");
    let copy = world.directory.path().join("copy.db");
    let source = rusqlite::Connection::open(&database).unwrap();
    source.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    drop(source);
    for verb in ["stop", "start", "stop"] {
        world.post(&format!("/api/sandbox/{id}/{verb}"), Value::Null).await;
        let state = if verb == "stop" { "stopped" } else { "started" };
        world.until_state(&id, state).await;
    }
    world.replace_database(&copy).await;
    // The copy wishes the sandbox started; the runner has seen later wishes.
    world.until_state(&id, "started").await;
    eventually("the old wish to be renewed", async || {
        (world.runner.state(id.parse().unwrap()) == Observed::Started).then_some(())
    })
    .await;
    let generations: Vec<_> = world.runner.wishes().into_iter().map(|(_, wish)| wish.generation).collect();
    assert!(generations.last().unwrap().epoch > generations[0].epoch, "{generations:?}");
}

#[tokio::test]
async fn files_are_made_once() {
    let mut world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.crash_control().await;
    world.until_ready().await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    let made: Vec<Existence> = world.runner.wishes().into_iter().map(|(_, wish)| wish.existence).collect();
    assert_eq!(made[0], Existence::Create);
    assert!(made[1..].iter().all(|existence| *existence == Existence::Existing), "{made:?}");
}
