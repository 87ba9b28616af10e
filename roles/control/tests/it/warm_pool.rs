//! Warm pools: kept full, never too full, and handed out once.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use paddock_testkit::eventually;
use paddock_types::SandboxId;
use paddock_wire_runner::Observed;
use serde_json::{Value, json};

use crate::world::World;

const SMALL: &str = "paddock-small";

async fn patch(world: &World, pool: &str, body: Value) -> crate::world::Answer {
    world.call(Method::PATCH, &format!("/api/warm-pools/{pool}"), &world.key, Some(body)).await
}

fn ids(members: &[Value]) -> BTreeSet<String> {
    members.iter().map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_pool_is_made_listed_resized_and_removed() {
    let world = World::start().await;
    let made = world.post("/api/warm-pools", json!({"snapshot": SMALL, "pool": 2, "target": "local"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let pool = made.id();
    for (field, value) in [
        ("snapshot", json!(SMALL)),
        ("target", json!("local")),
        ("pool", json!(2)),
        ("cpu", json!(1)),
        ("mem", json!(1)),
        ("disk", json!(3)),
        ("osUser", json!("daytona")),
        ("env", json!({})),
        ("currentSize", json!(0)),
        ("errorReason", Value::Null),
    ] {
        assert_eq!(made.body[field], value, "{field}");
    }
    world.until_ready_members(&pool, 2).await;
    let alias = world.get("/api/snapshots/paddock-small").await.id();
    for snapshot in [SMALL, &alias] {
        let again = world.post("/api/warm-pools", json!({"snapshot": snapshot, "pool": 1})).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");
    }
    let resized = patch(&world, &pool, json!({"pool": 4})).await;
    assert_eq!((resized.status, &resized.body["pool"]), (StatusCode::OK, &json!(4)));
    world.until_ready_members(&pool, 4).await;
    let path = format!("/api/warm-pools/{pool}");
    let removed = world.delete(&path).await;
    assert_eq!((removed.status, &removed.body), (StatusCode::NO_CONTENT, &Value::Null));
    assert_eq!(world.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/warm-pools").await.body, json!([]));
    eventually("its members to go", async || world.members().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_is_no_pool_is_refused() {
    let world = World::start().await;
    let make = async |body: Value| world.post("/api/warm-pools", body).await.status;
    for body in
        [json!({}), json!({"snapshot": SMALL}), json!({"snapshot": SMALL, "pool": 0}), json!({"pool": 1})]
    {
        assert_eq!(make(body).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(make(json!({"snapshot": "nothing", "pool": 1})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"snapshot": SMALL, "pool": 101})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"snapshot": SMALL, "pool": 1, "target": "moon"})).await, StatusCode::NOT_FOUND);
    let pool = world.warm_pool(SMALL, 1).await;
    assert_eq!(make(json!({"snapshot": "paddock-large", "pool": 100})).await, StatusCode::BAD_REQUEST);
    for body in [json!({}), json!({"pool": -1}), json!({"pool": 101}), json!({"pool": "1"})] {
        assert_eq!(patch(&world, &pool, body).await.status, StatusCode::BAD_REQUEST);
    }
    for id in ["x", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"] {
        assert_eq!(patch(&world, id, json!({"pool": 1})).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_create_is_given_a_member_and_the_pool_is_filled_up_again() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 2).await;
    world.until_ready_members(&pool, 2).await;
    let before = ids(&world.members().await);
    // Whatever asks the runner from here on fails: what is handed out is there already.
    world.runner.hold_everything();
    let body = json!({"name": "web", "labels": {"a": "b"}, "public": true, "autoStopInterval": 3,
        "autoArchiveInterval": 5, "autoDeleteInterval": 0, "ttlMinutes": 90, "user": "daytona", "env": {}, "volumes": []});
    let made = world.post("/api/sandbox", body).await;
    assert_eq!((made.status, &made.body["state"]), (StatusCode::OK, &json!("started")), "{made:?}");
    assert!(before.contains(&made.id()), "it waited in the pool");
    for (field, value) in [
        ("name", json!("web")),
        ("labels", json!({"a": "b"})),
        ("public", json!(true)),
        ("autoStopInterval", json!(3)),
        ("autoArchiveInterval", json!(5)),
        ("autoDeleteInterval", json!(0)),
        ("warmPoolId", Value::Null),
    ] {
        assert_eq!(made.body[field], value, "{field}");
    }
    assert!(made.body["autoDestroyAt"].is_string());
    assert_eq!(made.body["createdAt"], made.body["lastActivityAt"], "as if it were just made");
    let unnamed = world.post("/api/sandbox", json!({})).await;
    assert_eq!(unnamed.body["name"], unnamed.id(), "a name of its own");
    assert!(before.contains(&unnamed.id()));
    world.runner.release();
    world.until_ready_members(&pool, 2).await;
    let now = ids(&world.members().await);
    assert!(now.is_disjoint(&before), "others took their places");
    assert_eq!(world.get("/api/sandbox/web").await.id(), made.id());
    // And it is a sandbox like any other.
    world.delete("/api/sandbox/web").await;
    world.until_gone(&made.id()).await;
}

#[tokio::test]
async fn only_a_create_of_nothing_else_than_the_snapshot_is_given_a_member() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 1).await;
    world.until_ready_members(&pool, 1).await;
    let waiting = ids(&world.members().await);
    let stranger = world.organization("Other").await;
    for body in [
        json!({"env": {"A": "b"}}),
        json!({"user": "root"}),
        json!({"networkBlockAll": true}),
        json!({"snapshot": "paddock-medium"}),
    ] {
        let made = world.sandbox(body.clone()).await;
        assert!(!waiting.contains(&made), "{body}");
    }
    let theirs = world.call(Method::POST, "/api/sandbox", &stranger, Some(json!({}))).await;
    assert_eq!(theirs.status, StatusCode::OK);
    assert!(!waiting.contains(&theirs.id()), "another organization's pool");
    assert_eq!(ids(&world.members().await), waiting);
    assert!(waiting.contains(&world.sandbox(json!({"snapshot": SMALL, "target": "local"})).await));
}

#[tokio::test]
async fn a_member_that_waits_is_there_for_nobody() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 1).await;
    world.until_ready_members(&pool, 1).await;
    let member = world.members().await.remove(0);
    let id = member["id"].as_str().unwrap();
    assert_eq!(member["warmPoolId"], pool);
    assert_eq!(member["state"], "started");
    let path = format!("/api/sandbox/{id}");
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&format!("{path}/stop"), Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&format!("{path}/ports/80/preview-url")).await.status, StatusCode::NOT_FOUND);
    for list in ["/api/sandbox", "/api/sandbox/paginated", "/api/sandbox?includeErroredDeleted=true"] {
        assert_eq!(world.get(list).await.body["items"], json!([]), "{list}");
    }
    let credential = json!({"sandbox": id, "credential": {"bearer": world.key}});
    assert_eq!(
        world.ask_internally("/internal/v1/authorize", credential).await.status,
        StatusCode::NOT_FOUND
    );
    let store = world.open_store().await;
    let record = store.load_sandbox(id.parse().unwrap()).await.unwrap().unwrap();
    let credential = json!({"sandbox": id, "credential": {"preview_token": record.status.auth_token.0}});
    let presented = world.ask_internally("/internal/v1/authorize", credential).await;
    assert_eq!(presented.status, StatusCode::UNAUTHORIZED, "{presented:?}");
    // Its timers stand still, however long it waits; and the token of that time is void once it is somebody's.
    world.backdate(id, 60 * 24 * 365);
    let made = world.sandbox(json!({"name": "web"})).await;
    assert_eq!(made, id);
    let now = store.load_sandbox(id.parse().unwrap()).await.unwrap().unwrap();
    assert_ne!(now.status.auth_token, record.status.auth_token);
}

