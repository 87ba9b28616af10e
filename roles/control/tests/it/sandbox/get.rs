use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_sandbox_is_found_by_id_and_by_name() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "my box/ü"})).await;
    for reference in [id.clone(), id.to_uppercase(), "my%20box%2F%C3%BC".to_owned()] {
        let answer = world.get(&format!("/api/sandbox/{reference}?verbose=true")).await;
        assert_eq!(
            (answer.status, answer.body["id"].as_str()),
            (StatusCode::OK, Some(id.as_str())),
            "{reference}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_mine_look_the_same() {
    let world = World::start().await;
    let stranger = world.organization("Other").await;
    let id = world.sandbox(json!({"name": "web"})).await;
    for reference in [id.as_str(), "web"] {
        let path = format!("/api/sandbox/{reference}");
        let foreign = world.call(Method::GET, &path, &stranger, None).await;
        let missing = world.call(Method::GET, "/api/sandbox/nothing", &stranger, None).await;
        assert_eq!((foreign.status, missing.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
        let (foreign, missing) = (foreign.message(&path), missing.message("/api/sandbox/nothing"));
        assert_eq!(foreign.replace(reference, "X"), missing.replace("nothing", "X"));
        assert!(foreign.contains("not found"));
    }
}

#[tokio::test]
async fn a_reference_that_nothing_can_have_is_not_found() {
    let world = World::start().await;
    for reference in ["%00", "%FF", "%0A", "..", "%3Cb%3E", &"x".repeat(5000), "a%2Fb%2Fc"] {
        let answer = world.get(&format!("/api/sandbox/{reference}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{reference}");
    }
}

#[tokio::test]
async fn a_use_is_shown_at_once() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let before = world.get(&format!("/api/sandbox/{id}")).await.body["lastActivityAt"].clone();
    world.until_later_than(&before).await;
    world.post(&format!("/api/sandbox/{id}/last-activity"), json!({})).await;
    let after = world.get(&format!("/api/sandbox/{id}")).await.body["lastActivityAt"].clone();
    assert!(after.as_str() > before.as_str(), "{after} > {before}");
}
