//! What the strictest client needs to parse a sandbox at all (`spec/control-plane.md` B.2, H.1).

use serde_json::{Value, json};

use crate::world::World;

/// Keys that must be there with just this kind of value, in single reads.
const REQUIRED: &[(&str, &str)] = &[
    ("id", "string"),
    ("organizationId", "string"),
    ("name", "string"),
    ("user", "string"),
    ("env", "map"),
    ("labels", "map"),
    ("public", "boolean"),
    ("networkBlockAll", "boolean"),
    ("kvm", "boolean"),
    ("target", "string"),
    ("cpu", "integer"),
    ("gpu", "integer"),
    ("memory", "integer"),
    ("disk", "integer"),
    ("toolboxProxyUrl", "string"),
];

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "map" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        _ => false,
    }
}

#[tokio::test]
async fn a_sandbox_holds_what_the_strictest_client_needs_and_no_nulls() {
    let world = World::start().await;
    let id = world.sandbox(json!({"env": {"A": "1"}})).await;
    let list = world.get("/api/sandbox").await.body["items"][0].clone();
    let single = world.get(&format!("/api/sandbox/{id}")).await.body;
    let stopping = world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await.body;
    for (body, is_item) in [(&single, false), (&stopping, false), (&list, true)] {
        for (key, kind) in REQUIRED {
            if is_item && ["env", "kvm"].contains(key) {
                continue;
            }
            assert!(is(&body[key], kind), "{key} is {} and should be a {kind}", body[key]);
        }
        for (key, value) in body.as_object().unwrap() {
            assert!(!value.is_null(), "{key} is null: optional keys are left out");
            assert!(!value.is_f64(), "{key} is {value}: the strictest client refuses a fraction");
        }
        for key in ["autoStopInterval", "autoPauseInterval", "autoArchiveInterval", "autoDeleteInterval"] {
            assert!(body[key].is_i64(), "{key}");
        }
        for key in ["createdAt", "updatedAt", "lastActivityAt"] {
            let text = body[key].as_str().unwrap();
            assert!(text.len() == 24 && text.ends_with('Z'), "{key}: {text}");
        }
        assert!(!body["toolboxProxyUrl"].as_str().unwrap().ends_with('/'));
    }
}