#[tokio::test]
async fn of_twenty_creates_at_once_five_are_given_the_five_members_and_nobody_shares() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 5).await;
    world.until_ready_members(&pool, 5).await;
    let waiting = ids(&world.members().await);
    world.runner.hold_everything();
    let creates: Vec<_> = (0..20).map(|_| world.begin_create(&json!({}))).collect();
    eventually("five to be handed out", async || {
        let items = world.get("/api/sandbox").await.body["items"].clone();
        let items = items.as_array().unwrap().clone();
        (items.iter().filter(|item| item["state"] == "started").count() == 5).then_some(())
    })
    .await;
    assert!(world.members().await.len() <= 5, "never more than its size");
    world.runner.release();
    let answers: Vec<_> = join_all(creates).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer.body["state"] == "started"), "{answers:?}");
    let made: BTreeSet<String> = answers.iter().map(crate::world::Answer::id).collect();
    assert_eq!(made.len(), 20, "each has one of its own");
    assert!(waiting.is_subset(&made), "none of the five was left");
    world.until_ready_members(&pool, 5).await;
}

#[tokio::test]
async fn of_creates_with_one_name_one_succeeds_and_no_member_is_lost() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 5).await;
    world.until_ready_members(&pool, 5).await;
    let creates: Vec<_> = (0..10).map(|_| world.begin_create(&json!({"name": "web"}))).collect();
    let statuses: Vec<_> = join_all(creates).await.into_iter().map(|answer| answer.unwrap().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 9);
    world.until_ready_members(&pool, 5).await;
    assert_eq!(world.get("/api/sandbox").await.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_that_dies_is_replaced_and_never_handed_out() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 2).await;
    world.until_ready_members(&pool, 2).await;
    let waiting = ids(&world.members().await);
    for id in &waiting {
        world.runner.end_by_itself(id.parse().unwrap(), Some("out of memory"));
    }
    // At once, while the record may still say that they run.
    let made = world.post("/api/sandbox", json!({})).await;
    if waiting.contains(&made.id()) {
        panic!("a dead sandbox was handed out: {made:?}");
    }
    for id in &waiting {
        eventually("the dead one to be removed", async || {
            (world.runner.state(id.parse().unwrap()) == Observed::Absent).then_some(())
        })
        .await;
    }
    world.until_ready_members(&pool, 2).await;
    eventually("the trouble to be over", async || {
        world.get("/api/warm-pools").await.body[0]["errorReason"].is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_cannot_be_filled_says_why_and_is_filled_when_it_can() {
    let world = World::start().await;
    world.runner.fail_starts("no room");
    let pool = world.warm_pool(SMALL, 3).await;
    eventually("the pool to say why", async || {
        (world.get("/api/warm-pools").await.body[0]["errorReason"] == "no room").then_some(())
    })
    .await;
    // It gives up none of its patience: at most one is tried at a time, after a pause.
    let tried = world.runner.wishes().iter().map(|(id, _)| *id).collect::<BTreeSet<SandboxId>>().len();
    assert!(tried <= 8, "{tried}");
    eventually("what failed to be removed", async || world.members().await.is_empty().then_some(())).await;
    world.runner.behave();
    world.until_ready_members(&pool, 3).await;
    eventually("the reason to go", async || {
        world.get("/api/warm-pools").await.body[0]["errorReason"].is_null().then_some(())
    })
    .await;
    // A create was never kept from its own sandbox.
    world.sandbox(json!({})).await;
}

#[tokio::test]
async fn a_drained_pool_loses_its_members_and_not_what_was_handed_out() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 3).await;
    world.until_ready_members(&pool, 3).await;
    let mine = world.sandbox(json!({"name": "mine"})).await;
    assert_eq!(patch(&world, &pool, json!({"pool": 0})).await.status, StatusCode::OK);
    eventually("the members to go", async || world.members().await.is_empty().then_some(())).await;
    assert_eq!(world.get("/api/warm-pools").await.body[0]["currentSize"], 0);
    assert_eq!(world.get("/api/sandbox/mine").await.body["state"], "started");
    assert_eq!(world.runner.state(mine.parse().unwrap()), Observed::Started);
}

