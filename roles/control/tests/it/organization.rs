use axum::http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_organization_has_every_key_that_a_strict_client_wants() {
    let world = World::start().await;
    let list = world.get("/api/organizations").await;
    assert_eq!((list.status, list.body.as_array().unwrap().len()), (StatusCode::OK, 1));
    let organization = list.body[0].clone();
    assert_eq!((&organization["personal"], &organization["suspended"]), (&json!(true), &json!(false)));
    for key in [
        "id",
        "name",
        "createdBy",
        "createdAt",
        "updatedAt",
        "suspendedAt",
        "suspensionReason",
        "suspendedUntil",
        "suspensionCleanupGracePeriodHours",
        "maxCpuPerSandbox",
        "maxMemoryPerSandbox",
        "maxDiskPerSandbox",
        "secretQuota",
        "maxSecretsPerSandbox",
        "snapshotDeactivationTimeoutMinutes",
        "sandboxLimitedNetworkEgress",
        "previewWarningEnabled",
        "ssoEnabled",
        "scimEnabled",
        "experimentalConfig",
        "defaultQueueTimeout",
        "otelConfig",
        "authenticatedRateLimit",
        "sandboxCreateRateLimit",
        "sandboxLifecycleRateLimit",
        "authenticatedRateLimitTtlSeconds",
        "sandboxCreateRateLimitTtlSeconds",
        "sandboxLifecycleRateLimitTtlSeconds",
    ] {
        assert!(organization.as_object().unwrap().contains_key(key), "{key}");
    }
    let id = organization["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/api/organizations/{id}")).await.body, organization);
    for missing in ["x", "8d3a2c7e-51b0-4a4e-9a0d-6f2f6c1b7e10"] {
        assert_eq!(world.get(&format!("/api/organizations/{missing}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_bootstrap_happens_once() {
    let mut world = World::start().await;
    assert!(world.control.bootstrap().await.unwrap().is_none());
    world.restart_control().await;
    assert!(world.control.bootstrap().await.unwrap().is_none());
    assert_eq!(world.get("/api/organizations").await.status, StatusCode::OK, "the first key still works");
}
