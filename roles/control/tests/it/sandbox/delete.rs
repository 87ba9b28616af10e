use axum::http::StatusCode;
use paddock_wire_runner::Observed;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_deleted_sandbox_is_shown_destroying_until_nothing_is_left() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    world.runner.hold_everything();
    let path = format!("/api/sandbox/{id}");
    let answer = world.delete(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        (&answer.body["id"], &answer.body["state"], &answer.body["desiredState"]),
        (&json!(id), &json!("destroying"), &json!("destroyed"))
    );
    assert_eq!(world.get(&path).await.body["state"], "destroying");
    assert_eq!(world.get("/api/sandbox/web").await.status, StatusCode::NOT_FOUND, "its name is free");
    assert_eq!(world.delete(&path).await.status, StatusCode::OK, "asked twice it is one deletion");
    world.runner.release();
    world.until_gone(&id).await;
    assert_eq!(world.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.runner.state(id.parse().unwrap()), Observed::Absent);
    assert_eq!(world.get("/api/sandbox?includeErroredDeleted=true").await.body["items"], json!([]));
}

#[tokio::test]
async fn deletion_cancels_what_is_under_way() {
    let world = World::start().await;
    world.runner.hold_everything();
    let created = world.begin_create(&json!({"name": "web"}));
    let id = world.until_state("web", "creating").await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.body["state"], "destroying");
    let answer = created.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "the create is answered at once with what is so");
    world.runner.release();
    world.until_gone(&id).await;
    assert_eq!(world.runner.state(id.parse().unwrap()), Observed::Absent);
}

#[tokio::test]
async fn a_failed_a_stopped_and_a_stopping_sandbox_can_be_deleted() {
    let world = World::start().await;
    world.runner.fail_starts("broken");
    world.post("/api/sandbox", json!({"name": "failed"})).await;
    world.runner.behave();
    let stopped = world.sandbox(json!({"name": "stopped"})).await;
    world.post("/api/sandbox/stopped/stop", Value::Null).await;
    world.until_state(&stopped, "stopped").await;
    world.sandbox(json!({"name": "stopping"})).await;
    world.runner.hold_everything();
    world.post("/api/sandbox/stopping/stop", Value::Null).await;
    for name in ["failed", "stopped", "stopping"] {
        let answer = world.delete(&format!("/api/sandbox/{name}")).await;
        assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("destroying")), "{name}");
    }
    world.runner.release();
    paddock_testkit::eventually("everything to be gone", async || {
        let all = world.get("/api/sandbox?includeErroredDeleted=true").await;
        (all.body["items"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deletion_that_fails_is_tried_again() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.fail_removals("device busy");
    world.delete(&format!("/api/sandbox/{id}")).await;
    paddock_testkit::eventually("the removal to have failed", async || {
        (world.runner.state(id.parse().unwrap()) == Observed::Failed).then_some(())
    })
    .await;
    assert_eq!(world.get(&format!("/api/sandbox/{id}")).await.body["state"], "destroying");
    world.runner.behave();
    world.until_gone(&id).await;
}
