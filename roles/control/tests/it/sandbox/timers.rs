use axum::http::StatusCode;
use paddock_testkit::eventually;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_idle_sandbox_stops_and_a_used_one_does_not() {
    let world = World::start().await;
    let idle = world.sandbox(json!({"autoStopInterval": 15})).await;
    let used = world.sandbox(json!({"autoStopInterval": 15})).await;
    let never = world.sandbox(json!({"autoStopInterval": 0})).await;
    world.post(&format!("/api/sandbox/{used}/last-activity"), Value::Null).await;
    for id in [&idle, &used, &never] {
        world.backdate(id, 16);
    }
    world.post(&format!("/api/sandbox/{used}/last-activity"), Value::Null).await;
    world.until_state(&idle, "stopped").await;
    for id in [&used, &never] {
        assert_eq!(world.get(&format!("/api/sandbox/{id}")).await.body["state"], "started");
    }
}

#[tokio::test]
async fn an_idle_ephemeral_sandbox_is_gone() {
    let world = World::start().await;
    let id = world.sandbox(json!({"autoDeleteInterval": 0})).await;
    world.backdate(&id, 16);
    world.until_gone(&id).await;
}

#[tokio::test]
async fn a_stopped_sandbox_is_archived_and_one_to_be_deleted_is_gone() {
    let world = World::start().await;
    let kept = world.sandbox(json!({"autoArchiveInterval": 60})).await;
    let going = world.sandbox(json!({"autoArchiveInterval": 60, "autoDeleteInterval": 60})).await;
    for id in [&kept, &going] {
        world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
        world.until_state(id, "stopped").await;
        world.backdate(id, 61);
    }
    world.until_gone(&going).await;
    world.until_state(&kept, "archived").await;
}

#[tokio::test]
async fn an_idle_sandbox_is_paused_if_that_was_asked_for() {
    let world = World::start().await;
    let id = world.sandbox(json!({"autoPauseInterval": 10})).await;
    let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    assert_eq!((&shown["autoPauseInterval"], &shown["autoStopInterval"]), (&json!(10), &json!(0)));
    world.backdate(&id, 11);
    world.until_state(&id, "paused").await;
}

#[tokio::test]
async fn its_time_to_live_ends_a_sandbox_in_any_state() {
    let world = World::start().await;
    let started = world.sandbox(json!({"ttlMinutes": 30})).await;
    let stopped = world.sandbox(json!({"ttlMinutes": 30})).await;
    let spared = world.sandbox(json!({"ttlMinutes": 30})).await;
    world.post(&format!("/api/sandbox/{stopped}/stop"), Value::Null).await;
    world.until_state(&stopped, "stopped").await;
    assert!(world.get(&format!("/api/sandbox/{started}")).await.body["autoDestroyAt"].is_string());
    let answer = world.post(&format!("/api/sandbox/{spared}/ttl/0"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["autoDestroyAt"]), (StatusCode::OK, &Value::Null));
    for id in [&started, &stopped, &spared] {
        world.backdate(id, 31);
    }
    world.until_gone(&started).await;
    world.until_gone(&stopped).await;
    assert_eq!(world.get(&format!("/api/sandbox/{spared}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn timers_change_on_a_live_sandbox_and_survive_a_restart() {
    let mut world = World::start().await;
    let id = world.sandbox(json!({"autoStopInterval": 0})).await;
    for (path, field, value) in [
        ("autostop/20.0", "autoStopInterval", 20),
        ("autoarchive/0", "autoArchiveInterval", 43_200),
        ("autodelete/-5", "autoDeleteInterval", -1),
        ("autodelete/7", "autoDeleteInterval", 7),
    ] {
        let answer = world.post(&format!("/api/sandbox/{id}/{path}"), Value::Null).await;
        assert_eq!((answer.status, &answer.body[field]), (StatusCode::OK, &json!(value)), "{path}");
    }
    world.crash_control().await;
    world.until_ready().await;
    world.backdate(&id, 21);
    world.until_state(&id, "stopped").await;
    world.backdate(&id, 8);
    world.until_gone(&id).await;
}

#[tokio::test]
async fn intervals_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let id = world.sandbox(json!({})).await;
    for path in [
        "autostop/-1",
        "autostop/x",
        "autostop/1.5",
        "autostop/+1",
        "autopause/-1",
        "autoarchive/-1",
        "ttl/-1",
        "ttl/99999999999",
        "autodelete/NaN",
        "public/yes",
        "autopause/5",
    ] {
        let answer = world.post(&format!("/api/sandbox/{id}/{path}"), Value::Null).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {answer:?}");
    }
    for body in [
        json!({"autoStopInterval": 5, "autoPauseInterval": 5}),
        json!({"autoDeleteInterval": 0, "autoPauseInterval": 5}),
        json!({"autoPauseInterval": -5}),
        json!({"ttlMinutes": -5}),
    ] {
        assert_eq!(world.post("/api/sandbox", body.clone()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_makes_nobody_idle() {
    let mut world = World::start().await;
    let id = world.sandbox(json!({"autoStopInterval": 15, "ttlMinutes": 30})).await;
    // As if the wall clock had been set an hour ahead while control was away: all that was noted is an hour back.
    world.runner.hold_everything();
    world.crash_control().await;
    let store = world.open_store().await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let name = format!("clock {}", boot.trim());
    let offset =
        eventually("the clock to be noted", async || store.load_note(name.clone()).await.unwrap()).await;
    world.stop_control().await;
    world.backdate(&id, 60);
    store.keep_note(name, offset - 3_600_000).await.unwrap();
    world.start_control().await;
    world.until_ready().await;
    let shown = eventually("the timers to be moved", async || {
        let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
        let end: jiff::Timestamp = shown["autoDestroyAt"].as_str().unwrap().parse().unwrap();
        (end > jiff::Timestamp::now()).then_some(shown)
    })
    .await;
    assert_eq!(shown["state"], "started");
}
