//! Every change is one event, in order, and none before it is durable.

use std::collections::HashMap;

use axum::http::{Method, Request, header};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Event, Stream};
use crate::world::World;

/// Checks that the events of each sandbox make one chain from its making on; the last shown state of each.
pub(crate) fn follow(events: &[Event]) -> HashMap<String, String> {
    let mut states: HashMap<String, String> = HashMap::new();
    let mut desired: HashMap<String, String> = HashMap::new();
    for event in events {
        let (id, payload) = (event.id().to_owned(), &event.payload);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match event.name.as_str() {
            "sandbox.created" => {
                assert_eq!(states.insert(id.clone(), text(&payload["state"])), None, "made twice");
                desired.insert(id, text(&payload["desiredState"]));
            }
            "sandbox.state.updated" => {
                let before = states.insert(id, text(&payload["newState"]));
                assert_eq!(before.as_deref(), payload["oldState"].as_str(), "{event:?}");
                assert_ne!(payload["oldState"], payload["newState"]);
            }
            "sandbox.desired-state.updated" => {
                let before = desired.insert(id, text(&payload["newDesiredState"]));
                assert_eq!(before.as_deref(), payload["oldDesiredState"].as_str(), "{event:?}");
            }
            other => panic!("unexpected {other}"),
        }
    }
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_changes_of_many_sandboxes_make_one_chain_each() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    let answers = join_all((0..10).map(|_| world.post("/api/sandbox", json!({})))).await;
    let ids: Vec<String> = answers.iter().map(crate::world::Answer::id).collect();
    for _ in 0..5 {
        join_all(
            ids.iter()
                .flat_map(|id| ["stop", "start", "stop", "start"].map(|verb| (id, verb)))
                .map(async |(id, verb)| world.post(&format!("/api/sandbox/{id}/{verb}"), Value::Null).await),
        )
        .await;
    }
    join_all(ids.iter().map(async |id| world.delete(&format!("/api/sandbox/{id}")).await)).await;
    let mut events = Vec::new();
    let mut gone = 0;
    while gone < ids.len() {
        let event = stream.event().await;
        gone += usize::from(event.payload["newState"] == "destroyed");
        events.push(event);
    }
    let last = follow(&events);
    assert!(ids.iter().all(|id| last[id] == "destroyed"), "{last:?}");
    assert_eq!(stream.event_now().await, None, "nothing comes after the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_after_an_event_sees_at_least_that() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    let id = world.sandbox(json!({})).await;
    let changing = async {
        for verb in ["stop", "start", "stop", "start", "stop"] {
            world.post(&format!("/api/sandbox/{id}/{verb}"), Value::Null).await;
            let state = if verb == "stop" { "stopped" } else { "started" };
            world.until_state(&id, state).await;
        }
        world.delete(&format!("/api/sandbox/{id}")).await;
    };
    let reading = async {
        loop {
            let event = stream.event().await;
            let shown = world.get(&format!("/api/sandbox/{id}")).await;
            if event.payload["newState"] == "destroyed" {
                assert_eq!(shown.status, 404);
                return;
            }
            if shown.status == 404 {
                continue;
            }
            let told = event.payload.get("sandbox").unwrap_or(&event.payload);
            // Times are texts of one length, so they can be compared as such.
            let (then, now) =
                (told["updatedAt"].as_str().unwrap(), shown.body["updatedAt"].as_str().unwrap());
            assert!(now >= then, "{event:?} {shown:?}");
            if now == then && event.name == "sandbox.state.updated" && told["state"] != shown.body["state"] {
                // Two changes in one millisecond: what is shown is the later one, of which we shall hear.
                assert_eq!(stream.event().await.payload["oldState"], told["state"]);
            }
        }
    };
    tokio::join!(changing, reading);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_takes_no_event_with_him() {
    let world = World::start().await;
    let address = world.serve().await;
    let mut stream = Stream::listen(address, &world.key).await;
    for number in 0..40_u32 {
        let request = Request::post("/api/sandbox")
            .header(header::AUTHORIZATION, format!("Bearer {}", world.key))
            .body(axum::body::Body::from("{}"))
            .unwrap();
        let asking = tokio::spawn(world.control.router().oneshot(request));
        // Each caller goes away at another moment.
        for _ in 0..number * 20 {
            tokio::task::yield_now().await;
        }
        asking.abort();
    }
    // A last one, whose end comes after those of the others.
    let last = world.sandbox(json!({})).await;
    let mut events = stream.until_state_of(&last, "started").await;
    let listed = world.call(Method::GET, "/api/sandbox?limit=200", &world.key, None).await.body;
    let ids: Vec<String> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    while !ids.iter().all(|id| events.iter().any(|event| event.name == "sandbox.created" && event.id() == id))
    {
        events.push(stream.event().await);
    }
    follow(&events);
}
