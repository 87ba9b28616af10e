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
async fn an_archived_sandbox_leaves_the_host_and_comes_back_from_its_archive() {
    let world = World::start().await;
    let id = stopped(&world).await;
    world.runner.hold_everything();
    let answer = world.post(&format!("/api/sandbox/{id}/archive"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("archiving")));
    world.runner.release();
    let shown = world.until_state(&id, "archived").await;
    assert_eq!((&shown["backupState"], &shown["runnerId"]), (&json!("Completed"), &Value::Null));
    paddock_testkit::eventually("its files to leave the host", async || {
        let last = world.runner.wishes().pop().unwrap().1;
        (last.desired == Desired::Evicted).then_some(())
    })
    .await;
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("restoring")), "{answer:?}");
    world.until_state(&id, "started").await;
    let wish = world.runner.wishes().into_iter().rev().find(|(_, wish)| wish.desired == Desired::Started);
    let wish = wish.unwrap().1;
    assert_eq!(wish.existence, Existence::Restore);
    assert!(wish.archive.is_some());
}

#[tokio::test]
async fn a_start_calls_an_archive_off() {
    let world = World::start().await;
    let id = stopped(&world).await;
    world.runner.hold_tasks();
    world.post(&format!("/api/sandbox/{id}/archive"), Value::Null).await;
    let answer = world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    assert_eq!(answer.body["state"], "started", "{answer:?}");
    let wish = world.runner.wishes().pop().unwrap().1;
    assert_eq!((wish.task, wish.existence), (None, Existence::Existing));
}

#[tokio::test]
async fn an_archive_that_fails_three_times_is_an_error_that_can_be_cured() {
    let world = World::start().await;
    let id = stopped(&world).await;
    world.runner.fail_tasks("the object store is away");
    world.post(&format!("/api/sandbox/{id}/archive"), Value::Null).await;
    let shown = world.until_state(&id, "error").await;
    assert!(shown["errorReason"].as_str().unwrap().contains("the object store is away"), "{shown}");
    assert_eq!((&shown["recoverable"], &shown["backupState"]), (&json!(true), &json!("Error")));
    let attempts: std::collections::HashSet<_> =
        world.runner.wishes().iter().filter_map(|(_, wish)| wish.task.map(|task| task.id)).collect();
    assert_eq!(attempts.len(), 3);
    world.runner.behave();
    world.post(&format!("/api/sandbox/{id}/recover?skipStart=true"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.post(&format!("/api/sandbox/{id}/archive"), Value::Null).await;
    world.until_state(&id, "archived").await;
}

#[tokio::test]
async fn only_a_stopped_sandbox_that_stays_is_archived() {
    let world = World::start().await;
    let started = world.sandbox(json!({})).await;
    let answer = world.post(&format!("/api/sandbox/{started}/archive"), Value::Null).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let ephemeral = world.sandbox(json!({"autoDeleteInterval": 0})).await;
    let answer = world.post(&format!("/api/sandbox/{ephemeral}/backup"), Value::Null).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_archived_sandbox_is_deleted_with_its_archive() {
    let world = World::start().await;
    let id = stopped(&world).await;
    world.post(&format!("/api/sandbox/{id}/archive"), Value::Null).await;
    world.until_state(&id, "archived").await;
    assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.status, StatusCode::OK);
    world.until_gone(&id).await;
    let wish = world.runner.wishes().into_iter().rev().find(|(_, wish)| wish.desired == Desired::Absent);
    assert_ne!(wish.unwrap().1.existence, Existence::Create, "there is something to be removed");
}

#[tokio::test]
async fn a_backup_is_made_while_the_sandbox_is_used_and_survives_a_stop() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_tasks();
    let answer = world.post(&format!("/api/sandbox/{id}/backup"), Value::Null).await;
    assert_eq!(
        (answer.status, &answer.body["state"], &answer.body["backupState"]),
        (StatusCode::OK, &json!("started"), &json!("InProgress"))
    );
    let again = world.post(&format!("/api/sandbox/{id}/backup"), Value::Null).await;
    assert_eq!(again.status, StatusCode::OK, "one is enough");
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    let tasks: std::collections::HashSet<_> =
        world.runner.wishes().iter().filter_map(|(_, wish)| wish.task.map(|task| task.id)).collect();
    assert_eq!(tasks.len(), 1, "the stop goes on with the backup");
    world.post(&format!("/api/sandbox/{id}/start"), Value::Null).await;
    world.runner.behave();
}

#[tokio::test]
async fn a_sandbox_that_is_lost_comes_back_from_its_backup() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/backup"), Value::Null).await;
    world.until_settled(&id).await;
    let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    assert_eq!(shown["backupState"], "Completed");
    assert!(shown["backupCreatedAt"].is_string());
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    world.runner.report_lost(id.parse().unwrap());
    let shown = world.until_state(&id, "error").await;
    assert_eq!(shown["recoverable"], true);
    let answer = world.post(&format!("/api/sandbox/{id}/recover"), Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK);
    world.until_state(&id, "started").await;
}
