use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_administrator_makes_organizations_with_keys_that_work() {
    let world = World::start().await;
    let answer = world.post("/api/admin/organizations", json!({"name": "Other"})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let organization = &answer.body["organization"];
    assert_eq!((&organization["name"], &organization["personal"]), (&json!("Other"), &json!(false)));
    let key = answer.body["apiKey"]["value"].as_str().unwrap();
    assert!(key.starts_with("dtn_") && key.len() == 68);
    let own = world.call(Method::GET, "/api/organizations", key, None).await;
    assert_eq!(own.body[0]["id"], organization["id"]);
}

#[tokio::test]
async fn neither_another_owner_nor_another_key_of_the_administrator_may() {
    let world = World::start().await;
    let stranger = world.organization("Other").await;
    let made = world.key_with(&["write:sandboxes", "manage:api_keys"]).await;
    for key in [stranger, made] {
        let answer =
            world.call(Method::POST, "/api/admin/organizations", &key, Some(json!({"name": "X"}))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    for body in [json!({}), json!({"name": ""}), json!({"name": 5}), json!({"name": "a\nb"})] {
        assert_eq!(world.post("/api/admin/organizations", body).await.status, StatusCode::BAD_REQUEST);
    }
}
