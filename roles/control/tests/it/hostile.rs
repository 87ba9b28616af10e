//! Whatever is sent, the answer is one of those that the API knows: never a 500, never a hang.
//!
//! The input is random and the same in every run.

use std::sync::Arc;

use axum::http::Method;
use paddock_testkit::postgres::Postgres;
use paddock_testkit::runner::FakeRunner;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::World;

/// How many inputs each test tries.
const TRIES: usize = 150;

/// Fields that a create may read, and one that it does not know.
const FIELDS: &[&str] = &[
    "name",
    "snapshot",
    "user",
    "env",
    "labels",
    "public",
    "networkBlockAll",
    "target",
    "cpu",
    "memory",
    "disk",
    "gpu",
    "autoStopInterval",
    "autoPauseInterval",
    "autoArchiveInterval",
    "autoDeleteInterval",
    "volumes",
    "buildInfo",
    "kvm",
    "ttlMinutes",
    "unheardOf",
];

/// Parameters that a list may read, and one that it does not know.
const PARAMETERS: &[&str] = &[
    "cursor",
    "limit",
    "page",
    "id",
    "name",
    "labels",
    "states",
    "states[]",
    "snapshots",
    "regionIds",
    "sandboxClasses",
    "minCpu",
    "maxCpu",
    "isPublic",
    "createdAtAfter",
    "lastEventBefore",
    "sort",
    "order",
    "includeErroredDeleted",
    "x",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        proptest::sample::select(vec![
            "",
            "\0",
            "local",
            "paddock-small",
            "asc",
            "name",
            "null",
            "{}",
            "-1",
            "1e999",
            "%"
        ])
        .prop_map(ToOwned::to_owned),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any_text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// PostgreSQL refuses what SQLite takes: the same input has to be good for both.
async fn on_postgresql(server: &Postgres) -> World {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let world =
        World::start_on(server.url("postgres").parse().unwrap(), FakeRunner::start(), directory).await;
    world.until_ready().await;
    world
}

fn sample<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_makes_the_server_fail() {
    let server = Postgres::start().await.unwrap();
    for world in [World::start().await, on_postgresql(&server).await] {
        no_body_makes_it_fail(&world).await;
    }
}

async fn no_body_makes_it_fail(world: &World) {
    let body = proptest::collection::btree_map(proptest::sample::select(FIELDS), any_json(), 0..4);
    let mut runner = TestRunner::deterministic();
    let mut made = 0;
    for _ in 0..TRIES {
        let body: Value =
            sample(&mut runner, &body).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (method, path) in [
            (Method::POST, "/api/sandbox"),
            (Method::PUT, "/api/sandbox/nothing/labels"),
            (Method::POST, "/api/api-keys"),
            (Method::POST, "/api/admin/organizations"),
        ] {
            let status = world.call(method, path, &world.key, Some(body.clone())).await.status.as_u16();
            assert!([200, 201, 400, 404, 409, 422].contains(&status), "{status} for {path} {body}");
            made += usize::from(status == 200);
        }
    }
    assert!(made > 0, "some input must be good, or only the first check is tried");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_and_no_path_makes_the_server_fail() {
    let server = Postgres::start().await.unwrap();
    for world in [World::start().await, on_postgresql(&server).await] {
        no_query_and_no_path_makes_it_fail(&world).await;
    }
}

async fn no_query_and_no_path_makes_it_fail(world: &World) {
    world.sandbox(json!({})).await;
    let query = proptest::collection::vec((proptest::sample::select(PARAMETERS), any_text()), 0..4);
    let mut runner = TestRunner::deterministic();
    for _ in 0..TRIES {
        let query: Vec<String> = sample(&mut runner, &query)
            .into_iter()
            .map(|(name, value)| format!("{name}={}", encode(&value)))
            .collect();
        let text = encode(&sample(&mut runner, &any_text()));
        for path in [
            format!("/api/sandbox?{}", query.join("&")),
            format!("/api/sandbox/paginated?{}", query.join("&")),
            format!("/api/snapshots?{}", query.join("&")),
            format!("/api/sandbox/{text}"),
            format!("/api/snapshots/{text}"),
            format!("/api/api-keys/{text}"),
            format!("/api/regions/{text}"),
            format!("/api/organizations/{text}"),
        ] {
            let answer = world.get(&path).await;
            assert!([200, 400, 404].contains(&answer.status.as_u16()), "{path}: {answer:?}");
        }
    }
}
