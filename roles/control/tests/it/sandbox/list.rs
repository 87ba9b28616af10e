use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

fn names(body: &Value) -> Vec<String> {
    body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_walked_by_its_cursor() {
    let world = World::start().await;
    for number in 0..5 {
        world.sandbox(json!({"name": format!("box {number}")})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/sandbox?limit=2&sort=name&order=asc".to_owned();
    loop {
        let page = world.get(&path).await.body;
        seen.extend(names(&page));
        assert!(page.as_object().unwrap().contains_key("nextCursor"), "the key is always there");
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/sandbox?limit=2&sort=name&order=asc&cursor={cursor}");
    }
    assert_eq!(seen, ["box 0", "box 1", "box 2", "box 3", "box 4"]);
}

#[tokio::test]
async fn the_newest_use_comes_first_and_items_have_what_a_client_needs() {
    let world = World::start().await;
    world.sandbox(json!({"name": "first"})).await;
    let created = world.get("/api/sandbox/first").await.body["lastActivityAt"].clone();
    world.until_later_than(&created).await;
    world.sandbox(json!({"name": "second"})).await;
    let body = world.get("/api/sandbox?labels=null").await.body;
    assert_eq!(names(&body), ["second", "first"]);
    let item = &body["items"][0];
    for key in ["id", "organizationId", "name", "target", "user", "labels", "toolboxProxyUrl", "state"] {
        assert!(!item[key].is_null(), "{key}");
    }
    for key in ["env", "kvm", "volumes"] {
        assert!(item.get(key).is_none(), "{key} is not for lists");
    }
}

#[tokio::test]
async fn filters_of_the_wire_reach_the_store() {
    let world = World::start().await;
    world.sandbox(json!({"name": "Alpha", "snapshot": "paddock-large", "public": true})).await;
    let beta = world.sandbox(json!({"name": "beta", "labels": {"team": "blue"}, "ttlMinutes": 60})).await;
    let start = world.get("/api/sandbox/Alpha").await.body["createdAt"].as_str().unwrap().to_owned();
    world.post("/api/sandbox/beta/stop", Value::Null).await;
    world.until_state("beta", "stopped").await;
    let prefix = &beta[..10];
    let cases = [
        ("".to_owned(), "Alpha beta"),
        ("name=ALP".to_owned(), "Alpha"),
        (format!("id={prefix}"), "beta"),
        ("states=stopped".to_owned(), "beta"),
        ("states[]=stopped&states=started".to_owned(), "Alpha beta"),
        ("states=destroyed".to_owned(), ""),
        ("snapshots=paddock-large".to_owned(), "Alpha"),
        ("regionIds=local".to_owned(), "Alpha beta"),
        ("regionIds=mars".to_owned(), ""),
        ("sandboxClasses=container".to_owned(), "Alpha beta"),
        ("sandboxClasses=windows".to_owned(), ""),
        ("minCpu=2".to_owned(), "Alpha"),
        ("maxCpu=3.0".to_owned(), "beta"),
        ("minCpu=1.5&maxCpu=4.5".to_owned(), "Alpha"),
        ("minMemoryGiB=8&maxDiskGiB=10".to_owned(), "Alpha"),
        ("minGpu=0&maxGpu=0".to_owned(), "Alpha beta"),
        ("minGpu=1".to_owned(), ""),
        ("isPublic=true".to_owned(), "Alpha"),
        ("isPublic=false".to_owned(), "beta"),
        ("isRecoverable=true".to_owned(), ""),
        ("labels=%7B%22team%22%3A+%22blue%22%7D".to_owned(), "beta"),
        (format!("createdAtAfter={start}"), "Alpha beta"),
        ("createdAtBefore=2020-01-01T00:00:00.000006%2B0000".to_owned(), ""),
        ("lastEventAfter=2099-01-01".to_owned(), ""),
        ("autoDestroyAtAfter=2020-01-01T00:00:00Z".to_owned(), "beta"),
        ("autoDestroyAtBefore=2020-01-01T00:00:00Z".to_owned(), ""),
        ("autoDestroyAtBefore=2099-01-01T00:00:00Z".to_owned(), "beta"),
        ("includeWarm=true&includeErroredDeleted=true".to_owned(), "Alpha beta"),
    ];
    for (query, expected) in cases {
        let answer = world.get(&format!("/api/sandbox?sort=name&order=asc&{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        assert_eq!(names(&answer.body).join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn bad_queries_are_refused_and_name_what_is_wrong() {
    let world = World::start().await;
    world.sandbox(json!({})).await;
    world.sandbox(json!({})).await;
    let page = world.get("/api/sandbox?limit=1&sort=createdAt").await.body;
    let cursor = page["nextCursor"].as_str().unwrap();
    let deep = "%7B%22a%22%3A".repeat(200);
    for (query, word) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=x", "cursor"),
        (&format!("sort=name&cursor={cursor}"), "cursor"),
        ("states=running", "states"),
        ("labels=%7B", "labels"),
        (&format!("labels={deep}"), "labels"),
        ("labels=%7B%22a%22%3A1%7D", "labels"),
        ("sort=memoryGiB", "sort"),
        ("order=upwards", "order"),
        ("minCpu=0", "minCpu"),
        ("minCpu=999999999999999999999", "minCpu"),
        ("isPublic=maybe", "isPublic"),
        ("createdAtAfter=yesterday", "createdAtAfter"),
        ("sandboxClasses=vm", "sandboxClasses"),
        ("name=%00", "name"),
        (&format!("name={}", "x".repeat(300)), "name"),
    ] {
        let answer = world.get(&format!("/api/sandbox?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.message("/api/sandbox").contains(word), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn a_list_is_of_ones_own_organization() {
    let world = World::start().await;
    world.sandbox(json!({"name": "mine"})).await;
    let stranger = world.organization("Other").await;
    let list = world.call(Method::GET, "/api/sandbox", &stranger, None).await;
    assert_eq!((list.status, &list.body["items"]), (StatusCode::OK, &json!([])));
}

#[tokio::test]
async fn a_list_is_sorted_by_everything_that_it_can_be() {
    let world = World::start().await;
    world.sandbox(json!({"name": "Alpha", "snapshot": "paddock-large"})).await;
    let made = world.get("/api/sandbox/Alpha").await.body["lastActivityAt"].clone();
    world.until_later_than(&made).await;
    world.sandbox(json!({"name": "beta"})).await;
    for (sort, expected) in [
        ("name", "Alpha beta"),
        ("cpu", "beta Alpha"),
        ("memoryGib", "beta Alpha"),
        ("diskGib", "beta Alpha"),
        ("lastActivityAt", "Alpha beta"),
        ("createdAt", "Alpha beta"),
    ] {
        let upwards = world.get(&format!("/api/sandbox?sort={sort}&order=asc")).await.body;
        assert_eq!(names(&upwards).join(" "), expected, "{sort}");
        let downwards = world.get(&format!("/api/sandbox?sort={sort}")).await.body;
        let reversed: Vec<&str> = expected.split(' ').rev().collect();
        assert_eq!(names(&downwards), reversed, "{sort}: descending unless said");
    }
}
