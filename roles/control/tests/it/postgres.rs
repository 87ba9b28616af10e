//! The same control plane on PostgreSQL: one life of a sandbox, and a restart of control in the middle.

use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::future::join_all;
use paddock_testkit::postgres::Postgres;
use paddock_testkit::runner::FakeRunner;
use serde_json::{Value, json};

use crate::events::Stream;
use crate::events::order::follow;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_lives_and_control_restarts_on_postgresql() {
    let server = Postgres::start().await.unwrap();
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let store = server.url("postgres").parse().unwrap();
    let mut world = World::start_on(store, FakeRunner::start(), directory).await;
    world.until_ready().await;
    let mut stream = Stream::listen(world.serve().await, &world.key).await;
    let id = world.sandbox(json!({"name": "web", "labels": {"a": "b"}})).await;
    let again = join_all((0..5).map(|_| world.post("/api/sandbox", json!({"name": "web"})))).await;
    assert!(again.iter().all(|answer| answer.status == StatusCode::CONFLICT));
    let many = join_all((0..40).map(|_| world.post("/api/sandbox", json!({})))).await;
    assert!(many.iter().all(|answer| answer.status == StatusCode::OK && answer.body["state"] == "started"));
    // Two commits of each: all are heard, and each sandbox's in order.
    let mut heard = Vec::new();
    while heard.len() < 2 * 41 {
        heard.push(stream.event().await);
    }
    assert!(follow(&heard).values().all(|state| state == "started"));
    world.runner.hold_everything();
    world.post("/api/sandbox/web/stop", Value::Null).await;
    world.crash_control().await;
    world.runner.release();
    world.until_state("web", "stopped").await;
    assert_eq!(world.post("/api/sandbox/web/start", Value::Null).await.body["state"], "started");
    let found = world.get("/api/sandbox?labels=%7B%22a%22%3A%22b%22%7D&sort=name&limit=1").await.body;
    assert_eq!((&found["items"][0]["id"], &found["nextCursor"]), (&json!(id), &Value::Null));
    world.delete("/api/sandbox/web").await;
    world.until_gone(&id).await;
    assert_eq!(world.get("/api/sandbox?limit=200").await.body["items"].as_array().unwrap().len(), 40);
}
