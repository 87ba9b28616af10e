//! Every operation of the document, asked by one who may: it answers with the status that it declares.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::authorization::operations;
use crate::world::World;

#[tokio::test]
async fn every_operation_answers_as_it_declares() {
    let world = World::start().await;
    let sandbox = world.sandbox(json!({"name": "web"})).await;
    let spare = || world.post("/api/api-keys", json!({"name": "spare", "permissions": []}));
    let document = serde_json::to_value(paddock_control::openapi()).unwrap();
    let build = json!({"dockerfileContent": "FROM scratch"});
    let built = world.post("/api/sandbox", json!({"name": "built", "buildInfo": build})).await.id();
    world.until_state(&built, "started").await;
    let of_build = world.post("/api/snapshots", json!({"name": "of-a-build", "buildInfo": build})).await;
    assert_eq!(of_build.status, 200, "{of_build:?}");
    world.until_snapshot("of-a-build", "active").await;
    let mut exercised = BTreeSet::new();
    let mut all = operations(&world, &sandbox).await;
    // Each in a state in which it is legal; what ends the sandbox comes last.
    const ORDER: [&str; 19] = [
        "getBuildLogs",
        "deactivateSnapshot",
        "activateSnapshot",
        "deleteRegistry",
        "deleteWarmPool",
        "createBackup",
        "createSandboxSnapshot",
        "removeSnapshot",
        "resizeSandbox",
        "pauseSandbox",
        "stopSandbox",
        "archiveSandbox",
        "startSandbox",
        "recoverSandbox",
        "forkSandbox",
        "getSandboxForks",
        "getSandboxParent",
        "deleteVolume",
        "deleteSandbox",
    ];
    all.sort_by_key(|operation| ORDER.iter().position(|id| *id == operation.id).map_or(0, |place| place + 1));
    let mut sandbox = sandbox;
    for operation in all {
        let mut path = operation.path.clone();
        let body: Option<Value> = match operation.id.as_str() {
            "createSandbox" => Some(json!({})),
            "replaceLabels" => Some(json!({"labels": {"a": "b"}})),
            "createApiKey" => Some(json!({"name": "fresh", "permissions": ["write:sandboxes"]})),
            "createWarmPool" => Some(json!({"snapshot": "paddock-medium", "pool": 1})),
            "createRegistry" | "updateRegistry" => {
                Some(json!({"name": "r", "url": "ghcr.io", "username": "someone", "password": "secret"}))
            }
            "updateWarmPool" => Some(json!({"pool": 1})),
            "adminCreateOrganization" => Some(json!({"name": "Other"})),
            "getApiKey" | "deleteApiKey" | "deleteApiKeyForUser" => {
                spare().await;
                None
            }
            "resizeSandbox" => {
                world.until_settled(&sandbox).await;
                Some(json!({"cpu": 2}))
            }
            "createSandboxSnapshot" => {
                world.until_settled(&sandbox).await;
                Some(json!({"name": "taken"}))
            }
            "removeSnapshot" => {
                path = path.replace("paddock-small", "taken");
                None
            }
            "createSnapshot" => {
                Some(json!({"name": "another", "buildInfo": {"dockerfileContent": "FROM scratch"}}))
            }
            "getBuildLogs" | "getBuildLogsUrl" => {
                path = path.replace(&sandbox, &built);
                None
            }
            "getSnapshotBuildLogs" | "getSnapshotBuildLogsUrl" | "deactivateSnapshot" => {
                path = path.replace("paddock-small", "of-a-build");
                None
            }
            "activateSnapshot" => {
                path = path.replace("paddock-small", "of-a-build");
                world.forget_when_deactivated("of-a-build");
                None
            }
            "recoverSandbox" => {
                world.until_state(&sandbox, "started").await;
                world.fail(&sandbox).await;
                None
            }
            "getSandboxParent" => {
                // Of the one that the fork made.
                let forks = world.get(&format!("/api/sandbox/{sandbox}/forks")).await.body;
                let child = forks[0]["id"].as_str().unwrap().to_owned();
                path = path.replace(&sandbox, &child);
                sandbox = child;
                None
            }
            "deleteSandbox" => {
                path = format!("/api/sandbox/{sandbox}");
                None
            }
            _ => {
                world.until_settled(&sandbox).await;
                None
            }
        };
        let template = document["paths"].as_object().unwrap().values().find_map(|methods| {
            methods.as_object().unwrap().values().find(|found| found["operationId"] == operation.id.as_str())
        });
        let declared = template.unwrap()["responses"].as_object().unwrap();
        let answer = world.call(operation.method, &path, &world.key, body).await;
        assert!(answer.status.is_success(), "{}: {answer:?}", operation.id);
        let declaration = declared.get(answer.status.as_str());
        let declaration =
            declaration.unwrap_or_else(|| panic!("{} does not declare {}", operation.id, answer.status));
        assert_eq!(
            declaration.get("content").is_none(),
            answer.body.is_null(),
            "{}: {answer:?}",
            operation.id
        );
        assert!(exercised.insert(operation.id.clone()), "{} is there twice", operation.id);
    }
    assert!(exercised.len() >= 24, "{exercised:?}");
}
