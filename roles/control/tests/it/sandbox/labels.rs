use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn labels_are_replaced_as_a_whole_and_found_by_filters() {
    let world = World::start().await;
    let id = world.sandbox(json!({"labels": {"a": "1", "b": "2"}})).await;
    let path = format!("/api/sandbox/{id}/labels");
    let answer = world.put(&path, json!({"labels": {"c": "3"}})).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"labels": {"c": "3"}})));
    assert_eq!(world.get(&format!("/api/sandbox/{id}")).await.body["labels"], json!({"c": "3"}));
    let found = async |labels: &str| {
        world.get(&format!("/api/sandbox?labels={labels}")).await.body["items"].as_array().unwrap().len()
    };
    assert_eq!(found("%7B%22c%22%3A%223%22%7D").await, 1);
    assert_eq!(found("%7B%22a%22%3A%221%22%7D").await, 0);
}

#[tokio::test]
async fn the_body_may_be_a_whole_sandbox_but_must_have_labels() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}/labels");
    let mut whole = world.get(&format!("/api/sandbox/{id}")).await.body;
    whole["labels"] = json!({"x": "y"});
    assert_eq!(world.put(&path, whole).await.body, json!({"labels": {"x": "y"}}));
    for body in [json!({}), json!({"labels": null}), json!({"labels": []}), json!({"labels": {"a": 1}})] {
        let answer = world.put(&path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.message(&path).contains("labels"));
    }
    assert_eq!(world.put(&path, json!({"labels": {}})).await.body, json!({"labels": {}}));
}
