use axum::http::StatusCode;
use paddock_testkit::eventually;
use paddock_testkit::runner::FakeRunner;
use paddock_wire_runner::{Desired, Existence, NetworkPolicy, Observed, RootState};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_empty_body_makes_a_started_sandbox_of_the_default_snapshot() {
    let world = World::start().await;
    let answer = world.post("/api/sandbox", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.body;
    assert_eq!(body["name"], body["id"]);
    assert_eq!((&body["state"], &body["desiredState"]), (&json!("started"), &json!("started")));
    assert_eq!(
        (&body["snapshot"], &body["user"], &body["target"]),
        (&json!("paddock-small"), &json!("daytona"), &json!("local"))
    );
    assert_eq!(
        (&body["cpu"], &body["memory"], &body["disk"], &body["gpu"]),
        (&json!(1), &json!(1), &json!(3), &json!(0))
    );
    assert_eq!((&body["autoStopInterval"], &body["autoArchiveInterval"]), (&json!(15), &json!(10080)));
    assert_eq!((&body["autoDeleteInterval"], &body["autoPauseInterval"]), (&json!(-1), &json!(0)));
    assert_eq!(body["toolboxProxyUrl"], "http://box.test:4000/toolbox");
    assert_eq!(body["daemonVersion"], "0.0.1-fake");
}

#[tokio::test]
async fn everything_that_is_given_is_shown_and_reaches_the_runner() {
    let world = World::start().await;
    let asked = json!({
        "name": "web-7", "snapshot": "daytona-medium", "user": "root", "env": {"A": "1", "ü": "x=y\n"},
        "labels": {"team": "blue", "code-toolbox-language": "python"}, "public": true, "networkBlockAll": true,
        "target": "local", "autoStopInterval": 0, "autoArchiveInterval": 0, "autoDeleteInterval": 7.0,
    });
    let body = world.post("/api/sandbox", asked.clone()).await.body;
    for field in ["name", "user", "env", "labels", "public", "networkBlockAll", "target", "autoStopInterval"]
    {
        assert_eq!(body[field], asked[field], "{field}");
    }
    assert_eq!(body["snapshot"], "paddock-medium", "an alias is shown by its own name");
    assert_eq!((&body["cpu"], &body["memory"], &body["disk"]), (&json!(2), &json!(4), &json!(8)));
    assert_eq!((&body["autoArchiveInterval"], &body["autoDeleteInterval"]), (&json!(43200), &json!(7)));
    let (id, wish) = world.runner.wishes().remove(0);
    assert_eq!(id.to_string(), body["id"]);
    assert_eq!((wish.desired, wish.existence), (Desired::Started, Existence::Create));
    assert_eq!(wish.spec.network, NetworkPolicy::Blocked);
    assert_eq!(wish.spec.user.unwrap().as_str(), "root");
    assert_eq!(wish.spec.env.values().cloned().collect::<Vec<_>>(), ["1", "x=y\n"]);
    assert_eq!((wish.spec.resources.cpu.0, wish.spec.snapshot_name.as_str()), (2, "paddock-medium"));
}

#[tokio::test]
async fn a_name_is_taken_until_its_sandbox_is_deleted() {
    let world = World::start().await;
    let first = world.sandbox(json!({"name": "web"})).await;
    let answer = world.post("/api/sandbox", json!({"name": "web"})).await;
    assert_eq!(
        (answer.status, answer.message("/api/sandbox").contains("already exists")),
        (StatusCode::CONFLICT, true)
    );
    world.runner.hold_everything();
    assert_eq!(world.delete(&format!("/api/sandbox/{first}")).await.body["state"], "destroying");
    world.runner.release();
    let second = world.sandbox(json!({"name": "web"})).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_failing_sandbox_is_refused_with_its_reason_and_stays_listed() {
    let world = World::start().await;
    world.runner.fail_starts("user \"nobody-here\" does not exist in the image");
    let answer = world.post("/api/sandbox", json!({"name": "web", "user": "nobody-here"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message("/api/sandbox").contains("does not exist in the image"));
    let listed = world.get("/api/sandbox").await.body["items"][0].clone();
    assert_eq!((&listed["name"], &listed["state"]), (&json!("web"), &json!("error")));
    assert_eq!(listed["errorReason"], "user \"nobody-here\" does not exist in the image");
}

#[tokio::test]
async fn a_create_while_the_snapshot_is_being_made_is_held_and_shown_as_pulling() {
    let world = World::start().await;
    world.runner.set_root(RootState::Preparing, Some("fetching packages"), None);
    let created = world.begin_create(&json!({"name": "web"}));
    world.until_state("web", "pulling_snapshot").await;
    world.runner.set_root(RootState::Ready, None, Some(1 << 30));
    assert_eq!(created.await.unwrap().status, StatusCode::OK);
    assert_eq!(world.until_state("web", "started").await["name"], "web");
}

#[tokio::test]
async fn a_runner_that_refuses_the_wish_makes_an_error_with_its_words() {
    let world = World::start().await;
    world.runner.refuse_wishes(422, "no space left in the pool");
    let answer = world.post("/api/sandbox", json!({})).await;
    assert_eq!(
        (answer.status, answer.message("/api/sandbox")),
        (StatusCode::BAD_REQUEST, "no space left in the pool".to_owned())
    );
}

#[tokio::test]
async fn a_caller_who_goes_away_loses_only_the_answer() {
    let world = World::start().await;
    world.runner.hold_everything();
    let waited = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        world.post("/api/sandbox", json!({"name": "web"})),
    );
    assert!(waited.await.is_err(), "the answer is held while the sandbox is being made");
    world.runner.release();
    world.until_state("web", "started").await;
}

#[tokio::test]
async fn an_ephemeral_sandbox_goes_when_it_stops() {
    let world = World::start().await;
    let id = world.sandbox(json!({"autoDeleteInterval": 0})).await;
    let answer = world.post(&format!("/api/sandbox/{id}/stop"), Value::Null).await;
    assert_eq!(
        (&answer.body["state"], &answer.body["desiredState"]),
        (&json!("destroying"), &json!("destroyed"))
    );
    world.until_gone(&id).await;
    let other = world.sandbox(json!({"autoDeleteInterval": 0})).await;
    world.runner.end_by_itself(other.parse().unwrap(), Some("its first process exited"));
    world.until_gone(&other).await;
    assert_eq!(world.runner.state(other.parse().unwrap()), Observed::Absent);
}

#[tokio::test]
async fn bad_requests_are_refused_and_name_what_is_wrong() {
    let world = World::start().await;
    let long = "x".repeat(131_072);
    let cases = [
        (json!({"name": "a\u{7}b"}), 400, "control characters"),
        (json!({"name": "<script>"}), 400, "HTML"),
        (json!({"name": "see https://x"}), 400, "URL"),
        (json!({"name": "x".repeat(300)}), 400, "255"),
        (json!({"name": 5}), 400, "name must be a string"),
        (json!({"name": "a\u{0}"}), 400, "NUL"),
        (json!({"snapshot": "nope"}), 400, "nope"),
        (json!({"snapshot": "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"}), 400, "not found"),
        (json!({"target": "mars"}), 404, "mars"),
        (json!({"user": "a:b"}), 400, "user"),
        (json!({"env": {"A=B": "1"}}), 400, "env"),
        (json!({"env": {"": "1"}}), 400, "env"),
        (json!({"env": {"A": 1}}), 400, "env.A must be a string"),
        (json!({"env": {"A": "\u{0}"}}), 400, "NUL"),
        (json!({"env": {"A": long}}), 400, "longer"),
        (json!({"env": []}), 400, "env must be an object"),
        (json!({"labels": {"a": null}}), 400, "labels.a"),
        (json!({"labels": {"a": "\u{0}"}}), 400, "NUL"),
        (json!({"public": "yes"}), 400, "public must be a boolean"),
        (json!({"cpu": 2, "memory": 4}), 400, "cpu, memory"),
        (json!({"disk": -1}), 400, "disk"),
        (json!({"cpu": 1.5}), 400, "cpu"),
        (json!({"autoStopInterval": -1}), 400, "autoStopInterval"),
        (json!({"autoStopInterval": "15"}), 400, "autoStopInterval"),
        (json!({"autoArchiveInterval": -1}), 400, "autoArchiveInterval"),
        (json!({"autoDeleteInterval": 99_999_999_999_i64}), 400, "autoDeleteInterval"),
        (json!({"autoPauseInterval": 5, "autoStopInterval": 5}), 400, "autoPauseInterval"),
        (json!({"buildInfo": {}}), 400, "dockerfileContent"),
        (json!({"buildInfo": {"dockerfileContent": "FROM x"}, "snapshot": "paddock-small"}), 400, "exclude"),
        (json!({"buildInfo": {"dockerfileContent": "FROM x"}, "linkedSandbox": "x"}), 400, "exclude"),
        (json!({"buildInfo": {"dockerfileContent": "FROM x"}, "cpu": 64}), 400, "cpu"),
        (json!({"buildInfo": {"dockerfileContent": "FROM x"}, "gpu": 1}), 400, "GPU"),
        (
            json!({"buildInfo": {"dockerfileContent": "FROM x", "contextHashes": ["../x"]}}),
            400,
            "contextHashes",
        ),
        (json!({"volumes": [{"volumeId": "x", "mountPath": "/y"}]}), 404, "volume"),
        (json!({"secrets": [{"A": "b"}]}), 422, "secrets"),
        (json!({"linkedSandbox": "x"}), 400, "ephemeral"),
        (json!({"linkedSandbox": 5}), 400, "linkedSandbox"),
        (json!({"gpuType": ["H100"]}), 422, "gpuType"),
        (json!({"kvm": true}), 422, "kvm"),
        (json!({"spot": true}), 422, "spot"),
        (json!({"networkAllowList": "1.1.1.1/32"}), 422, "networkAllowList"),
        (json!({"domainAllowList": "x.com"}), 422, "domainAllowList"),
        (json!({"outboundProxyUrl": "http://p"}), 422, "outboundProxyUrl"),
        (json!({"ttlMinutes": -5}), 400, "ttlMinutes"),
        (json!({"queueTimeout": 5}), 422, "queueTimeout"),
        (json!([]), 400, "object"),
        (json!("x"), 400, "object"),
    ];
    for (body, status, words) in cases {
        let answer = world.post("/api/sandbox", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
        let message = answer.message("/api/sandbox");
        assert!(message.contains(words), "{body}: {message}");
    }
    let answer = world.get("/api/sandbox").await;
    assert_eq!(answer.body["items"], json!([]), "nothing was made");
    assert!(world.runner.wishes().is_empty());
}

#[tokio::test]
async fn several_mistakes_are_named_in_one_answer() {
    let world = World::start().await;
    let body = json!({"name": "<b>", "user": "a:b", "env": {"=": ""}, "autoStopInterval": -1});
    let message = world.post("/api/sandbox", body).await.message("/api/sandbox");
    for word in ["name", "user", "env", "autoStopInterval"] {
        assert!(message.contains(word), "{word} in {message}");
    }
}

#[tokio::test]
async fn labels_have_a_limit_and_below_it_all_of_them_are_kept() {
    let world = World::start().await;
    let labels =
        |count: usize| (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    let body = world.post("/api/sandbox", json!({"labels": labels(1000)})).await.body;
    assert_eq!(body["labels"].as_object().unwrap().len(), 1000);
    let answer = world.post("/api/sandbox", json!({"labels": labels(1001)})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_a_runner_a_create_waits_for_it() {
    let mut world = World::start_with(FakeRunner::stopped()).await;
    let created = world.begin_create(&json!({"name": "web"}));
    world.until_state("web", "creating").await;
    world.runner.restart();
    assert_eq!(created.await.unwrap().status, StatusCode::OK);
    eventually("the sandbox on its host", async || {
        let id = world.get("/api/sandbox/web").await.id().parse().unwrap();
        (world.runner.state(id) == Observed::Started).then_some(())
    })
    .await;
}

#[tokio::test]
async fn after_thirty_seconds_the_answer_is_what_is_so() {
    let world = World::start().await;
    world.runner.hold_everything();
    let created = world.begin_create(&json!({"name": "web"}));
    world.until_state("web", "creating").await;
    // From here on time passes as fast as nothing happens.
    let begun = tokio::time::Instant::now();
    tokio::time::pause();
    let answer = created.await.unwrap();
    let waited = begun.elapsed();
    tokio::time::resume();
    assert_eq!((answer.status, &answer.body["state"]), (StatusCode::OK, &json!("creating")));
    assert!((28..=31).contains(&waited.as_secs()), "{waited:?}");
    world.runner.release();
    world.until_state("web", "started").await;
}
