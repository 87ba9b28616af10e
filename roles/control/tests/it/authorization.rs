//! Every operation of the document, asked by those who may not.

use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

/// Operations that anybody may call.
const PUBLIC: &[&str] = &["ConfigController_getConfig", "HealthController_live", "listSharedRegions"];

/// The permission that an operation needs beyond membership.
const PERMISSIONS: &[(&str, &str)] = &[
    ("createSandbox", "write:sandboxes"),
    ("deleteSandbox", "delete:sandboxes"),
    ("startSandbox", "write:sandboxes"),
    ("stopSandbox", "write:sandboxes"),
    ("replaceLabels", "write:sandboxes"),
    ("pauseSandbox", "write:sandboxes"),
    ("archiveSandbox", "write:sandboxes"),
    ("createBackup", "write:sandboxes"),
    ("recoverSandbox", "write:sandboxes"),
    ("resizeSandbox", "write:sandboxes"),
    ("forkSandbox", "write:sandboxes"),
    ("createSandboxSnapshot", "write:sandboxes"),
    ("createSnapshot", "write:snapshots"),
    ("activateSnapshot", "write:snapshots"),
    ("deactivateSnapshot", "write:snapshots"),
    ("removeSnapshot", "delete:snapshots"),
    ("setAutostopInterval", "write:sandboxes"),
    ("setAutoPauseInterval", "write:sandboxes"),
    ("setAutoArchiveInterval", "write:sandboxes"),
    ("setAutoDeleteInterval", "write:sandboxes"),
    ("setTtl", "write:sandboxes"),
    ("updatePublicStatus", "write:sandboxes"),
    ("updateLastActivity", "write:sandboxes"),
    ("getSandboxSigningKey", "write:sandboxes"),
    ("rotateSigningKey", "write:sandboxes"),
    ("createWarmPool", "write:sandboxes"),
    ("updateWarmPool", "write:sandboxes"),
    ("deleteWarmPool", "write:sandboxes"),
    ("listVolumes", "read:volumes"),
    ("getVolume", "read:volumes"),
    ("getVolumeByName", "read:volumes"),
    ("createVolume", "write:volumes"),
    ("deleteVolume", "delete:volumes"),
    ("createRegistry", "write:registries"),
    ("updateRegistry", "write:registries"),
    ("deleteRegistry", "delete:registries"),
    ("listApiKeys", "manage:api_keys"),
    ("createApiKey", "manage:api_keys"),
    ("getApiKey", "manage:api_keys"),
    ("deleteApiKey", "manage:api_keys"),
    ("deleteApiKeyForUser", "manage:api_keys"),
];

/// Operations on an object of an organization, which a stranger must not find.
const OWNED: &[&str] = &[
    "getBuildLogs",
    "getBuildLogsUrl",
    "getSandbox",
    "deleteSandbox",
    "startSandbox",
    "stopSandbox",
    "replaceLabels",
    "pauseSandbox",
    "archiveSandbox",
    "createBackup",
    "recoverSandbox",
    "resizeSandbox",
    "forkSandbox",
    "createSandboxSnapshot",
    "setAutostopInterval",
    "setAutoPauseInterval",
    "setAutoArchiveInterval",
    "setAutoDeleteInterval",
    "setTtl",
    "updatePublicStatus",
    "getSandboxForks",
    "getSandboxParent",
    "getSandboxAncestors",
    "updateLastActivity",
    "getToolboxProxyUrl",
    "getPortPreviewUrl",
    "getSandboxSigningKey",
    "rotateSigningKey",
    "updateWarmPool",
    "deleteWarmPool",
    "getRegistry",
    "updateRegistry",
    "deleteRegistry",
    "getVolume",
    "getVolumeByName",
    "deleteVolume",
    "getOrganization",
    "getApiKey",
    "deleteApiKey",
    "deleteApiKeyForUser",
];

/// One operation of the document with the parameters of its path filled in.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
}

/// Every operation of the document, about the objects of `world`.
pub(crate) async fn operations(world: &World, sandbox: &str) -> Vec<Operation> {
    let organization = world.get("/api/organizations").await.body[0]["id"].as_str().unwrap().to_owned();
    let user = world.get("/api/users/me").await.id();
    let pool = match world.get("/api/warm-pools").await.body[0]["id"].as_str() {
        Some(id) => id.to_owned(),
        None => world.warm_pool("paddock-large", 1).await,
    };
    let volume = match world.get("/api/volumes/by-name/spare").await {
        found if found.status == StatusCode::OK => found.id(),
        _ => world.volume("spare").await,
    };
    let registry = match world.get("/api/docker-registry").await.body[0]["id"].as_str() {
        Some(id) => id.to_owned(),
        None => world.registry("ghcr.io").await,
    };
    let document = serde_json::to_value(paddock_control::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let filled = match path.as_str() {
                path if path.starts_with("/snapshots") => path.replace("{id}", "paddock-small"),
                path if path.starts_with("/warm-pools") => path.replace("{id}", &pool),
                path if path.starts_with("/docker-registry") => path.replace("{id}", &registry),
                path if path.starts_with("/regions") => path.replace("{id}", "local"),
                path => path.to_owned(),
            };
            let filled = filled
                .replace("{sandboxIdOrName}", sandbox)
                .replace("{sandboxId}", sandbox)
                .replace("{volumeId}", &volume)
                .replace("{organizationId}", &organization)
                .replace("{userId}", &user)
                .replace("{port}", "3000")
                .replace("autodelete/{interval}", "autodelete/-1")
                .replace("{interval}", "0")
                .replace("{ttlMinutes}", "0")
                .replace("{isPublic}", "false")
                .replace("{name}", "spare");
            assert!(!filled.contains('{'), "{filled}: a parameter that this test does not know");
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: format!("/api{filled}"),
            });
        }
    }
    operations
}