#[tokio::test]
async fn a_control_that_crashes_while_it_fills_a_pool_fills_it_and_no_more() {
    let mut world = World::start().await;
    world.runner.hold_everything();
    let pool = world.warm_pool(SMALL, 5).await;
    eventually("members to be wished", async || (world.runner.wishes().len() >= 5).then_some(())).await;
    for _ in 0..3 {
        world.crash_control().await;
        world.until_ready().await;
        assert_eq!(world.members().await.len(), 5);
    }
    world.runner.release();
    world.until_ready_members(&pool, 5).await;
    let named: BTreeSet<SandboxId> = world.runner.wishes().iter().map(|(id, _)| *id).collect();
    assert_eq!(named.len(), 5, "no other was ever made");
}

#[tokio::test]
async fn nothing_is_handed_out_while_it_is_not_known_to_run() {
    let mut world = World::start().await;
    let pool = world.warm_pool(SMALL, 1).await;
    world.until_ready_members(&pool, 1).await;
    let waiting = ids(&world.members().await);
    world.runner.stop();
    eventually("control to notice", async || {
        (world.get("/api/health/ready").await.status != StatusCode::OK).then_some(())
    })
    .await;
    let create = world.begin_create(&json!({"name": "web"}));
    world.until_state("web", "creating").await;
    world.runner.restart();
    let made = create.await.unwrap();
    assert_eq!(made.body["state"], "started", "{made:?}");
    assert!(!waiting.contains(&made.id()));
}

#[tokio::test]
async fn a_pool_whose_snapshot_is_not_active_any_more_is_drained_and_says_so() {
    let world = World::start().await;
    let pool = world.warm_pool(SMALL, 2).await;
    world.until_ready_members(&pool, 2).await;
    let set = |state: &str| {
        let database = rusqlite::Connection::open(world.directory.path().join("control.db")).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let changed = database.execute("UPDATE snapshot SET state = ?1 WHERE name = ?2", [state, SMALL]);
        assert_eq!(changed.unwrap(), 1);
    };
    set("inactive");
    eventually("the members to go", async || world.members().await.is_empty().then_some(())).await;
    eventually("the pool to say why", async || {
        let shown = world.get("/api/warm-pools").await.body[0].clone();
        shown["errorReason"].as_str()?.contains("not active").then_some(())
    })
    .await;
    set("active");
    world.until_ready_members(&pool, 2).await;
    eventually("the reason to go", async || {
        world.get("/api/warm-pools").await.body[0]["errorReason"].is_null().then_some(())
    })
    .await;
}
