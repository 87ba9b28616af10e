use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn pages_are_numbered_and_hold_whole_sandboxes() {
    let world = World::start().await;
    for number in 0..3 {
        world.sandbox(json!({"name": format!("box {number}"), "env": {"A": "1"}})).await;
    }
    let page = world.get("/api/sandbox/paginated?page=2&limit=2&sort=name&order=asc&labels=null").await;
    assert_eq!(page.status, StatusCode::OK);
    let body = page.body;
    assert_eq!((&body["total"], &body["page"], &body["totalPages"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    assert_eq!((&body["items"][0]["name"], &body["items"][0]["env"]), (&json!("box 2"), &json!({"A": "1"})));
    let found = world.get("/api/sandbox/paginated?name=OX%201&regions=local").await.body;
    assert_eq!(found["items"][0]["name"], "box 1", "a part of the name, in any case");
    let empty = world.get("/api/sandbox/paginated?name=nothing").await.body;
    assert_eq!((&empty["total"], &empty["totalPages"], &empty["items"]), (&json!(0), &json!(0), &json!([])));
    for query in ["page=0", "page=x", "limit=0", "sort=cpu", "page=99999999999"] {
        let answer = world.get(&format!("/api/sandbox/paginated?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
