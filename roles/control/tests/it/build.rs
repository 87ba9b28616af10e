//! Snapshots and sandboxes of images and builds, as far as no sandbox has to run for them: the fake runner unpacks nothing.

use axum::http::Method;
use paddock_registry::{Client, RegistryHost, Settings};
use paddock_testkit::eventually;
use paddock_testkit::images::{Compression, Image, Tar};
use paddock_testkit::registry::{PASSWORD, Registry, USER};
use serde_json::json;

use crate::world::World;

/// A world that may ask a registry on this host.
async fn beside(registry: &Registry) -> World {
    let insecure = [RegistryHost::from_url(registry.host()).unwrap()].into();
    let client = Client::new(Settings { insecure, ..Settings::default() }).unwrap();
    let world = World::start_with_registries(client).await;
    world.until_ready().await;
    world
}

fn image(content: &str) -> Image {
    Image::new()
        .layer(Tar::default().file("hello", 0o644, content), Compression::Gzip)
        .config("Env", vec!["A=1", "PATH=/bin"])
        .config("Entrypoint", vec!["/hello"])
        .config("Cmd", vec!["there"])
        .config("User", "web:staff")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_an_image_has_its_layers_and_what_it_says() {
    let registry = Registry::start();
    registry.push(&image("one"), "team/app:1.0");
    let world = beside(&registry).await;
    let name = format!("{}/team/app:1.0", registry.host());
    let made = world
        .post("/api/snapshots", json!({"name": "app", "imageName": name, "cpu": 2, "memory": 3, "disk": 4}))
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!((&made.body["state"], &made.body["imageName"]), (&json!("pending"), &json!(name)));
    let app = world.until_snapshot("app", "active").await;
    assert_eq!(app["entrypoint"], json!(["/hello", "there"]));
    assert_eq!(
        (&app["cpu"], &app["mem"], &app["disk"], &app["size"]),
        (&json!(2), &json!(3), &json!(4), &json!(1.0))
    );

    let sandbox = world.post("/api/sandbox", json!({"snapshot": "app", "env": {"B": "2"}})).await;
    assert_eq!(sandbox.body["user"], "web", "{sandbox:?}");
    let wishes = world.runner.wishes();
    let spec = &wishes.last().unwrap().1.spec;
    assert_eq!(
        (spec.image.env.as_slice(), spec.image.arguments.as_slice()),
        (&["A=1".to_owned(), "PATH=/bin".to_owned()][..], &["/hello".to_owned(), "there".to_owned()][..])
    );
    assert_eq!((spec.root.layers.len(), spec.root.to_string().starts_with("empty+")), (1, true));

    // The maker's own wish for what is run wins.
    let other = json!({"name": "other", "imageName": name, "entrypoint": ["sleep", "infinity"]});
    assert_eq!(world.post("/api/snapshots", other).await.status, 200);
    assert_eq!(world.until_snapshot("other", "active").await["entrypoint"], json!(["sleep", "infinity"]));

    // Its layers go when nothing is made of them any more, and not before.
    assert_eq!(world.delete("/api/snapshots/app").await.status, 200);
    assert_eq!(world.delete("/api/snapshots/other").await.status, 200);
    world.until_later_than(&sandbox.body["createdAt"]).await;
    assert_eq!(world.layers_on_record(), 1, "a sandbox is made of it");
    assert_eq!(world.delete(&format!("/api/sandbox/{}", sandbox.id())).await.status, 200);
    eventually("the layer to go", async || (world.layers_on_record() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_an_error_that_says_why() {
    let registry = Registry::start_private();
    let world = beside(&registry).await;
    let of = |name: &str, image: String| json!({"name": name, "imageName": image});
    assert_eq!(
        world.post("/api/snapshots", of("denied", format!("{}/a:1", registry.host()))).await.status,
        200
    );
    let denied = world.until_snapshot("denied", "error").await;
    let reason = denied["errorReason"].as_str().unwrap();
    assert!(reason.contains("denied") || reason.contains("credentials"), "{reason}");
    // With the right words at hand it is there.
    registry.push(&image("secret"), "a:1");
    let known = json!({"name": "r", "url": registry.host(), "username": USER, "password": PASSWORD});
    assert_eq!(world.post("/api/docker-registry", known).await.status, 201);
    assert_eq!(
        world.post("/api/snapshots", of("allowed", format!("{}/a:1", registry.host()))).await.status,
        200
    );
    world.until_snapshot("allowed", "active").await;
    // For nobody else.
    let stranger = world.organization("other").await;
    let body = of("mine", format!("{}/a:1", registry.host()));
    assert_eq!(world.call(Method::POST, "/api/snapshots", &stranger, Some(body)).await.status, 200);
    eventually("the stranger to be denied", async || {
        let found = world.call(Method::GET, "/api/snapshots/mine", &stranger, None).await.body;
        (found["state"] == "error").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_snapshot_is_refused_by_name() {
    let world = World::start().await;
    for (body, words) in [
        (json!({}), "name"),
        (json!({"name": "a b", "imageName": "x:1"}), "name"),
        (json!({"name": "a"}), "imageName or buildInfo"),
        (json!({"name": "a", "imageName": "x"}), "tag"),
        (json!({"name": "a", "imageName": "x:latest"}), "latest"),
        (json!({"name": "a", "imageName": "UPPER:1"}), "imageName"),
        (json!({"name": "a", "imageName": "x:1", "buildInfo": {"dockerfileContent": "FROM x"}}), "exclude"),
        (
            json!({"name": "a", "entrypoint": ["x"], "buildInfo": {"dockerfileContent": "FROM x"}}),
            "entrypoint",
        ),
        (json!({"name": "a", "imageName": "x:1", "cpu": 100}), "cpu"),
        (json!({"name": "a", "imageName": "x:1", "gpu": 1}), "GPU"),
        (json!({"name": "a", "imageName": "x:1", "sandboxClass": "windows"}), "class"),
    ] {
        let answer = world.post("/api/snapshots", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let message = answer.message("/api/snapshots");
        assert!(message.contains(words), "{body}: {message}");
    }
    let build = json!({"dockerfileContent": "FROM scratch"});
    assert_eq!(world.post("/api/snapshots", json!({"name": "a", "buildInfo": build})).await.status, 200);
    assert_eq!(world.post("/api/snapshots", json!({"name": "a", "buildInfo": build})).await.status, 409);
    let shared = world.post("/api/snapshots/paddock-small/deactivate", json!(null)).await;
    assert_eq!(shared.status, 403, "{shared:?}");
}

#[tokio::test]
async fn a_build_that_fails_says_why_and_is_never_started() {
    let world = World::start().await;
    for (dockerfile, words) in [
        ("FROM scratch\nINSTALL x", "line 2: unknown instruction"),
        ("RUN x", "before the first FROM"),
        ("FROM scratch\nCOPY x /y", "not found in the build context"),
        ("FROM scratch\nADD http://example.com/x /y", "addresses are not available"),
        ("FROM --platform=windows/amd64 scratch", "windows/amd64"),
    ] {
        let build = json!({"dockerfileContent": dockerfile});
        let made = world.post("/api/sandbox", json!({"buildInfo": build})).await;
        assert_eq!(
            (made.status.as_u16(), &made.body["state"]),
            (200, &json!("pending_build")),
            "{dockerfile}"
        );
        let id = made.id();
        let failed = eventually("the build to fail", async || {
            let shown = world.get(&format!("/api/sandbox/{id}")).await.body;
            (shown["state"] == "build_failed").then_some(shown)
        })
        .await;
        let reason = failed["errorReason"].as_str().unwrap();
        assert!(reason.contains(words), "{dockerfile}: {reason}");
        let log = world.get(&format!("/api/sandbox/{id}/build-logs?follow=true")).await;
        assert!(log.body["not JSON"].as_str().unwrap().contains("ERROR"), "{log:?}");
        let name = format!("s{}", id.get(..8).unwrap());
        assert_eq!(world.post("/api/snapshots", json!({"name": name, "buildInfo": build})).await.status, 200);
        assert_eq!(world.until_snapshot(&name, "build_failed").await["errorReason"], failed["errorReason"]);
        assert_eq!(world.delete(&format!("/api/sandbox/{id}")).await.status, 200);
    }
    assert!(
        world.runner.wishes().iter().all(|(_, wish)| wish.desired == paddock_wire_runner::Desired::Absent)
    );
}

#[tokio::test]
async fn a_build_of_nothing_is_a_sandbox_of_nothing_whatever_control_does_meanwhile() {
    let mut world = World::start().await;
    let build = json!({"dockerfileContent": "FROM scratch\nENV A=1\nENTRYPOINT [\"/x\"]\nUSER nobody"});
    let made = world.post("/api/sandbox", json!({"name": "n", "buildInfo": build, "cpu": 2})).await;
    let id = made.id();
    world.crash_control().await;
    world.until_ready().await;
    world.until_state(&id, "started").await;
    let shown = world.get("/api/sandbox/n").await.body;
    assert_eq!(
        (&shown["user"], &shown["cpu"], &shown["state"]),
        (&json!("nobody"), &json!(2), &json!("started"))
    );
    assert_eq!(shown["buildInfo"]["dockerfileContent"], build["dockerfileContent"]);
    let url = world.get(&format!("/api/sandbox/{id}/build-logs-url")).await.body;
    assert_eq!(url["url"], format!("http://box.test:3000/api/sandbox/{id}/build-logs"));
    let spec = world.runner.wishes().last().unwrap().1.spec.clone();
    assert_eq!(spec.image.arguments, ["/x"]);
    assert_eq!(spec.root.to_string(), "empty");
    // Nothing of what belongs to builds is anybody's.
    assert_eq!(world.get("/api/organizations").await.body.as_array().unwrap().len(), 1);
    assert_eq!(world.get("/api/snapshots").await.body["total"], 3);
}

#[tokio::test]
async fn a_snapshot_is_taken_off_the_hosts_and_brought_back() {
    let world = World::start().await;
    let build = json!({"dockerfileContent": "FROM scratch"});
    assert_eq!(world.post("/api/snapshots", json!({"name": "a", "buildInfo": build})).await.status, 200);
    world.until_snapshot("a", "active").await;
    assert_eq!(world.post("/api/snapshots/a/activate", json!(null)).await.status, 400, "it is active");
    for _ in 0..2 {
        assert_eq!(world.post("/api/snapshots/a/deactivate", json!(null)).await.status, 204);
    }
    assert_eq!(world.get("/api/snapshots/a").await.body["state"], "inactive");
    let refused = world.post("/api/sandbox", json!({"snapshot": "a"})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.message("/api/sandbox").contains("inactive"), "{refused:?}");
    let early = world.post("/api/snapshots/a/activate", json!(null)).await;
    assert!(early.message("/api/snapshots/a/activate").contains("10 minutes"), "{early:?}");
    world.forget_when_deactivated("a");
    assert_eq!(world.post("/api/snapshots/a/activate", json!(null)).await.body["state"], "pending");
    world.until_snapshot("a", "active").await;
    let sandbox = world.post("/api/sandbox", json!({"snapshot": "a"})).await;
    assert_eq!(sandbox.status, 200, "{sandbox:?}");
}
