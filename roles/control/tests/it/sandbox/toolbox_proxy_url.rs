use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_address_is_that_of_the_sandbox_itself() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let answer = world.get(&format!("/api/sandbox/{id}/toolbox-proxy-url")).await;
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::OK, json!({"url": "http://box.test:4000/toolbox"}))
    );
    let missing = world.get("/api/sandbox/nothing/toolbox-proxy-url").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
