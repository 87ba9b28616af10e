use axum::http::StatusCode;
use paddock_wire_runner::Desired;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_stop_answers_at_once_and_shows_the_way() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    let answer = world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    assert_eq!(
        (answer.status, &answer.body["state"], &answer.body["desiredState"]),
        (StatusCode::OK, &json!("stopping"), &json!("stopped"))
    );
    world.runner.release();
    world.until_state(&id, "stopped").await;
    assert_eq!(world.runner.wishes().pop().unwrap().1.desired, Desired::Stopped);
}

#[tokio::test]
async fn force_reaches_the_runner_and_must_be_a_truth_value() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}/stop");
    assert_eq!(world.post(&format!("{path}?force=hard"), Value::Null).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.post(&format!("{path}?force=true"), Value::Null).await.status, StatusCode::OK);
    world.until_state(&id, "stopped").await;
    assert_eq!(world.runner.wishes().pop().unwrap().1.desired, Desired::Killed);
}

#[tokio::test]
async fn what_does_not_run_cannot_be_stopped() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}/stop");
    world.runner.hold_everything();
    world.post(&path, Value::Null).await;
    assert_eq!(world.post(&path, Value::Null).await.status, StatusCode::CONFLICT, "while stopping");
    world.runner.release();
    world.until_state(&id, "stopped").await;
    let answer = world.post(&path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message(&path).contains("stopped"));
}
