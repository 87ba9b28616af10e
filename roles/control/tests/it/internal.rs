use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

async fn authorize(world: &World, sandbox: &str, credential: Value) -> crate::world::Answer {
    let body = json!({"sandbox": sandbox, "credential": credential});
    world.ask_internally("/internal/v1/authorize", body).await
}

#[tokio::test]
async fn a_good_key_opens_its_own_sandboxes_and_no_others() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    let stranger = world.organization("Other").await;
    for reference in [id.as_str(), "web"] {
        let answer = authorize(&world, reference, json!({"bearer": world.key})).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!((&answer.body["sandboxId"], &answer.body["state"]), (&json!(id), &json!("started")));
        let foreign = authorize(&world, reference, json!({"bearer": stranger})).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        let bad = authorize(&world, reference, json!({"bearer": "dtn_nothing"})).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    }
    for missing in ["nothing", "", "\u{7}", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"] {
        assert_eq!(
            authorize(&world, missing, json!({"bearer": world.key})).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(authorize(&world, missing, json!({"bearer": "x"})).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_token_of_a_sandbox_opens_just_that_one() {
    let world = World::start().await;
    let (one, two) = (world.sandbox(json!({"name": "one"})).await, world.sandbox(json!({})).await);
    let store = world.open_store().await;
    let token = store.load_sandbox(one.parse().unwrap()).await.unwrap().unwrap().status.auth_token.0;
    let answer = authorize(&world, &one, json!({"preview_token": token})).await;
    assert_eq!((answer.status, &answer.body["sandboxId"]), (StatusCode::OK, &json!(one)));
    for (sandbox, token) in
        [(two.as_str(), token.as_str()), ("one", &token), (&one, ""), (&one, "x"), ("nothing", &token)]
    {
        let answer = authorize(&world, sandbox, json!({"preview_token": token})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{sandbox}");
    }
}

#[tokio::test]
async fn the_state_is_told_and_a_deleted_sandbox_is_not_found() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    world.until_state(&id, "stopped").await;
    assert_eq!(authorize(&world, &id, json!({"bearer": world.key})).await.body["state"], "stopped");
    world.delete(&format!("/api/sandbox/{id}")).await;
    world.until_gone(&id).await;
    assert_eq!(authorize(&world, &id, json!({"bearer": world.key})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn activity_is_noted_and_malformed_requests_are_refused() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    let path = format!("/api/sandbox/{id}");
    let before = world.get(&path).await.body["lastActivityAt"].clone();
    world.until_later_than(&before).await;
    let unknown = "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10";
    let answer = world.ask_internally("/internal/v1/activity", json!({"sandboxIds": [id, unknown]})).await;
    assert_eq!((answer.status, answer.body), (StatusCode::NO_CONTENT, Value::Null));
    assert!(world.get(&path).await.body["lastActivityAt"].as_str() > before.as_str());
    for (path, body) in [
        ("/internal/v1/activity", json!({"sandboxIds": ["x"]})),
        ("/internal/v1/authorize", json!({})),
        ("/internal/v1/authorize", json!({"sandbox": "x", "credential": {"password": "y"}})),
    ] {
        assert_eq!(world.ask_internally(path, body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_internal_paths_are_not_among_the_public_ones() {
    let world = World::start().await;
    for path in ["/internal/v1/authorize", "/api/internal/v1/authorize"] {
        let body = Some(json!({"sandbox": "x", "credential": {"bearer": world.key}}));
        assert_eq!(world.call(Method::POST, path, &world.key, body).await.status, StatusCode::NOT_FOUND);
    }
}

/// A signature as the SDKs make it.
fn sign(key: &str, method: &str, path: &str, expires: &str) -> String {
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let text = format!("v1:files:{method}:{path}:{expires}");
    let signature = mac.chain_update(text).finalize().into_bytes();
    format!("v1_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_signed_address_opens_one_file_until_it_expires_or_the_key_is_rotated() {
    let world = World::start().await;
    let (id, other) = (world.sandbox(json!({"name": "web"})).await, world.sandbox(json!({})).await);
    let key = world.get(&format!("/api/sandbox/{id}/signing-key")).await.body.as_str().unwrap().to_owned();
    world.get(&format!("/api/sandbox/{other}/signing-key")).await;
    let good = sign(&key, "GET", "/a", "0");
    let file = |operation: &str, path: &str, expires: &str, signature: &str| json!({"signed_file": {"operation": operation, "path": path, "expires": expires, "signature": signature}});
    let opened = authorize(&world, &id, file("download", "/a", "0", &good)).await;
    assert_eq!((opened.status, &opened.body["sandboxId"]), (StatusCode::OK, &json!(id)));
    let past = sign(&key, "GET", "/a", "1");
    for (sandbox, credential) in [
        (id.as_str(), file("upload", "/a", "0", &good)),
        (&id, file("download", "/b", "0", &good)),
        (&id, file("download", "/a", "", &good)),
        (&id, file("download", "/a", "1", &past)),
        (&other, file("download", "/a", "0", &good)),
        ("web", file("download", "/a", "0", &good)),
        ("nothing", file("download", "/a", "0", &good)),
    ] {
        let answer = authorize(&world, sandbox, credential.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{sandbox} {credential}");
    }
    world.post(&format!("/api/sandbox/{id}/signing-key/rotate"), Value::Null).await;
    let after = authorize(&world, &id, file("download", "/a", "0", &good)).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nothing_opens_public_sandboxes_alone() {
    let world = World::start().await;
    let public = world.sandbox(json!({"public": true})).await;
    let private = world.sandbox(json!({})).await;
    assert_eq!(authorize(&world, &public, json!("none")).await.status, StatusCode::OK);
    for sandbox in [private.as_str(), "nothing", ""] {
        assert_eq!(authorize(&world, sandbox, json!("none")).await.status, StatusCode::UNAUTHORIZED);
    }
}
