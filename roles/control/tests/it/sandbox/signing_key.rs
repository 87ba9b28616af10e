use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_key_stays_until_it_is_rotated_and_is_each_sandboxs_own() {
    let world = World::start().await;
    let (one, two) = (world.sandbox(json!({})).await, world.sandbox(json!({})).await);
    let first = key(&world, &one).await;
    assert_eq!(key(&world, &one).await, first);
    assert_ne!(key(&world, &two).await, first);
    let rotated = world.post(&format!("/api/sandbox/{one}/signing-key/rotate"), Value::Null).await;
    assert_eq!(rotated.status, StatusCode::OK);
    assert_ne!(rotated.body, first);
    assert_eq!(key(&world, &one).await, rotated.body);
}

#[tokio::test]
async fn ten_who_ask_first_at_once_get_the_same_key() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}/signing-key");
    let answers = futures_util::future::join_all((0..10).map(|_| world.get(&path))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK && answer.body == answers[0].body));
}

#[tokio::test]
async fn a_strangers_and_a_deleted_sandboxs_key_are_not_to_be_had() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let stranger = world.organization("Other").await;
    let path = format!("/api/sandbox/{id}/signing-key");
    assert_eq!(world.call(Method::GET, &path, &stranger, None).await.status, StatusCode::NOT_FOUND);
    world.delete(&format!("/api/sandbox/{id}")).await;
    world.until_gone(&id).await;
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&format!("{path}/rotate"), Value::Null).await.status, StatusCode::NOT_FOUND);
}

async fn key(world: &World, id: &str) -> Value {
    let answer = world.get(&format!("/api/sandbox/{id}/signing-key")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.as_str().is_some_and(|key| key.len() == 64), "a JSON text: {}", answer.body);
    answer.body
}
