//! Linked sandboxes: made with a target, and destroyed with it.

use axum::http::{Method, StatusCode};
use paddock_testkit::eventually;
use paddock_types::SandboxId;
use paddock_wire_runner::Observed;
use serde_json::{Value, json};

use crate::world::{Answer, World};

fn linked(target: &str, name: &str) -> Value {
    json!({"name": name, "linkedSandbox": target, "autoDeleteInterval": 0})
}

async fn create(world: &World, body: Value) -> Answer {
    world.post("/api/sandbox", body).await
}

async fn until_absent(world: &World, id: &str) {
    let id: SandboxId = id.parse().unwrap();
    eventually("the host to have nothing of it", async || {
        (world.runner.state(id) == Observed::Absent).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_linked_sandbox_names_its_target_to_users_and_to_the_runner() {
    let world = World::start().await;
    let target = world.sandbox(json!({"name": "App"})).await;
    for (reference, name) in [("App", "db"), (target.as_str(), "cache")] {
        let made = create(&world, linked(reference, name)).await;
        assert_eq!((made.status, &made.body["state"]), (StatusCode::OK, &json!("started")), "{made:?}");
        assert_eq!(made.body["linkedSandboxId"], target);
        let shown = world.get(&format!("/api/sandbox/{name}")).await.body;
        assert_eq!(shown["linkedSandboxId"], target);
        let id: SandboxId = made.id().parse().unwrap();
        let wishes = world.runner.wishes();
        let (_, wish) = wishes.iter().find(|(wished, _)| *wished == id).unwrap();
        let link = wish.spec.link.clone().unwrap();
        assert_eq!(
            (link.target.to_string(), link.target_name.as_str(), link.name.as_str()),
            (target.clone(), "App", name)
        );
    }
    let wishes = world.runner.wishes();
    let of_target = wishes.iter().filter(|(id, _)| id.to_string() == target);
    assert!(of_target.clone().all(|(_, wish)| wish.spec.link.is_none()));
    assert_eq!(of_target.count(), 1, "the target is not asked for anything");
    assert!(world.get("/api/sandbox/App").await.body["linkedSandboxId"].is_null());
}

#[tokio::test]
async fn what_cannot_be_linked_is_refused() {
    let world = World::start().await;
    world.sandbox(json!({"name": "app"})).await;
    assert_eq!(create(&world, linked("app", "db")).await.status, StatusCode::OK);
    let refused = async |body: Value| create(&world, body).await.status;
    assert_eq!(refused(json!({"linkedSandbox": "app"})).await, StatusCode::BAD_REQUEST, "not ephemeral");
    assert_eq!(refused(linked("db", "x")).await, StatusCode::BAD_REQUEST, "a chain");
    assert_eq!(refused(linked("nobody", "x")).await, StatusCode::NOT_FOUND);
    assert_eq!(refused(linked("\u{7}", "x")).await, StatusCode::NOT_FOUND);
    assert_eq!(refused(linked("app", "app")).await, StatusCode::CONFLICT, "the name");
    let build = json!({"linkedSandbox": "app", "autoDeleteInterval": 0, "buildInfo": {"dockerfileContent": "FROM x"}});
    assert_eq!(refused(build).await, StatusCode::BAD_REQUEST);
    let gpu = json!({"linkedSandbox": "app", "autoDeleteInterval": 0, "gpu": 1});
    assert_eq!(refused(gpu).await, StatusCode::BAD_REQUEST);
    let stranger = world.organization("Other").await;
    let theirs = world.call(Method::POST, "/api/sandbox", &stranger, Some(linked("app", "x"))).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND, "another organization's target");
    world.post("/api/sandbox/app/pause", Value::Null).await;
    world.until_state("app", "paused").await;
    assert_eq!(refused(linked("app", "x")).await, StatusCode::BAD_REQUEST, "neither started nor stopped");
    world.post("/api/sandbox/app/start", Value::Null).await;
    world.until_state("app", "started").await;
    for number in 0..15 {
        assert_eq!(refused(linked("app", &format!("more-{number}"))).await, StatusCode::OK);
    }
    assert_eq!(refused(linked("app", "too many")).await, StatusCode::BAD_REQUEST);
    // It stays what it has to be, and nothing can come of it that outlives it.
    assert_eq!(world.post("/api/sandbox/db/autodelete/5", Value::Null).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.post("/api/sandbox/db/fork", json!({})).await.status, StatusCode::BAD_REQUEST);
    // A fork of a target is nobody's target and linked with nothing.
    let fork = world.post("/api/sandbox/app/fork", json!({"name": "fork"})).await;
    assert_eq!(fork.status, StatusCode::OK, "{fork:?}");
    assert!(fork.body["linkedSandboxId"].is_null());
}

#[tokio::test]
async fn a_target_takes_its_linked_sandboxes_along() {
    let world = World::start().await;
    let target = world.sandbox(json!({"name": "app"})).await;
    let db = create(&world, linked("app", "db")).await.id();
    let cache = create(&world, linked("app", "cache")).await.id();
    world.sandbox(json!({"name": "bystander"})).await;
    world.post("/api/sandbox/cache/stop", Value::Null).await;
    world.until_gone(&cache).await;
    assert_eq!(world.get("/api/sandbox/db").await.body["state"], "started", "one leaves the others");
    world.post("/api/sandbox/app/stop", Value::Null).await;
    world.until_state("app", "stopped").await;
    assert_eq!(world.get("/api/sandbox/db").await.body["state"], "started", "a stop is no end");
    assert_eq!(world.delete("/api/sandbox/app").await.status, StatusCode::OK);
    for id in [target, db] {
        world.until_gone(&id).await;
        until_absent(&world, &id).await;
    }
    assert_eq!(world.get("/api/sandbox/bystander").await.body["state"], "started");
}

#[tokio::test]
async fn whatever_ends_a_target_ends_what_is_linked_with_it() {
    let world = World::start().await;
    // Its time to live.
    world.sandbox(json!({"name": "mortal", "ttlMinutes": 5})).await;
    let first = create(&world, linked("mortal", "with-mortal")).await.id();
    let mortal = world.get("/api/sandbox/mortal").await.id();
    world.backdate(&mortal, 6);
    // Its stop, when it is ephemeral itself.
    world.sandbox(json!({"name": "brief", "autoDeleteInterval": 0})).await;
    let second = create(&world, linked("brief", "with-brief")).await.id();
    world.post("/api/sandbox/brief/stop", Value::Null).await;
    // Its own end.
    let fragile = world.sandbox(json!({"name": "fragile", "autoDeleteInterval": 0})).await;
    let third = create(&world, linked("fragile", "with-fragile")).await.id();
    world.runner.end_by_itself(fragile.parse().unwrap(), Some("out of memory"));
    // Its deletion some time after a stop.
    world.sandbox(json!({"name": "idle", "autoDeleteInterval": 3})).await;
    let fourth = create(&world, linked("idle", "with-idle")).await.id();
    world.post("/api/sandbox/idle/stop", Value::Null).await;
    let idle = world.until_state("idle", "stopped").await["id"].as_str().unwrap().to_owned();
    world.backdate(&idle, 4);
    for id in [first, second, third, fourth] {
        world.until_gone(&id).await;
        until_absent(&world, &id).await;
    }
}

#[tokio::test]
async fn one_that_is_being_made_while_its_target_goes_is_no_orphan() {
    let mut world = World::start().await;
    let target = world.sandbox(json!({"name": "app"})).await;
    world.runner.hold_everything();
    let create = world.begin("/api/sandbox", &linked("app", "db"));
    world.until_state("db", "creating").await;
    let db = world.get("/api/sandbox/db").await.id();
    world.delete("/api/sandbox/app").await;
    // Control dies before anything came of it.
    create.abort();
    drop(create.await);
    world.crash_control().await;
    let late = world.post("/api/sandbox", linked(&target, "late")).await;
    assert!(late.status.is_client_error(), "{late:?}");
    world.runner.release();
    for id in [target, db] {
        world.until_gone(&id).await;
        until_absent(&world, &id).await;
    }
}

#[tokio::test]
async fn of_many_that_are_made_while_their_target_goes_none_stays() {
    let world = World::start().await;
    world.sandbox(json!({"name": "app"})).await;
    let creates: Vec<_> =
        (0..10).map(|number| world.begin("/api/sandbox", &linked("app", &format!("w-{number}")))).collect();
    world.delete("/api/sandbox/app").await;
    for create in creates {
        let answer = create.await.unwrap();
        assert!(answer.status == StatusCode::OK || answer.status.is_client_error(), "{answer:?}");
    }
    eventually("nothing to be left", async || {
        (world.get("/api/sandbox?includeErroredDeleted=true").await.body["items"] == json!([])).then_some(())
    })
    .await;
}
