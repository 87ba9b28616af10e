use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_user_of_the_key_has_what_a_strict_client_wants() {
    let world = World::start().await;
    let answer = world.get("/api/users/me").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((&answer.body["emailVerified"], &answer.body["publicKeys"]), (&json!(false), &json!([])));
    for key in ["id", "name", "email", "createdAt"] {
        assert!(answer.body[key].is_string(), "{key}");
    }
}
