//! Many at once.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use futures_util::future::join_all;
use paddock_wire_runner::Observed;
use serde_json::{Value, json};

use crate::world::World;

fn count(answers: &[crate::world::Answer]) -> BTreeMap<u16, usize> {
    let mut counted = BTreeMap::new();
    for answer in answers {
        *counted.entry(answer.status.as_u16()).or_default() += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creates_with_one_name_exactly_one_succeeds() {
    let world = World::start().await;
    let answers = join_all((0..10).map(|_| world.post("/api/sandbox", json!({"name": "web"})))).await;
    assert_eq!(count(&answers), BTreeMap::from([(200, 1), (409, 9)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_are_all_started() {
    let world = World::start().await;
    let answers = join_all((0..100).map(|_| world.post("/api/sandbox", json!({})))).await;
    assert_eq!(count(&answers), BTreeMap::from([(200, 100)]));
    assert!(answers.iter().all(|answer| answer.body["state"] == "started"));
    let list = world.get("/api/sandbox?limit=200&states=started").await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 100);
    let gone = join_all(answers.iter().map(|answer| async {
        let id = answer.id();
        world.delete(&format!("/api/sandbox/{id}")).await;
        world.until_gone(&id).await;
        world.runner.state(id.parse().unwrap())
    }))
    .await;
    assert!(gone.iter().all(|state| *state == Observed::Absent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_stops_one_is_accepted_and_the_others_conflict() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    let path = format!("/api/sandbox/{id}/stop");
    let answers = join_all((0..10).map(|_| world.post(&path, Value::Null))).await;
    assert_eq!(count(&answers), BTreeMap::from([(200, 1), (409, 9)]));
    world.runner.release();
    world.until_state(&id, "stopped").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_starts_and_stops_are_answered_and_come_to_rest() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    for _ in 0..10 {
        let calls = ["start", "stop", "start", "stop", "start"].map(|verb| {
            let path = format!("/api/sandbox/{id}/{verb}");
            async { world.post(&{ path }, Value::Null).await }
        });
        let answers = join_all(calls).await;
        for answer in answers {
            let status = answer.status;
            let is_expected =
                [StatusCode::OK, StatusCode::CONFLICT, StatusCode::BAD_REQUEST].contains(&status);
            assert!(is_expected, "{answer:?}");
        }
    }
    let state = paddock_testkit::eventually("the sandbox to come to rest", async || {
        let state = world.get(&format!("/api/sandbox/{id}")).await.body["state"].clone();
        ["started", "stopped"].contains(&state.as_str().unwrap()).then_some(state)
    })
    .await;
    let on_host = paddock_testkit::eventually("the host to agree", async || {
        let on_host = world.runner.state(id.parse().unwrap());
        on_host.is_settled().then_some(on_host)
    })
    .await;
    assert_eq!(on_host == Observed::Started, state == "started", "{on_host:?} {state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_wins_over_everything_that_races_with_it() {
    let world = World::start().await;
    for _ in 0..10 {
        let id = world.sandbox(json!({})).await;
        let path = format!("/api/sandbox/{id}");
        let stop = format!("{path}/stop");
        let (_, deleted, _) = tokio::join!(
            world.post(&stop, Value::Null),
            world.delete(&path),
            world.put("/api/sandbox/x/labels", json!({"labels": {}})),
        );
        assert_eq!(deleted.status, StatusCode::OK);
        world.until_gone(&id).await;
        assert_eq!(world.runner.state(id.parse().unwrap()), Observed::Absent);
    }
}
