use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_preview_has_an_address_and_the_sandboxs_token() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    let token = world.open_store().await.load_sandbox(id.parse().unwrap()).await.unwrap().unwrap();
    let expected = json!({
        "sandboxId": id,
        "url": format!("http://3000-{id}.box.test:4000"),
        "token": token.status.auth_token.0,
    });
    for reference in [id.as_str(), "web"] {
        let answer = world.get(&format!("/api/sandbox/{reference}/ports/3000/preview-url")).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &expected));
    }
}

#[tokio::test]
async fn a_port_that_is_none_is_a_bad_request() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    for port in ["0", "65536", "abc", "-1", "03000", "3000.5", "%203000"] {
        let answer = world.get(&format!("/api/sandbox/{id}/ports/{port}/preview-url")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{port}");
    }
    let missing = world.get("/api/sandbox/nothing/ports/3000/preview-url").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
