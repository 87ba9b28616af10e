//! What is heard of snapshots.

use serde_json::json;

use super::Stream;
use crate::world::World;

#[tokio::test]
async fn a_snapshot_of_a_sandbox_is_heard_of_from_its_wish_to_its_end() {
    let world = World::start().await;
    let address = world.serve().await;
    let id = world.sandbox(json!({})).await;
    let stranger = world.organization("Other").await;
    let mut theirs = Stream::listen(address, &stranger).await;
    let mut mine = Stream::listen(address, &world.key).await;
    world.post(&format!("/api/sandbox/{id}/snapshot"), json!({"name": "base"})).await;
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let event = mine.event().await;
        let payload = &event.payload;
        heard.push(match event.name.as_str() {
            "snapshot.created" => {
                assert_eq!(payload["sourceSandboxId"], json!(id));
                format!("created {}", payload["state"].as_str().unwrap())
            }
            "snapshot.state.updated" => {
                assert_eq!(payload["snapshot"]["state"], payload["newState"]);
                format!("snapshot {}", payload["newState"].as_str().unwrap())
            }
            _ => format!("sandbox {}", payload["newState"].as_str().unwrap()),
        });
    }
    let expected = ["sandbox snapshotting", "created snapshotting", "snapshot active", "sandbox started"];
    assert_eq!(heard, expected);
    world.delete("/api/snapshots/base").await;
    let going = mine.event().await;
    assert_eq!(
        (going.name.as_str(), &going.payload["newState"]),
        ("snapshot.state.updated", &json!("removing"))
    );
    let gone = mine.event().await;
    assert_eq!((gone.name.as_str(), &gone.payload["name"]), ("snapshot.removed", &json!("base")));
    assert_eq!(theirs.event_now().await, None);
}
