use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn pages_are_numbered_and_hold_whole_sandboxes() {
    let world = World::start().await;
    for number in 0..3 {
        world.sandbox(json!({"name": format!("box {number}"), "env": {"A": "1"}})).await;
    }
    let page = world.get("/api/sandbox/paginated?page=2&limit=2&sort=name&order=asc&labels=null").await;
    assert_eq!(page.status, StatusCode::OK);
    let body = page.body;
    assert_eq!((&body["total"], &body["page"], &body["totalPages"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    assert_eq!((&body["items"][0]["name"], &body["items"][0]["env"]), (&json!("box 2"), &json!({"A": "1"})));
    let found = world.get("/api/sandbox/paginated?name=OX%201&regions=local").await.body;
    assert_eq!(found["items"][0]["name"], "box 1", "a part of the name, in any case");
    let empty = world.get("/api/sandbox/paginated?name=nothing").await.body;
    assert_eq!((&empty["total"], &empty["totalPages"], &empty["items"]), (&json!(0), &json!(0), &json!([])));
    for query in ["page=0", "page=x", "limit=0", "sort=cpu", "page=99999999999"] {
        let answer = world.get(&format!("/api/sandbox/paginated?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

/// Names, in the order of the answer.
async fn names(world: &World, query: &str) -> String {
    let answer = world.get(&format!("/api/sandbox/paginated?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// Two sandboxes that differ in everything by which numbered pages can tell.
async fn alpha_and_beta(world: &World) -> String {
    world.sandbox(json!({"name": "Alpha", "snapshot": "paddock-large", "labels": {"team": "red"}})).await;
    let made = world.get("/api/sandbox/Alpha").await.body["lastActivityAt"].clone();
    world.until_later_than(&made).await;
    let beta = world.sandbox(json!({"name": "beta", "labels": {"team": "blue", "tier": "1"}})).await;
    world.post("/api/sandbox/beta/stop", serde_json::Value::Null).await;
    world.until_state("beta", "stopped").await;
    beta
}

#[tokio::test]
async fn every_filter_of_numbered_pages_keeps_what_it_says() {
    let world = World::start().await;
    let beta = alpha_and_beta(&world).await;
    let middle = &beta[5..20].to_uppercase();
    let used = world.get("/api/sandbox/beta").await.body["lastActivityAt"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("", "Alpha beta"),
        ("name=LPH", "Alpha"),
        (&format!("id={middle}"), "beta"),
        ("labels=%7B%22team%22%3A%22blue%22%2C%22tier%22%3A%221%22%7D", "beta"),
        ("labels=%7B%22team%22%3A%22blue%22%2C%22tier%22%3A%222%22%7D", ""),
        ("labels=null", "Alpha beta"),
        ("includeErroredDeleted=true", "Alpha beta"),
        ("states=stopped", "beta"),
        ("states=started&states=stopped", "Alpha beta"),
        ("states=destroyed", ""),
        ("snapshots=paddock-large", "Alpha"),
        ("snapshots=paddock-large&snapshots[]=paddock-small", "Alpha beta"),
        ("regions=local", "Alpha beta"),
        ("regions=mars", ""),
        ("minCpu=2", "Alpha"),
        ("minCpu=1.5", "Alpha"),
        ("maxCpu=3.9", "beta"),
        ("minMemoryGiB=8", "Alpha"),
        ("maxMemoryGiB=7", "beta"),
        ("minDiskGiB=4", "Alpha"),
        ("maxDiskGiB=3", "beta"),
        (&format!("lastEventAfter={used}"), "beta"),
        (&format!("lastEventBefore={used}"), "Alpha beta"),
        ("lastEventBefore=2020-01-01T00%3A00%3A00Z", ""),
    ] {
        assert_eq!(names(&world, &format!("sort=name&order=asc&{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn numbered_pages_are_sorted_by_everything_that_they_can_be() {
    let world = World::start().await;
    let beta = alpha_and_beta(&world).await;
    let alpha = world.get("/api/sandbox/Alpha").await.id();
    assert_eq!(names(&world, "").await, "beta Alpha", "the newest first");
    let by_id = if alpha < beta { "Alpha beta" } else { "beta Alpha" };
    for (sort, expected) in [
        ("id", by_id),
        ("name", "Alpha beta"),
        ("state", "Alpha beta"),
        ("snapshot", "Alpha beta"),
        ("region", by_id),
        ("updatedAt", "Alpha beta"),
        ("createdAt", "Alpha beta"),
        ("lastActivityAt", "Alpha beta"),
    ] {
        assert_eq!(names(&world, &format!("sort={sort}&order=asc")).await, expected, "{sort}");
        let reversed: Vec<&str> = expected.split(' ').rev().collect();
        assert_eq!(names(&world, &format!("sort={sort}&order=desc")).await, reversed.join(" "), "{sort}");
    }
}
