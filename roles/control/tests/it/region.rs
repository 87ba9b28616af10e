use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_one_region_is_found_everywhere() {
    let world = World::start().await;
    let shared = world.call(Method::GET, "/api/shared-regions", "", None).await;
    assert_eq!(shared.status, StatusCode::OK);
    let region = &shared.body[0];
    assert_eq!(
        (&region["id"], &region["name"], &region["regionType"]),
        (&json!("local"), &json!("local"), &json!("shared"))
    );
    assert_eq!(world.get("/api/regions").await.body, shared.body);
    assert_eq!(world.get("/api/regions/local").await.body, *region);
    assert_eq!(world.get("/api/regions/mars").await.status, StatusCode::NOT_FOUND);
}
