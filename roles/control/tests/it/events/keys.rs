//! Whose socket ends with his key.

use std::time::Duration;

use axum::http::Method;
use paddock_control::EventLimits;
use serde_json::{Value, json};

use super::Stream;
use crate::world::World;

/// The code of a policy that is violated.
const POLICY: Option<u16> = Some(1008);

#[tokio::test]
async fn only_a_good_key_is_let_in_and_a_refusal_says_no_more_than_a_request() {
    let world = World::start().await;
    let address = world.serve().await;
    let unknown = format!("dtn_{}", "0".repeat(64));
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
    let packets = [
        "40".to_owned(),
        "40{}".to_owned(),
        "40{\"token\":".to_owned(),
        json!({"token": null}).to_string().replacen('{', "40{", 1),
        format!("40{}", json!({"token": 5})),
        format!("40{}", json!({"token": ""})),
        format!("40{}", json!({"token": unknown})),
        format!("40{}", json!({"token": jwt})),
        format!("40{}", json!({"token": format!("Bearer {}", world.key)})),
        format!("40{}", json!({"key": world.key})),
        format!("40/,{}", json!({"token": "x\u{0}"})),
    ];
    for packet in packets {
        let mut stream = Stream::open(address).await;
        stream.say(&packet).await;
        let end = stream.end().await;
        assert_eq!(end.texts, [r#"44{"message":"invalid credentials"}"#], "{packet}");
        assert_eq!(end.code, Some(1000), "{packet}");
    }
    Stream::listen(address, &world.key).await;
}

#[tokio::test]
async fn a_revoked_keys_sockets_end_at_once_and_others_stay() {
    let world = World::start().await;
    let address = world.serve().await;
    let revoked = world.key_with(&[]).await;
    let streams = [Stream::listen(address, &revoked).await, Stream::listen(address, &revoked).await];
    let mut other = Stream::listen(address, &world.key).await;
    assert_eq!(world.delete("/api/api-keys/%20key").await.status, 204);
    for stream in streams {
        assert_eq!(stream.end().await.code, POLICY);
    }
    let id = world.sandbox(json!({})).await;
    other.until(&id, "state creating>started").await;
    let mut late = Stream::open(address).await;
    late.say(&format!("40{}", json!({"token": revoked}))).await;
    assert_eq!(late.end().await.texts, [r#"44{"message":"invalid credentials"}"#]);
}

#[tokio::test]
async fn a_key_that_another_process_revoked_ends_with_the_next_heartbeat() {
    let limits = EventLimits { ping_interval: Duration::from_millis(50), ..EventLimits::default() };
    let world = World::start_with_limits(limits).await;
    let address = world.serve().await;
    let revoked = world.key_with(&[]).await;
    let stream = Stream::listen(address, &revoked).await;
    let mut other = Stream::listen(address, &world.key).await;
    let me = world.get("/api/users/me").await.id().parse().unwrap();
    let organization = world.get("/api/organizations").await.body[0]["id"].as_str().unwrap().parse().unwrap();
    let store = world.open_store().await;
    assert!(store.delete_api_key(organization, me, " key".to_owned()).await.unwrap());
    assert_eq!(stream.end().await.code, POLICY);
    while other.beats < 3 {
        assert_eq!(other.event_now().await, None);
    }
}

#[tokio::test]
async fn a_sockets_end_is_its_keys_expiry() {
    let world = World::start().await;
    let address = world.serve().await;
    let now = jiff::Timestamp::now();
    let expires = now + jiff::SignedDuration::from_millis(800);
    let made = json!({"name": "brief", "permissions": [], "expiresAt": expires.to_string()});
    let made = world.post("/api/api-keys", made).await;
    let stream = Stream::listen(address, made.body["value"].as_str().unwrap()).await;
    assert_eq!(stream.end().await.code, POLICY);
    assert!(jiff::Timestamp::now() >= expires, "not before");
    let is_good = world.call(Method::GET, "/api/sandbox", made.body["value"].as_str().unwrap(), None).await;
    assert_eq!(
        (is_good.status.as_u16(), &is_good.body["message"]),
        (401, &Value::from("invalid credentials"))
    );
}
