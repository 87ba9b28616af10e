//! The table of contents of the API.

use axum::middleware::from_fn;
use axum::{Router, routing};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    admin, api_key, configuration, health, internal, layers, organization, region, sandbox, snapshot, user,
};
use crate::app::App;

/// Every public operation, with its document. Static paths come before those with a parameter only for
/// the reader: the router prefers them in any order.
pub(super) fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(configuration::get::get_config))
        .routes(routes!(health::live::live))
        .routes(routes!(health::ready::ready))
        // sandboxes
        .routes(routes!(sandbox::list::list_sandboxes, sandbox::create::create_sandbox))
        .routes(routes!(sandbox::list_paginated::list_sandboxes_paginated))
        .routes(routes!(sandbox::get::get_sandbox, sandbox::delete::delete_sandbox))
        .routes(routes!(sandbox::start::start_sandbox))
        .routes(routes!(sandbox::stop::stop_sandbox))
        .routes(routes!(sandbox::labels::replace_labels))
        .routes(routes!(sandbox::last_activity::update_last_activity))
        .routes(routes!(sandbox::toolbox_proxy_url::get_toolbox_proxy_url))
        // snapshots
        .routes(routes!(snapshot::list::list_snapshots))
        .routes(routes!(snapshot::get::get_snapshot))
        // API keys
        .routes(routes!(api_key::list::list_api_keys, api_key::create::create_api_key))
        .routes(routes!(api_key::current::get_current_api_key))
        .routes(routes!(api_key::get::get_api_key, api_key::delete::delete_api_key))
        .routes(routes!(api_key::delete_for_user::delete_api_key_for_user))
        // organizations, users, regions
        .routes(routes!(organization::list::list_organizations))
        .routes(routes!(organization::get::get_organization))
        .routes(routes!(user::me::get_authenticated_user))
        .routes(routes!(region::list::list_available_regions))
        .routes(routes!(region::get::get_region_by_id))
        .routes(routes!(region::shared::list_shared_regions))
        // the system's administrator
        .routes(routes!(admin::create_organization::create_organization))
}

/// The public API under `/api`.
pub(crate) fn public(app: App) -> Router {
    let (operations, _) = operations().split_for_parts();
    let router = Router::new().nest("/api", operations).with_state(app);
    finish(router).layer(layers::cors())
}

/// What the other roles of the front ask.
pub(crate) fn internal(app: App) -> Router {
    let router = Router::new()
        .route("/internal/v1/authorize", routing::post(internal::authorize::authorize))
        .route("/internal/v1/activity", routing::post(internal::activity::activity))
        .with_state(app);
    finish(router)
}

fn finish(router: Router) -> Router {
    router
        .fallback(layers::unknown)
        .method_not_allowed_fallback(layers::unknown)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::around))
}
