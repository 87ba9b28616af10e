use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

async fn recover(world: &World, id: &str, query: &str) -> (StatusCode, Value) {
    let answer = world.post(&format!("/api/sandbox/{id}/recover{query}"), Value::Null).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_failure_that_can_be_cured_is() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.fail(&id).await;
    let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    assert_eq!((&shown["recoverable"], &shown["errorReason"]), (&json!(true), &json!("no room")));
    let start = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!(start.status, StatusCode::BAD_REQUEST);
    assert!(start.body["message"].as_str().unwrap().contains("recover"), "{start:?}");
    let (status, shown) = recover(&world, &id, "").await;
    assert_eq!((status, &shown["state"]), (StatusCode::OK, &json!("started")));
    assert_eq!((&shown["recoverable"], &shown["errorReason"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn recovery_can_leave_it_stopped() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.fail(&id).await;
    assert_eq!(recover(&world, &id, "?skipStart=true").await.0, StatusCode::OK);
    world.until_state(&id, "stopped").await;
}

#[tokio::test]
async fn what_has_not_failed_or_cannot_be_cured_is_not_recovered() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    assert_eq!(recover(&world, &id, "").await.0, StatusCode::BAD_REQUEST);
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.runner.fail_starts("no such user");
    world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    let shown = world.until_state(&id, "error").await;
    assert_eq!(shown["recoverable"], false);
    let (status, answer) = recover(&world, &id, "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["message"].as_str().unwrap().contains("not recoverable"), "{answer}");
}
