use axum::http::StatusCode;
use paddock_wire_runner::Desired;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_pause_shows_the_way_and_a_start_resumes_with_the_same_token() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let token = || async {
        world.get(&format!("/api/sandbox/{id}/ports/80/preview-url")).await.body["token"].clone()
    };
    let before = token().await;
    world.runner.hold_everything();
    let answer = world.post(&format!("/api/sandbox/{id}/pause"), Value::Null).await;
    assert_eq!(
        (answer.status, &answer.body["state"], &answer.body["desiredState"]),
        (StatusCode::OK, &json!("pausing"), &json!("paused"))
    );
    let busy = world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    assert_eq!(busy.status, StatusCode::CONFLICT);
    world.runner.release();
    world.until_state(&id, "paused").await;
    assert_eq!(world.runner.wishes().pop().unwrap().1.desired, Desired::Paused);
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!(answer.body["state"], "started", "{answer:?}");
    assert_eq!(token().await, before, "a resume is no start");
}

#[tokio::test]
async fn what_cannot_be_frozen_runs_on_and_says_why() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.fail_pauses("the freezer is broken");
    world.post(&format!("/api/sandbox/{id}/pause"), Value::Null).await;
    let shown = world.until_state(&id, "started").await;
    assert_eq!(shown["desiredState"], "started");
    assert!(shown["errorReason"].as_str().unwrap().contains("the freezer is broken"), "{shown}");
    world.runner.behave();
    world.post(&format!("/api/sandbox/{id}/pause"), Value::Null).await;
    let shown = world.until_state(&id, "paused").await;
    assert_eq!(shown["errorReason"], Value::Null);
}

#[tokio::test]
async fn a_paused_sandbox_stops_and_is_deleted_and_nothing_else() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/pause"), Value::Null).await;
    world.until_state(&id, "paused").await;
    for call in ["pause", "archive", "fork", "backup"] {
        let answer = world.post(&format!("/api/sandbox/{id}/{call}"), json!({})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{call}");
    }
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.delete(&format!("/api/sandbox/{id}")).await;
    world.until_gone(&id).await;
}

#[tokio::test]
async fn a_paused_sandbox_whose_host_was_restarted_is_stopped() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/pause"), Value::Null).await;
    world.until_state(&id, "paused").await;
    world.runner.end_by_itself(id.parse().unwrap(), Some("the host was restarted"));
    let shown = world.until_state(&id, "stopped").await;
    assert_eq!(shown["errorReason"], "the host was restarted");
}
