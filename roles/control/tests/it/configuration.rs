use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn the_configuration_is_public_and_complete() {
    let world = World::start().await;
    let answer = world.call(Method::GET, "/api/config", "", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({
        "version": "0.0.1-test",
        "oidc": {"issuer": "", "clientId": "", "audience": "", "provider": "none"},
        "linkedAccountsEnabled": false,
        "announcements": {},
        "proxyTemplateUrl": "http://{{PORT}}-{{sandboxId}}.box.test:4000",
        "proxyToolboxUrl": "http://box.test:4000/toolbox",
        "defaultSnapshot": "paddock-small",
        "dashboardUrl": "http://box.test:3000",
        "maxAutoArchiveInterval": 43200,
        "maintananceMode": false,
        "environment": "self-hosted",
    });
    assert_eq!(answer.body, expected);
}
