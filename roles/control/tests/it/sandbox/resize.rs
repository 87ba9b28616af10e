use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

async fn resize(world: &World, id: &str, body: Value) -> (StatusCode, Value) {
    let answer = world.post(&format!("/api/sandbox/{id}/resize"), body).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_started_sandbox_grows_in_cores_and_memory() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_everything();
    let (status, shown) = resize(&world, &id, json!({"cpu": 2, "memory": 4.0})).await;
    assert_eq!((status, &shown["state"]), (StatusCode::OK, &json!("resizing")), "{shown}");
    assert_eq!(shown["desiredState"], "resized");
    assert_eq!(resize(&world, &id, json!({"cpu": 3})).await.0, StatusCode::CONFLICT);
    world.runner.release();
    let shown = world.until_state(&id, "started").await;
    assert_eq!((&shown["cpu"], &shown["memory"], &shown["disk"]), (&json!(2), &json!(4), &json!(3)));
    assert_eq!(world.runner.wishes().pop().unwrap().1.spec.resources.cpu.0, 2);
}

#[tokio::test]
async fn what_a_resize_may_not_is_refused_and_changes_nothing() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/resize"), json!({"cpu": 2})).await;
    world.until_state(&id, "started").await;
    for (body, word) in [
        (json!({}), "given"),
        (json!({"cpu": 2}), "nothing"),
        (json!({"cpu": 1}), "grow"),
        (json!({"disk": 5}), "stop it first"),
        (json!({"disk": 1}), "grow"),
        (json!({"cpu": 0}), "between 1"),
        (json!({"memory": -1}), "between 1"),
        (json!({"cpu": 1.5}), "integer"),
        (json!({"memory": 9}), "between 1 and 8"),
    ] {
        let (status, answer) = resize(&world, &id, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{body}: {answer}");
    }
    let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    assert_eq!((&shown["state"], &shown["cpu"]), (&json!("started"), &json!(2)));
}

#[tokio::test]
async fn a_stopped_sandbox_takes_any_size_but_a_smaller_disk() {
    let world = World::start().await;
    let id = world.sandbox(json!({"snapshot": "paddock-medium"})).await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    assert_eq!(resize(&world, &id, json!({"disk": 7})).await.0, StatusCode::BAD_REQUEST);
    let (_, shown) = resize(&world, &id, json!({"cpu": 1, "memory": 1, "disk": 9})).await;
    assert_eq!(shown["state"], "resizing");
    let shown = world.until_state(&id, "stopped").await;
    assert_eq!((&shown["cpu"], &shown["memory"], &shown["disk"]), (&json!(1), &json!(1), &json!(9)));
}

#[tokio::test]
async fn a_resize_that_fails_leaves_the_old_size() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.fail_resizes("the kernel said no");
    resize(&world, &id, json!({"memory": 2})).await;
    let shown = world.until_state(&id, "started").await;
    assert_eq!(shown["memory"], 1);
    assert!(shown["errorReason"].as_str().unwrap().contains("the kernel said no"), "{shown}");
}
