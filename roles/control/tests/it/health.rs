use axum::http::{Method, StatusCode};
use paddock_testkit::eventually;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn liveness_is_public_and_readiness_says_what_is_down() {
    let mut world = World::start().await;
    let live = world.call(Method::GET, "/api/health", "", None).await;
    assert_eq!((live.status, live.body), (StatusCode::OK, json!({"status": "ok"})));
    let ready = world.get("/api/health/ready").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.body["info"], json!({"database": {"status": "up"}, "runner": {"status": "up"}}));
    world.runner.stop();
    let down = eventually("the runner to be missed", async || {
        let answer = world.get("/api/health/ready").await;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    assert_eq!(
        (&down.body["status"], &down.body["error"]["runner"]["status"]),
        (&json!("error"), &json!("down"))
    );
    assert_eq!(down.body["details"]["database"], json!({"status": "up"}));
    world.runner.restart();
    world.until_ready().await;
}
