use axum::http::StatusCode;
use paddock_testkit::eventually;
use serde_json::{Value, json};

use crate::world::World;

async fn take(world: &World, id: &str, name: &str) -> Value {
    let answer = world.post(&format!("/api/sandbox/{id}/snapshot"), json!({"name": name})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body
}

async fn until_snapshot(world: &World, name: &str, state: &str) -> Value {
    eventually(&format!("{name} to be {state}"), async || {
        let body = world.get(&format!("/api/snapshots/{}", name.replace('/', "%2F"))).await.body;
        (body["state"] == state).then_some(body)
    })
    .await
}

#[tokio::test]
async fn a_snapshot_of_a_sandbox_makes_sandboxes_with_its_layer() {
    let world = World::start().await;
    let id = world.sandbox(json!({"name": "web"})).await;
    world.runner.hold_everything();
    let source = take(&world, &id, "team/web:1.0").await;
    assert_eq!((&source["id"], &source["state"]), (&json!(id), &json!("snapshotting")));
    let early = world.get("/api/snapshots/team%2Fweb%3A1.0").await.body;
    assert_eq!((&early["state"], &early["size"]), (&json!("snapshotting"), &Value::Null));
    let refused = world.post("/api/sandbox", json!({"snapshot": "team/web:1.0"})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    for verb in ["stop", "snapshot", "fork", "resize"] {
        let body = json!({"name": "other", "cpu": 2});
        let busy = world.post(&format!("/api/sandbox/{id}/{verb}"), body).await;
        assert_eq!(busy.status, StatusCode::CONFLICT, "{verb}");
    }
    world.runner.release();
    let snapshot = until_snapshot(&world, "team/web:1.0", "active").await;
    world.until_state(&id, "started").await;
    assert_eq!((&snapshot["sourceSandboxId"], &snapshot["general"]), (&json!(id), &json!(false)));
    assert_eq!((&snapshot["cpu"], &snapshot["mem"], &snapshot["disk"]), (&json!(1), &json!(1), &json!(3)));
    assert_eq!(world.runner.layers().len(), 1);

    let made = world.sandbox(json!({"snapshot": "team/web:1.0"})).await;
    let wishes = world.runner.wishes();
    let root = &wishes.iter().find(|(id, _)| id.to_string() == made).unwrap().1.spec.root;
    assert_eq!(root.layers.iter().map(|layer| layer.id).collect::<Vec<_>>(), world.runner.layers());

    // And one above it, from a stopped one.
    world.post(&format!("/api/sandbox/{made}/stop"), Value::Null).await;
    world.until_state(&made, "stopped").await;
    take(&world, &made, "second").await;
    until_snapshot(&world, "second", "active").await;
    world.until_state(&made, "stopped").await;
    let third = world.sandbox(json!({"snapshot": "second"})).await;
    let wishes = world.runner.wishes();
    let above = &wishes.iter().find(|(id, _)| id.to_string() == third).unwrap().1.spec.root;
    assert_eq!((above.layers.len(), &above.layers[0]), (2, &root.layers[0]));

    let of_the_first = world.get(&format!("/api/snapshots?sourceSandboxId={id}")).await.body;
    assert_eq!(
        (&of_the_first["total"], &of_the_first["items"][0]["name"]),
        (&json!(1), &json!("team/web:1.0"))
    );
    for nobody in ["8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10", "web", "%25"] {
        let found = world.get(&format!("/api/snapshots?sourceSandboxId={nobody}")).await.body;
        assert_eq!(found["total"], 0, "{nobody}");
    }
}

#[tokio::test]
async fn a_snapshot_is_its_organizations_own() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    take(&world, &id, "mine").await;
    let snapshot = until_snapshot(&world, "mine", "active").await;
    let stranger = world.organization("Other").await;
    for reference in ["mine", snapshot["id"].as_str().unwrap()] {
        let path = format!("/api/snapshots/{reference}");
        let seen = world.call(http::Method::GET, &path, &stranger, None).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND);
        let removed = world.call(http::Method::DELETE, &path, &stranger, None).await;
        assert_eq!(removed.status, StatusCode::NOT_FOUND);
        let body = Some(json!({"snapshot": reference}));
        let made = world.call(http::Method::POST, "/api/sandbox", &stranger, body).await;
        assert_eq!(made.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_and_one_that_is_none_take_nothing() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    take(&world, &id, "base").await;
    until_snapshot(&world, "base", "active").await;
    world.until_state(&id, "started").await;
    let path = format!("/api/sandbox/{id}/snapshot");
    assert_eq!(world.post(&path, json!({"name": "base"})).await.status, StatusCode::CONFLICT);
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": 5}),
        json!({"name": "a b"}),
        json!({"name": "a//b"}),
        json!({"name": "x".repeat(256)}),
        json!({"name": "other", "includeMemory": true}),
        json!({"name": "other", "includeMemory": "no"}),
    ] {
        assert_eq!(world.post(&path, body.clone()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(world.get(&format!("/api/sandbox/{id}")).await.body["state"], "started");
    assert_eq!(world.get("/api/snapshots?name=other").await.body["total"], 0);
}

#[tokio::test]
async fn of_ten_who_want_one_name_one_gets_it() {
    let world = World::start().await;
    let mut asked = Vec::new();
    for _ in 0..10 {
        let id = world.sandbox(json!({})).await;
        asked.push(world.begin(&format!("/api/sandbox/{id}/snapshot"), &json!({"name": "one"})));
    }
    let mut statuses = Vec::new();
    for asked in asked {
        statuses.push(asked.await.unwrap().status);
    }
    let count = |status| statuses.iter().filter(|seen| **seen == status).count();
    assert_eq!((count(StatusCode::OK), count(StatusCode::CONFLICT)), (1, 9), "{statuses:?}");
    until_snapshot(&world, "one", "active").await;
}

#[tokio::test]
async fn one_that_fails_says_why_and_its_source_goes_on() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.fail_tasks("the object store is full");
    take(&world, &id, "base").await;
    let failed = until_snapshot(&world, "base", "error").await;
    assert_eq!(failed["errorReason"], "the object store is full");
    let source = world.until_state(&id, "started").await;
    assert!(source["errorReason"].as_str().unwrap().contains("the object store is full"), "{source}");
    let refused = world.post("/api/sandbox", json!({"snapshot": "base"})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.delete("/api/snapshots/base").await.status, StatusCode::OK);
    world.runner.behave();
    take(&world, &id, "base").await;
    until_snapshot(&world, "base", "active").await;
}

#[tokio::test]
async fn a_source_that_is_deleted_takes_what_is_not_taken_yet_along() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    world.runner.hold_tasks();
    take(&world, &id, "base").await;
    assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.status, StatusCode::OK);
    world.until_gone(&id).await;
    let failed = until_snapshot(&world, "base", "error").await;
    assert!(failed["errorReason"].as_str().unwrap().contains("deleted"), "{failed}");
}

#[tokio::test]
async fn a_snapshot_outlives_its_source_and_sandboxes_outlive_their_snapshot() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    take(&world, &id, "base").await;
    until_snapshot(&world, "base", "active").await;
    world.delete(&format!("/api/sandbox/{id}")).await;
    world.until_gone(&id).await;
    let made = world.sandbox(json!({"snapshot": "base"})).await;
    assert_eq!(world.delete("/api/snapshots/base").await.status, StatusCode::OK);
    assert_eq!(world.delete("/api/snapshots/base").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/snapshots/base").await.status, StatusCode::NOT_FOUND);
    for verb in ["stop", "start"] {
        world.post(&format!("/api/sandbox/{made}/{verb}"), Value::Null).await;
        world.until_settled(&made).await;
    }
    assert_eq!(world.runner.layers().len(), 1, "a sandbox is made of it");
    world.runner.fail_layer_removals("the object store is away");
    world.delete(&format!("/api/sandbox/{made}")).await;
    world.until_gone(&made).await;
    assert_eq!(world.runner.layers().len(), 1);
    world.runner.behave();
    eventually("the layer to be removed", async || world.runner.layers().is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_is_everybodys_is_removed_by_nobody() {
    let world = World::start().await;
    for name in ["paddock-small", "daytona-large"] {
        let answer = world.delete(&format!("/api/snapshots/{name}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    }
    let key = world.key_with(&["write:snapshots"]).await;
    let answer = world.call(http::Method::DELETE, "/api/snapshots/paddock-small", &key, None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(world.delete("/api/snapshots/nothing").await.status, StatusCode::NOT_FOUND);
}
