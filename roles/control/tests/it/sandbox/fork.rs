use axum::http::StatusCode;
use paddock_wire_runner::{Desired, Existence};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_fork_is_another_sandbox_and_its_parent_goes_on() {
    let world = World::start().await;
    let body = json!({"name": "web", "labels": {"a": "b"}, "env": {"X": "1"}, "autoStopInterval": 30});
    let id = world.sandbox(body).await;
    let answer = world.post(&format!("/api/sandbox/{id}/fork"), json!({"name": "copy"})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let child = answer.body;
    assert_eq!((&child["state"], &child["name"]), (&json!("started"), &json!("copy")));
    assert_ne!(child["id"], json!(id));
    for field in ["labels", "env", "autoStopInterval", "snapshot", "cpu", "user"] {
        let parent = world.get(&format!("/api/sandbox/{id}")).await.body;
        assert_eq!(child[field], parent[field], "{field}");
    }
    let parent = world.until_state(&id, "started").await;
    assert_eq!(parent["desiredState"], "started");
    let child = child["id"].as_str().unwrap();
    let wishes = world.runner.wishes();
    let first = &wishes.iter().find(|(id, _)| id.to_string() == child).unwrap().1;
    assert_eq!((first.existence, first.desired), (Existence::Existing, Desired::Started), "it has its files");
    let shown = world.get(&format!("/api/sandbox/{child}/parent")).await.body;
    assert_eq!(shown["id"], json!(id));
    let forks = world.get(&format!("/api/sandbox/{id}/forks")).await.body;
    assert_eq!((forks.as_array().unwrap().len(), &forks[0]["id"]), (1, &json!(child)));
}

#[tokio::test]
async fn a_stopped_sandbox_forks_and_stays_stopped() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    let child = world.post(&format!("/api/sandbox/{id}/fork"), Value::Null).await.body;
    assert_eq!(child["state"], "started", "{child}");
    world.until_state(&id, "stopped").await;
}

#[tokio::test]
async fn parent_and_child_show_what_is_done_meanwhile() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    let forking = world.begin(&format!("/api/sandbox/{id}/fork"), &json!({"name": "copy"}));
    world.until_state(&id, "forking").await;
    let child = world.get("/api/sandbox/copy").await.body;
    assert_eq!(child["state"], "creating");
    let busy = world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    assert_eq!(busy.status, StatusCode::CONFLICT);
    world.runner.release();
    assert_eq!(forking.await.unwrap().body["state"], "started");
    world.until_state(&id, "started").await;
}

#[tokio::test]
async fn a_fork_that_fails_is_the_childs_error_and_not_the_parents() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.fail_tasks("the pool is full");
    let answer = world.post(&format!("/api/sandbox/{id}/fork"), json!({"name": "copy"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body["message"].as_str().unwrap().contains("the pool is full"), "{answer:?}");
    assert_eq!(world.until_state(&id, "started").await["errorReason"], Value::Null);
    assert_eq!(world.get("/api/sandbox/copy").await.body["state"], "error");
    world.delete("/api/sandbox/copy").await;
    world.until_gone("copy").await;
    assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_parent_is_not_deleted_while_its_forks_live() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let child = world.post(&format!("/api/sandbox/{id}/fork"), Value::Null).await.id();
    world.until_state(&id, "started").await;
    let answer = world.delete(&format!("/api/sandbox/{id}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body["message"].as_str().unwrap().contains("forks"), "{answer:?}");
    world.delete(&format!("/api/sandbox/{child}")).await;
    assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.status, StatusCode::OK);
    world.until_gone(&id).await;
    world.until_gone(&child).await;
}

#[tokio::test]
async fn a_child_that_is_deleted_before_it_has_its_files_takes_them_along() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    let forking = world.begin(&format!("/api/sandbox/{id}/fork"), &json!({"name": "copy"}));
    world.until_state(&id, "forking").await;
    let child = world.get("/api/sandbox/copy").await.id();
    assert_eq!(world.delete(&format!("/api/sandbox/{child}")).await.body["state"], "destroying");
    assert!(world.runner.wishes().iter().all(|(id, _)| id.to_string() != child), "nothing is said of it yet");
    world.runner.release();
    world.until_gone(&child).await;
    let wish = world.runner.wishes().into_iter().rev().find(|(id, _)| id.to_string() == child).unwrap().1;
    assert_eq!((wish.desired, wish.existence), (Desired::Absent, Existence::Existing));
    forking.await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_forks_nothing() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    let answer = world.post(&format!("/api/sandbox/{id}/fork"), json!({"name": "web"})).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(world.get(&format!("/api/sandbox/{id}")).await.body["state"], "started");
    assert_eq!(world.get(&format!("/api/sandbox/{id}/forks")).await.body, json!([]));
}

#[tokio::test]
async fn the_line_of_ancestors_begins_with_the_oldest() {
    let world = World::start().await;
    let mut line = vec![world.sandbox(json!({})).await];
    for _ in 0..3 {
        let last = line.last().unwrap();
        world.until_state(last, "started").await;
        line.push(world.post(&format!("/api/sandbox/{last}/fork"), Value::Null).await.id());
    }
    let youngest = line.pop().unwrap();
    let shown = world.get(&format!("/api/sandbox/{youngest}/ancestors")).await.body;
    let shown: Vec<_> = shown.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(shown, line);
    let none = world.get(&format!("/api/sandbox/{}/parent", line[0])).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
