use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_use_is_noted_with_and_without_a_body() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}/last-activity");
    for body in [Value::Null, json!({}), json!({"activityType": "exec"})] {
        let body = if body.is_null() { None } else { Some(body) };
        let answer = world.call(Method::POST, &path, &world.key, body).await;
        assert_eq!((answer.status, answer.body), (StatusCode::CREATED, Value::Null));
    }
    assert_eq!(world.post(&path, json!({"activityType": 5})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_use_survives_a_proper_restart() {
    let mut world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}");
    let created = world.get(&path).await.body["lastActivityAt"].clone();
    world.until_later_than(&created).await;
    world.post(&format!("{path}/last-activity"), json!({})).await;
    let used = world.get(&path).await.body["lastActivityAt"].clone();
    world.restart_control().await;
    assert_eq!(world.get(&path).await.body["lastActivityAt"], used);
}
