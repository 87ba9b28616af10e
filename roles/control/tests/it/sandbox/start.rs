use axum::http::StatusCode;
use paddock_wire_runner::{Desired, Existence};
use serde_json::{Value, json};

use crate::world::World;

async fn stopped(world: &World) -> String {
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    id
}

#[tokio::test]
async fn a_stopped_sandbox_starts_with_the_files_that_it_has() {
    let world = World::start().await;
    let id = stopped(&world).await;
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("started")));
    let (_, wish) = world.runner.wishes().pop().unwrap();
    assert_eq!((wish.desired, wish.existence), (Desired::Started, Existence::Existing));
}

#[tokio::test]
async fn a_started_sandbox_is_answered_as_it_is() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let wishes = world.runner.wishes().len();
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("started")));
    assert_eq!(world.runner.wishes().len(), wishes);
}

#[tokio::test]
async fn a_start_while_stopping_is_a_conflict_and_after_an_error_a_bad_request() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    let path = format!("/api/sandbox/{id}/start");
    let answer = world.post(&path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.message(&path).contains("stopping"));
    world.runner.release();
    world.until_state(&id, "stopped").await;
    world.runner.fail_starts("no memory");
    let answer = world.post(&path, Value::Null).await;
    assert_eq!((answer.status, answer.message(&path)), (StatusCode::BAD_REQUEST, "no memory".to_owned()));
    let answer = world.post(&path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "it has failed");
    assert!(answer.message(&path).contains("error"));
}

#[tokio::test]
async fn a_sandbox_that_ended_by_itself_shows_why_and_starts_again() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.end_by_itself(id.parse().unwrap(), Some("out of memory"));
    let body = world.until_state(&id, "stopped").await;
    assert_eq!((&body["errorReason"], &body["desiredState"]), (&json!("out of memory"), &json!("stopped")));
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!((&answer.body["state"], answer.body.get("errorReason")), (&json!("started"), None));
}

#[tokio::test]
async fn every_start_renews_the_token_of_the_sandbox() {
    let world = World::start().await;
    let id = stopped(&world).await;
    world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    let store = world.open_store().await;
    let first = store.load_sandbox(id.parse().unwrap()).await.unwrap().unwrap().status.auth_token;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    let second = store.load_sandbox(id.parse().unwrap()).await.unwrap().unwrap().status.auth_token;
    assert_ne!(first, second);
}
