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
    let mut exercised = BTreeSet::new();
    let mut all = operations(&world, &sandbox).await;
    // What ends the sandbox comes last, and a start after the stop.
    all.sort_by_key(|operation| match operation.id.as_str() {
        "stopSandbox" => 1,
        "startSandbox" => 2,
        "deleteSandbox" => 3,
        _ => 0,
    });
    for operation in all {
        let body: Option<Value> = match operation.id.as_str() {
            "createSandbox" => Some(json!({})),
            "replaceLabels" => Some(json!({"labels": {"a": "b"}})),
            "createApiKey" => Some(json!({"name": "fresh", "permissions": ["write:sandboxes"]})),
            "adminCreateOrganization" => Some(json!({"name": "Other"})),
            "getApiKey" | "deleteApiKey" | "deleteApiKeyForUser" => {
                spare().await;
                None
            }
            "startSandbox" => {
                world.until_state(&sandbox, "stopped").await;
                None
            }
            _ => None,
        };
        let template = document["paths"].as_object().unwrap().values().find_map(|methods| {
            methods.as_object().unwrap().values().find(|found| found["operationId"] == operation.id.as_str())
        });
        let declared = template.unwrap()["responses"].as_object().unwrap();
        let answer = world.call(operation.method, &operation.path, &world.key, body).await;
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
