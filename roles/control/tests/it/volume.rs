use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use paddock_testkit::eventually;
use paddock_testkit::runner::FakeRunner;
use serde_json::{Value, json};

use crate::events::Stream;
use crate::world::World;

fn mount(volume: &str, path: &str) -> Value {
    json!({"volumeId": volume, "mountPath": path})
}

#[tokio::test]
async fn a_volume_is_made_by_the_runner_and_found_by_id_and_name() {
    let world = World::start().await;
    let answer = world.post("/api/volumes", json!({"name": "My data / ü"})).await;
    assert_eq!((answer.status, &answer.body["name"]), (StatusCode::OK, &json!("My data / ü")));
    assert_eq!(
        (&answer.body["state"], &answer.body["errorReason"]),
        (&json!("pending_create"), &Value::Null)
    );
    assert!(answer.body.get("lastUsedAt").is_none() && answer.body["createdAt"].is_string());
    let id = answer.id();
    let ready = world.until_volume(&id, "ready").await;
    assert!(world.runner.volumes().contains(&id.parse().unwrap()));
    let by_name = world.get("/api/volumes/by-name/My%20data%20%2F%20%C3%BC").await;
    assert_eq!((by_name.status, by_name.body), (StatusCode::OK, ready.clone()));
    assert_eq!(world.get("/api/volumes").await.body, json!([ready]));
}

