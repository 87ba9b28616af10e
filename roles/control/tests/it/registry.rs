//! Registries: what is kept, what is shown, and who says what to whom.

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use paddock_registry::ImageReference;
use paddock_types::OrganizationId;
use serde_json::{Value, json};

use crate::world::World;

fn body(url: &str, password: &str) -> Value {
    json!({"name": "mine", "url": url, "username": "someone", "password": password, "project": "team"})
}

async fn own(world: &World) -> OrganizationId {
    world.get("/api/organizations").await.body[0]["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_registry_is_kept_shown_changed_and_removed_and_its_password_never_seen() {
    let world = World::start().await;
    let made = world.post("/api/docker-registry", body("https://GHCR.io/", "hunter2")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    for (key, value) in [
        ("name", "mine"),
        ("url", "GHCR.io"),
        ("username", "someone"),
        ("project", "team"),
        ("registryType", "organization"),
    ] {
        assert_eq!(made.body[key], value);
    }
    let path = format!("/api/docker-registry/{}", made.id());
    assert_eq!(world.get(&path).await.body, made.body);
    assert_eq!(world.get("/api/docker-registry").await.body, json!([made.body]));
    let change = json!({"name": "renamed", "url": "ghcr.io", "username": "other"});
    let changed = world.call(Method::PATCH, &path, &world.key, Some(change)).await;
    assert_eq!(
        (changed.status, &changed.body["name"], &changed.body["project"]),
        (StatusCode::OK, &json!("renamed"), &json!(""))
    );
    assert_eq!(changed.body["createdAt"], made.body["createdAt"]);
    for shown in [made.body, changed.body, world.get("/api/docker-registry").await.body] {
        assert!(!shown.to_string().contains("hunter2") && !shown.to_string().contains("assword"), "{shown}");
    }
    // Nor is it in the database, beside which the key lies.
    for entry in std::fs::read_dir(world.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
    assert_eq!(world.delete(&path).await.status, StatusCode::NO_CONTENT);
    for answer in [world.get(&path).await, world.delete(&path).await] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_registry_is_told() {
    let world = World::start().await;
    for (change, problem) in [
        (json!({"url": null}), "url must be given"),
        (json!({"url": ""}), "url must not be empty"),
        (json!({"url": "not a host"}), "not the address of a registry"),
        (json!({"url": "x".repeat(300)}), "at most 255"),
        (json!({"name": 7}), "name must be a string"),
        (json!({"username": "a:b"}), "colon"),
        (json!({"username": null}), "username must be given"),
        (json!({"password": null}), "password must be given"),
        (json!({"password": "x".repeat(20_000)}), "at most 16384"),
        (json!({"password": "a\0b"}), "NUL"),
    ] {
        let mut request = body("ghcr.io", "p");
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = world.post("/api/docker-registry", request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.message("/api/docker-registry");
        assert!(message.contains(problem), "{message}");
    }
    for id in ["nothing", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"] {
        let path = format!("/api/docker-registry/{id}");
        assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
        let answer = world.call(Method::PATCH, &path, &world.key, Some(body("ghcr.io", "p"))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(world.get("/api/docker-registry").await.body, json!([]));
}

#[tokio::test]
async fn an_organization_has_at_most_100_whoever_comes_first() {
    let world = World::start().await;
    join_all((0..98).map(|_| world.registry("ghcr.io"))).await;
    let answers = join_all((0..5).map(|_| world.post("/api/docker-registry", body("ghcr.io", "p")))).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 2);
    let refused = answers.iter().find(|answer| answer.status == StatusCode::BAD_REQUEST).unwrap();
    assert!(refused.message("/api/docker-registry").contains("quota"));
    let stranger = world.organization("Other").await;
    let theirs =
        world.call(Method::POST, "/api/docker-registry", &stranger, Some(body("ghcr.io", "p"))).await;
    assert_eq!(theirs.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_registry_of_an_image_is_told_the_organizations_own_credentials() {
    let mut world = World::start().await;
    let organization = own(&world).await;
    let stranger = world.organization("Other").await;
    world.call(Method::POST, "/api/docker-registry", &stranger, Some(body("quay.io", "theirs"))).await;
    world.registry("https://index.docker.io/v1/").await;
    let mut plain = body("registry.corp:5000", "plain");
    plain["project"] = json!("");
    world.post("/api/docker-registry", plain).await;
    world.post("/api/docker-registry", body("registry.corp:5000", "of the team")).await;
    // Also after a restart, with the key that was kept.
    world.restart_control().await;
    let password = async |image: &str| {
        let image: ImageReference = image.parse().unwrap();
        let found = world.control.registry_credentials_for(organization, &image).await.unwrap();
        found.map(|credentials| credentials.password)
    };
    assert_eq!(password("debian:12").await.as_deref(), Some("hunter2"));
    assert_eq!(password("registry.corp:5000/team/app:1").await.as_deref(), Some("of the team"));
    assert_eq!(password("registry.corp:5000/teams/app:1").await.as_deref(), Some("plain"));
    assert_eq!(password("registry.corp/team/app:1").await, None);
    assert_eq!(password("quay.io/team/app:1").await, None, "a stranger's are a stranger's");
}

#[tokio::test]
async fn a_password_stays_with_the_host_that_it_was_given_for() {
    let world = World::start().await;
    let organization = own(&world).await;
    let path = format!("/api/docker-registry/{}", world.registry("ghcr.io").await);
    let change = |url: &str, password: Value| {
        let change = json!({"name": "mine", "url": url, "username": "someone", "password": password});
        world.call(Method::PATCH, &path, &world.key, Some(change))
    };
    let refused = change("evil.example.com", Value::Null).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.message(&path).contains("password must be given"));
    assert_eq!(change("https://ghcr.io", Value::Null).await.status, StatusCode::OK);
    let image: ImageReference = "ghcr.io/a:1".parse().unwrap();
    let told = world.control.registry_credentials_for(organization, &image).await.unwrap().unwrap();
    assert_eq!(told.password, "hunter2");
    assert_eq!(change("quay.io", json!("another")).await.status, StatusCode::OK);
    assert!(world.control.registry_credentials_for(organization, &image).await.unwrap().is_none());
}

#[tokio::test]
async fn without_the_key_a_password_is_asked_for_again_and_all_else_works() {
    let mut world = World::start().await;
    let organization = own(&world).await;
    let path = format!("/api/docker-registry/{}", world.registry("ghcr.io").await);
    world.stop_control().await;
    std::fs::remove_file(world.directory.path().join("control.key")).unwrap();
    world.start_control().await;
    let image: ImageReference = "ghcr.io/a:1".parse().unwrap();
    let error = world.control.registry_credentials_for(organization, &image).await.unwrap_err();
    assert!(error.contains("set it again"), "{error}");
    let again = world.call(Method::PATCH, &path, &world.key, Some(body("ghcr.io", "fresh"))).await;
    assert_eq!(again.status, StatusCode::OK);
    let told = world.control.registry_credentials_for(organization, &image).await.unwrap().unwrap();
    assert_eq!(told.password, "fresh");
}
