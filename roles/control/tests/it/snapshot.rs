use axum::http::StatusCode;
use paddock_wire_runner::RootState;
use serde_json::{Value, json};

use crate::world::World;

async fn until_snapshot(world: &World, name: &str, state: &str) -> Value {
    world.until_snapshot(name, state).await
}

#[tokio::test]
async fn the_built_in_snapshots_are_listed_and_found_by_every_name() {
    let world = World::start().await;
    let small = until_snapshot(&world, "paddock-small", "active").await;
    assert_eq!(
        (&small["cpu"], &small["mem"], &small["disk"], &small["gpu"]),
        (&json!(1), &json!(1), &json!(3), &json!(0))
    );
    assert_eq!((&small["general"], &small["size"]), (&json!(true), &json!(1.0)));
    for key in ["size", "entrypoint", "errorReason", "lastUsedAt", "sourceSandboxId"] {
        assert!(small.as_object().unwrap().contains_key(key), "{key}");
    }
    let id = small["id"].as_str().unwrap();
    for reference in [id, "daytona-small", "paddock%2Dsmall"] {
        assert_eq!(world.get(&format!("/api/snapshots/{reference}")).await.body, small, "{reference}");
    }
    let list = world.get("/api/snapshots?sort=name&order=asc&limit=2").await.body;
    assert_eq!((&list["total"], &list["page"], &list["totalPages"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(list["items"][0]["name"], "paddock-large");
    let found = world.get("/api/snapshots?name=MEDI").await.body;
    assert_eq!((&found["total"], &found["items"][0]["name"]), (&json!(1), &json!("paddock-medium")));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_even_with_slashes() {
    let world = World::start().await;
    for name in ["nothing", "org%2Fimg%3A1.0", "%00", "%FF", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"] {
        let answer = world.get(&format!("/api/snapshots/{name}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
    }
    let message = world.get("/api/snapshots/org%2Fimg%3A1.0").await.message("/api/snapshots/org%2Fimg%3A1.0");
    assert!(message.contains("org/img:1.0"), "{message}");
    for query in ["page=0", "limit=201", "sort=size", "order=x"] {
        assert_eq!(
            world.get(&format!("/api/snapshots?{query}")).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_snapshot_follows_its_root_file_system() {
    let world = World::start().await;
    until_snapshot(&world, "paddock-large", "active").await;
    world.runner.set_root(RootState::Preparing, Some("unpacking"), None);
    until_snapshot(&world, "paddock-large", "pulling").await;
    world.runner.set_root(RootState::Failed, Some("no space left on device"), None);
    let failed = until_snapshot(&world, "paddock-large", "error").await;
    assert_eq!(failed["errorReason"], "no space left on device");
    let answer = world.post("/api/sandbox", json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message("/api/sandbox").contains("no space left on device"));
    world.runner.set_root(RootState::Ready, None, Some(3 << 29));
    let active = until_snapshot(&world, "paddock-large", "active").await;
    assert_eq!((&active["errorReason"], &active["size"]), (&Value::Null, &json!(1.5)));
}

#[tokio::test]
async fn a_use_of_a_snapshot_is_written_down() {
    let mut world = World::start().await;
    world.sandbox(json!({"snapshot": "paddock-medium"})).await;
    world.restart_control().await;
    let list = world.get("/api/snapshots").await.body;
    assert_eq!(list["items"][0]["name"], "paddock-medium", "last used first, never used last");
    assert!(list["items"][0]["lastUsedAt"].is_string());
    assert_eq!(list["items"][1]["lastUsedAt"], Value::Null);
}