#[tokio::test]
async fn a_volume_without_a_name_is_called_as_its_id() {
    let world = World::start().await;
    for body in [json!({}), json!({"name": ""}), json!({"name": null})] {
        let answer = world.post("/api/volumes", body).await;
        assert_eq!((answer.status, &answer.body["name"]), (StatusCode::OK, &answer.body["id"]));
        let path = format!("/api/volumes/by-name/{}", answer.id());
        assert_eq!(world.get(&path).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_live_name_is_taken_and_one_that_is_to_go_is_free_at_once() {
    let world = World::start().await;
    let id = world.volume("data").await;
    let again = world.post("/api/volumes", json!({"name": "data"})).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert!(again.message("/api/volumes").contains("already exists"));
    let stranger = world.organization("Other").await;
    let theirs = world.call(Method::POST, "/api/volumes", &stranger, Some(json!({"name": "data"}))).await;
    assert_eq!(theirs.status, StatusCode::OK, "names are each organization's own");

    world.runner.hold_volumes(true);
    let deleted = world.delete(&format!("/api/volumes/{id}")).await;
    assert_eq!((deleted.status, &deleted.body), (StatusCode::OK, &Value::Null));
    world.until_volume(&id, "deleting").await;
    assert_eq!(world.get("/api/volumes/by-name/data").await.status, StatusCode::NOT_FOUND);
    let next = world.post("/api/volumes", json!({"name": "data"})).await;
    assert_eq!(next.status, StatusCode::OK);
    world.runner.hold_volumes(false);
    world.until_volume(&id, "deleted").await;
    world.until_volume(&next.id(), "ready").await;
    assert!(!world.runner.volumes().contains(&id.parse().unwrap()));
}

#[tokio::test]
async fn one_that_is_gone_is_listed_only_when_asked_for() {
    let world = World::start().await;
    let (gone, kept) = (world.volume("gone").await, world.volume("kept").await);
    world.delete(&format!("/api/volumes/{gone}")).await;
    world.until_volume(&gone, "deleted").await;
    let ids = async |path: &str| -> Vec<String> {
        let list = world.get(path).await.body;
        list.as_array().unwrap().iter().map(|volume| volume["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/api/volumes").await, std::slice::from_ref(&kept));
    assert_eq!(ids("/api/volumes?includeDeleted=false").await, std::slice::from_ref(&kept));
    let mut all = ids("/api/volumes?includeDeleted=true").await;
    all.sort_unstable();
    let mut both = [gone, kept];
    both.sort_unstable();
    assert_eq!(all, both);
    assert_eq!(world.get("/api/volumes?includeDeleted=maybe").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_one_that_is_ready_or_failed_can_be_deleted() {
    let world = World::start().await;
    world.runner.hold_volumes(true);
    let id = world.post("/api/volumes", json!({})).await.id();
    let path = format!("/api/volumes/{id}");
    world.until_volume(&id, "creating").await;
    let refused = world.delete(&path).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.message(&path).contains("creating"));
    world.runner.hold_volumes(false);
    world.until_volume(&id, "ready").await;
    assert_eq!(world.delete(&path).await.status, StatusCode::OK);
    world.until_volume(&id, "deleted").await;
    assert_eq!(world.delete(&path).await.status, StatusCode::BAD_REQUEST, "once is enough");
}

#[tokio::test]
async fn a_create_waits_a_little_for_a_volume_that_is_still_being_made() {
    let world = World::start().await;
    world.runner.hold_volumes(true);
    let id = world.post("/api/volumes", json!({"name": "data"})).await.id();
    world.until_volume(&id, "creating").await;
    let body = json!({"volumes": [mount("data", "/data")]});
    let refused = world.post("/api/sandbox", body.clone()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.message("/api/sandbox").contains("creating"));
    let created = world.begin_create(&body);
    world.runner.hold_volumes(false);
    assert_eq!(created.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_runner_cannot_do_becomes_the_volumes_error() {
    let world = World::start().await;
    world.runner.fail_volumes(Some("the storage pool is full"));
    let id = world.post("/api/volumes", json!({"name": "data"})).await.id();
    let failed = world.until_volume(&id, "error").await;
    assert_eq!(failed["errorReason"], "the storage pool is full");
    let answer = world.post("/api/sandbox", json!({"volumes": [mount("data", "/data")]})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    // Its removal fails too, and then does not.
    assert_eq!(world.delete(&format!("/api/volumes/{id}")).await.status, StatusCode::OK);
    let failed = world.until_volume(&id, "error").await;
    assert_eq!(failed["errorReason"], "the storage pool is full");
    world.runner.fail_volumes(None);
    assert_eq!(world.delete(&format!("/api/volumes/{id}")).await.status, StatusCode::OK);
    let gone = world.until_volume(&id, "deleted").await;
    assert_eq!(gone["errorReason"], Value::Null);
}

#[tokio::test]
async fn a_runner_that_is_away_is_waited_for_and_a_restart_of_control_loses_nothing() {
    let mut world = World::start_with(FakeRunner::stopped()).await;
    let id = world.post("/api/volumes", json!({})).await.id();
    world.until_volume(&id, "creating").await;
    world.crash_control().await;
    world.runner.restart();
    world.until_volume(&id, "ready").await;
    world.runner.hold_volumes(true);
    world.delete(&format!("/api/volumes/{id}")).await;
    world.until_volume(&id, "deleting").await;
    world.restart_control().await;
    world.runner.hold_volumes(false);
    world.until_volume(&id, "deleted").await;
}

#[tokio::test]
async fn an_organization_has_at_most_a_hundred() {
    let world = World::start().await;
    let answers = join_all((0..110).map(|_| world.post("/api/volumes", json!({})))).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(made, 100);
    let refused = answers.iter().find(|answer| answer.status != StatusCode::OK).unwrap();
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.message("/api/volumes").contains("quota"));
    let id = answers.iter().find(|answer| answer.status == StatusCode::OK).unwrap().id();
    world.until_volume(&id, "ready").await;
    world.delete(&format!("/api/volumes/{id}")).await;
    world.until_volume(&id, "deleted").await;
    assert_eq!(
        world.post("/api/volumes", json!({})).await.status,
        StatusCode::OK,
        "one that is gone does not count"
    );
}

#[tokio::test]
async fn bad_requests_and_foreign_volumes_are_refused() {
    let world = World::start().await;
    for body in [
        json!({"name": 5}),
        json!({"name": "a\u{0}"}),
        json!({"name": "a\nb"}),
        json!({"name": " "}),
        json!({"name": "x".repeat(256)}),
        json!([]),
    ] {
        assert_eq!(world.post("/api/volumes", body.clone()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let id = world.volume("mine").await;
    let stranger = world.organization("Other").await;
    for (method, path) in [
        (Method::GET, format!("/api/volumes/{id}")),
        (Method::DELETE, format!("/api/volumes/{id}")),
        (Method::GET, "/api/volumes/by-name/mine".to_owned()),
        (Method::GET, "/api/volumes/nothing".to_owned()),
        (Method::DELETE, "/api/volumes/%00".to_owned()),
        (Method::GET, "/api/volumes/by-name/%FF".to_owned()),
    ] {
        let answer = world.call(method.clone(), &path, &stranger, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let body = json!({"volumes": [mount(&id, "/data")]});
    let answer = world.call(Method::POST, "/api/sandbox", &stranger, Some(body)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    assert_eq!(world.until_volume(&id, "ready").await["name"], "mine");
}

#[tokio::test]
async fn a_sandbox_shows_what_it_mounts_and_the_runner_is_told() {
    let world = World::start().await;
    let (one, two) = (world.volume("one").await, world.volume("two").await);
    let body = json!({"volumes": [
        {"volumeId": "two", "mountPath": "/home/daytona/two/", "subpath": "users/alice"},
        {"volumeId": one, "mountPath": "/data", "subpath": ""},
        {"volumeId": one, "mountPath": "/again", "subpath": null},
    ]});
    let id = world.sandbox(body).await;
    let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
    let expected = json!([
        {"volumeId": two, "mountPath": "/home/daytona/two", "subpath": "users/alice"},
        {"volumeId": one, "mountPath": "/data"},
        {"volumeId": one, "mountPath": "/again"},
    ]);
    assert_eq!(shown["volumes"], expected);
    let wishes = world.runner.wishes();
    let wish = &wishes.iter().rev().find(|(wished, _)| wished.to_string() == id).unwrap().1;
    let told: Vec<(String, String)> =
        wish.spec.volumes.iter().map(|mount| (mount.volume.to_string(), mount.path.to_string())).collect();
    assert_eq!(
        told,
        [(two, "/home/daytona/two".into()), (one.clone(), "/data".into()), (one, "/again".into())]
    );
    // A fork mounts the same.
    let child = world.post(&format!("/api/sandbox/{id}/fork"), json!({})).await;
    assert_eq!(child.body["volumes"], expected, "{child:?}");
    assert!(
        world.get("/api/sandbox").await.body["items"][0].get("volumes").is_none(),
        "a list does not show it"
    );
}

#[tokio::test]
async fn mounts_that_make_no_sense_are_refused_and_name_what_is_wrong() {
    let world = World::start().await;
    let id = world.volume("data").await;
    let at = |path: &str| json!([{"volumeId": id, "mountPath": path}]);
    let below = |subpath: Value| json!([{"volumeId": id, "mountPath": "/data", "subpath": subpath}]);
    let many: Vec<Value> = (0..65).map(|number| mount(&id, &format!("/d{number}"))).collect();
    let mut cases: Vec<(Value, u16, &str)> = vec![
        (json!("data"), 400, "array"),
        (json!(["data"]), 400, "volumes.0 must be an object"),
        (json!([{"mountPath": "/data"}]), 400, "volumes.0.volumeId must be given"),
        (json!([{"volumeId": id}]), 400, "volumes.0.mountPath must be given"),
        (json!([{"volumeId": 5, "mountPath": "/data"}]), 400, "volumes.0.volumeId must be a string"),
        (json!([{"volumeId": id, "mountPath": "/d\u{0}"}]), 400, "NUL"),
        (
            json!([{"volumeId": id, "mountPath": "/data"}, {"volumeId": id, "mountPath": "/data/"}]),
            400,
            "twice",
        ),
        (json!([{"volumeId": "nothing", "mountPath": "/data"}]), 404, "nothing"),
        (json!(many), 400, "at most 64"),
        (below(json!("/a")), 400, "relative"),
        (below(json!("a/../b")), 400, ".."),
        (below(json!("a//b")), 400, "doubled"),
        (below(json!(7)), 400, "subpath must be a string"),
    ];
    for path in [
        "data", "/", "//", "/a/../b", "/a/./b", "/a//b", "/proc/x", "/sys", "/dev", "/boot", "/etc/x",
        "/bin", "/sbin", "/lib", "/lib64",
    ] {
        cases.push((at(path), 400, "mountPath must"));
    }
    for (volumes, status, words) in cases {
        let answer = world.post("/api/sandbox", json!({ "volumes": volumes })).await;
        assert_eq!(answer.status, status, "{volumes}: {answer:?}");
        assert!(answer.message("/api/sandbox").contains(words), "{volumes}: {answer:?}");
    }
    assert!(world.runner.wishes().is_empty(), "nothing was made");
    for none in [json!(null), json!([])] {
        assert_eq!(world.post("/api/sandbox", json!({ "volumes": none })).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_volume_in_use_is_kept_until_the_last_sandbox_that_mounts_it_is_to_go() {
    let world = World::start().await;
    let volume = world.volume("data").await;
    let path = format!("/api/volumes/{volume}");
    let one = world.sandbox(json!({"volumes": [mount("data", "/data")]})).await;
    let two = world.sandbox(json!({"volumes": [mount("data", "/data")]})).await;
    let refused = world.delete(&path).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.message(&path).contains("in use"));
    world.delete(&format!("/api/sandbox/{one}")).await;
    world.post(&format!("/api/sandbox/{two}/stop"), Value::Null).await;
    world.until_state(&two, "stopped").await;
    assert_eq!(
        world.delete(&path).await.status,
        StatusCode::CONFLICT,
        "a stopped one mounts it again when it starts"
    );
    // It is to go, and not gone yet: the volume waits for it.
    world.runner.fail_removals("busy");
    world.delete(&format!("/api/sandbox/{two}")).await;
    assert_eq!(world.delete(&path).await.status, StatusCode::OK);
    world.until_gone(&one).await;
    assert_eq!(world.get(&path).await.body["state"], "pending_delete");
    assert!(world.runner.volumes().contains(&volume.parse().unwrap()));
    world.runner.behave();
    world.until_gone(&two).await;
    world.until_volume(&volume, "deleted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_create_with_a_volume_and_its_deletion_at_once_not_both_win() {
    let world = World::start().await;
    let (mut creates, mut deletions) = (0, 0);
    for round in 0..20 {
        let name = format!("data{round}");
        let volume = world.volume(&name).await;
        let body = json!({"volumes": [mount(&volume, "/data")]});
        let path = format!("/api/volumes/{volume}");
        let (created, deleted) = tokio::join!(world.begin_create(&body), world.delete(&path));
        let created = created.unwrap();
        match (created.status.as_u16(), deleted.status.as_u16()) {
            (200, 409) => creates += 1,
            (400, 200) => deletions += 1,
            other => panic!("{other:?}: {created:?} {deleted:?}"),
        }
        let shown = world.get(&path).await.body["state"].clone();
        assert_eq!(shown == "ready", created.status == StatusCode::OK, "{shown}");
    }
    assert_eq!(creates + deletions, 20);
}

#[tokio::test]
async fn every_change_of_a_volume_is_an_event() {
    let world = World::start().await;
    let address = world.serve().await;
    let stranger = world.organization("Other").await;
    let mut theirs = Stream::listen(address, &stranger).await;
    let mut stream = Stream::listen(address, &world.key).await;
    let volume = world.volume("data").await;
    let mut seen = Vec::new();
    let next = async |stream: &mut Stream, seen: &mut Vec<String>| {
        let event = stream.event().await;
        if event.name.starts_with("volume.") {
            assert_eq!(event.id(), volume);
            let object = event.payload.get("volume").unwrap_or(&event.payload);
            for key in ["id", "name", "organizationId", "state", "createdAt", "updatedAt", "errorReason"] {
                assert!(object.get(key).is_some(), "{key}: {event:?}");
            }
            seen.push(event.brief());
        }
    };
    while seen.len() < 3 {
        next(&mut stream, &mut seen).await;
    }
    assert_eq!(seen, ["volume.created", "state pending_create>creating", "state creating>ready"]);
    let sandbox = world.sandbox(json!({"volumes": [mount("data", "/data")]})).await;
    while seen.len() < 4 {
        next(&mut stream, &mut seen).await;
    }
    assert_eq!(seen[3], "volume.lastUsedAt.updated");
    let used = world.get(&format!("/api/volumes/{volume}")).await.body["lastUsedAt"].clone();
    assert!(used.is_string());
    // Another start is another use.
    world.post(&format!("/api/sandbox/{sandbox}/stop"), Value::Null).await;
    world.until_state(&sandbox, "stopped").await;
    world.until_later_than(&used).await;
    world.post(&format!("/api/sandbox/{sandbox}/start"), Value::Null).await;
    eventually("the second use to be noted", async || {
        let now = world.get(&format!("/api/volumes/{volume}")).await.body["lastUsedAt"].clone();
        (now.as_str() > used.as_str()).then_some(())
    })
    .await;
    world.delete(&format!("/api/sandbox/{sandbox}")).await;
    world.delete(&format!("/api/volumes/{volume}")).await;
    while seen.len() < 8 {
        next(&mut stream, &mut seen).await;
    }
    let end = ["state ready>pending_delete", "state pending_delete>deleting", "state deleting>deleted"];
    assert_eq!(&seen[5..], end);
    // Nothing of it was told to others: the next thing that they hear is their own.
    world.call(Method::POST, "/api/volumes", &stranger, Some(json!({"name": "theirs"}))).await;
    let heard = theirs.event().await;
    assert_eq!((heard.name.as_str(), &heard.payload["name"]), ("volume.created", &json!("theirs")));
}
