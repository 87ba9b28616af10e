use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_key_is_shown_once_works_and_ends() {
    let world = World::start().await;
    let request = json!({"name": "ci", "permissions": ["write:sandboxes"], "expiresAt": null});
    let answer = world.post("/api/api-keys", request).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let value = answer.body["value"].as_str().unwrap().to_owned();
    assert_eq!((&answer.body["name"], &answer.body["expiresAt"]), (&json!("ci"), &Value::Null));
    assert!(value.strip_prefix("dtn_").is_some_and(|digits| digits.len() == 64));
    let current = world.call(Method::GET, "/api/api-keys/current", &value, None).await;
    assert_eq!((current.status, &current.body["name"]), (StatusCode::OK, &json!("ci")));
    assert_eq!(current.body["permissions"], json!(["write:sandboxes"]));
    let list = world.get("/api/api-keys").await;
    assert_eq!(list.body.as_array().unwrap().len(), 2);
    assert!(!list.body.to_string().contains(&value), "a list never holds a key");
    let masked = format!("{}{}{}", &value[..3], "*".repeat(20), &value[65..]);
    assert_eq!(world.get("/api/api-keys/ci").await.body["value"], masked);
    let gone = world.delete("/api/api-keys/ci").await;
    assert_eq!((gone.status, gone.body), (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(world.call(Method::GET, "/api/sandbox", &value, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/api/api-keys/ci").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.delete("/api/api-keys/ci").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_name_is_unique_and_a_request_is_checked() {
    let world = World::start().await;
    world.key_with(&["write:sandboxes"]).await;
    let taken = json!({"name": "write:sandboxes key", "permissions": []});
    assert_eq!(world.post("/api/api-keys", taken).await.status, StatusCode::CONFLICT);
    for body in [
        json!({}),
        json!({"name": "x"}),
        json!({"name": "", "permissions": []}),
        json!({"name": "x", "permissions": ["everything"]}),
        json!({"name": "x", "permissions": "write:sandboxes"}),
        json!({"name": "x", "permissions": [], "expiresAt": "soon"}),
        json!({"name": "x", "permissions": [], "expiresAt": "2001-01-01T00:00:00Z"}),
    ] {
        let answer = world.post("/api/api-keys", body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn nobody_grants_what_he_does_not_have() {
    let world = World::start().await;
    let small = world.key_with(&["manage:api_keys", "write:sandboxes"]).await;
    let ask = |permissions: Value| {
        let body = json!({"name": permissions.to_string(), "permissions": permissions});
        world.call(Method::POST, "/api/api-keys", &small, Some(body))
    };
    assert_eq!(ask(json!(["write:sandboxes"])).await.status, StatusCode::CREATED);
    let refused = ask(json!(["write:sandboxes", "delete:sandboxes"])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.message("/api/api-keys").contains("delete:sandboxes"));
}

#[tokio::test]
async fn an_owner_revokes_the_key_of_a_user_by_id() {
    let world = World::start().await;
    let key = world.key_with(&["write:sandboxes"]).await;
    let user = world.get("/api/users/me").await.id();
    let name = "write:sandboxes%20key";
    let stranger = world.organization("Other").await;
    let path = format!("/api/api-keys/{user}/{name}");
    assert_eq!(world.call(Method::DELETE, &path, &stranger, None).await.status, StatusCode::NOT_FOUND);
    for bad in ["/api/api-keys/me/x", "/api/api-keys/8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10/x"] {
        assert_eq!(world.delete(bad).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(world.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.call(Method::GET, "/api/sandbox", &key, None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_key_itself_is_nowhere_on_disk() {
    let mut world = World::start().await;
    let made = world.key_with(&["write:sandboxes"]).await;
    world.restart_control().await;
    for entry in std::fs::read_dir(world.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for key in [&made, &world.key] {
            let is_there = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!is_there, "a key lies in clear in the database");
        }
    }
}