/// A body that is right for the operation.
fn body(id: &str) -> Option<Value> {
    match id {
        "replaceLabels" => Some(json!({"labels": {}})),
        "resizeSandbox" => Some(json!({"cpu": 2})),
        "createSandboxSnapshot" => Some(json!({"name": "taken"})),
        "createSnapshot" => Some(json!({"name": "made", "buildInfo": {"dockerfileContent": "FROM scratch"}})),
        "createWarmPool" => Some(json!({"snapshot": "paddock-medium", "pool": 1})),
        "updateWarmPool" => Some(json!({"pool": 1})),
        "createRegistry" | "updateRegistry" => {
            Some(json!({"name": "r", "url": "ghcr.io", "username": "someone", "password": "secret"}))
        }
        "createApiKey" => Some(json!({"name": "new", "permissions": []})),
        "adminCreateOrganization" => Some(json!({"name": "new"})),
        _ => None,
    }
}

#[tokio::test]
async fn without_a_good_key_nothing_but_the_public_operations_answers() {
    let world = World::start().await;
    let sandbox = world.sandbox(json!({})).await;
    let unknown = format!("dtn_{}", "0".repeat(64));
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
    for operation in operations(&world, &sandbox).await {
        for key in ["", &unknown, jwt, "x", "%00"] {
            let body = body(&operation.id);
            let answer = world.call(operation.method.clone(), &operation.path, key, body).await;
            if PUBLIC.contains(&operation.id.as_str()) {
                assert_eq!(answer.status, StatusCode::OK, "{}", operation.id);
            } else {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} with {key:?}", operation.id);
                answer.message(&operation.path);
            }
        }
    }
    assert_eq!(world.get(&format!("/api/sandbox/{sandbox}")).await.body["state"], "started");
}

#[tokio::test]
async fn an_operation_needs_just_the_permission_that_the_table_says() {
    let world = World::start().await;
    let sandbox = world.sandbox(json!({})).await;
    world.post("/api/api-keys", json!({"name": "spare", "permissions": []})).await;
    let powerless = world.key_with(&[]).await;
    let all = operations(&world, &sandbox).await;
    for (id, permission) in PERMISSIONS {
        assert!(all.iter().any(|operation| operation.id == *id), "{id} is not in the document");
        let others: Vec<&str> = paddock_types::Permission::ALL
            .iter()
            .map(|one| one.as_str())
            .filter(|one| one != permission)
            .collect();
        let key = world
            .post("/api/api-keys", json!({"name": format!("all but for {id}"), "permissions": others}))
            .await;
        let key = key.body["value"].as_str().unwrap().to_owned();
        let operation = all.iter().find(|operation| operation.id == *id).unwrap();
        let answer = world.call(operation.method.clone(), &operation.path, &key, body(id)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{id} with everything but {permission}");
        assert!(answer.message(&operation.path).contains(permission));
    }
    for operation in &all {
        let needs_one = PERMISSIONS.iter().any(|(id, _)| *id == operation.id)
            || operation.id == "adminCreateOrganization";
        let answer =
            world.call(operation.method.clone(), &operation.path, &powerless, body(&operation.id)).await;
        assert_eq!(answer.status == StatusCode::FORBIDDEN, needs_one, "{}: {answer:?}", operation.id);
    }
}

#[tokio::test]
async fn a_stranger_finds_nothing_that_is_not_his() {
    let world = World::start().await;
    let sandbox = world.sandbox(json!({"name": "web"})).await;
    world.post("/api/api-keys", json!({"name": "spare", "permissions": []})).await;
    let stranger = world.organization("Other").await;
    for reference in [sandbox.as_str(), "web"] {
        let all = operations(&world, reference).await;
        for id in OWNED {
            let operation = all.iter().find(|operation| operation.id == *id).unwrap();
            let answer = world.call(operation.method.clone(), &operation.path, &stranger, body(id)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        }
    }
    assert_eq!(world.get("/api/sandbox/web").await.body["state"], "started");
    assert_eq!(world.get("/api/api-keys/spare").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_missing_object_is_told_before_a_missing_permission() {
    let world = World::start().await;
    world.sandbox(json!({"name": "web"})).await;
    let powerless = world.key_with(&[]).await;
    assert_eq!(
        world.call(Method::POST, "/api/sandbox/web/start", &powerless, None).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.call(Method::POST, "/api/sandbox/nothing/start", &powerless, None).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_expired_key_is_no_key_and_a_foreign_organization_header_is_ignored() {
    let world = World::start().await;
    let soon = world.get("/api/sandbox/nothing").await.body["timestamp"].clone();
    let expiry = soon.as_str().unwrap().replace("Z", "1Z");
    // Any time a little ahead will do: ask until the server takes one.
    let later = |seconds: i64| {
        let time: jiff::Timestamp = expiry.parse().unwrap();
        (time + jiff::SignedDuration::from_millis(seconds)).to_string()
    };
    let answer = world
        .post("/api/api-keys", json!({"name": "brief", "permissions": [], "expiresAt": later(700)}))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let brief = answer.body["value"].as_str().unwrap().to_owned();
    assert_eq!(world.call(Method::GET, "/api/sandbox", &brief, None).await.status, StatusCode::OK);
    paddock_testkit::eventually("the key to expire", async || {
        let answer = world.call(Method::GET, "/api/sandbox", &brief, None).await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    let request = Request::get("/api/sandbox")
        .header("authorization", format!("Bearer {}", world.key))
        .header("x-daytona-organization-id", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10")
        .body(axum::body::Body::empty());
    assert_eq!(world.send(request.unwrap()).await.status, StatusCode::OK);
}
