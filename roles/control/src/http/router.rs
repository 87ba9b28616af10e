//! The table of contents of the API.

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::{Extension, Router, routing};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::hub::Hub;
use super::{
    admin, api_key, configuration, events, health, internal, layers, organization, region, registry, sandbox,
    snapshot, user, volume, warm_pool,
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
        .routes(routes!(sandbox::pause::pause_sandbox))
        .routes(routes!(sandbox::resize::resize_sandbox))
        .routes(routes!(sandbox::recover::recover_sandbox))
        .routes(routes!(sandbox::archive::archive_sandbox))
        .routes(routes!(sandbox::backup::create_backup))
        .routes(routes!(sandbox::fork::fork_sandbox))
        .routes(routes!(sandbox::snapshot::create_sandbox_snapshot))
        .routes(routes!(sandbox::forks::get_sandbox_forks))
        .routes(routes!(sandbox::parent::get_sandbox_parent))
        .routes(routes!(sandbox::ancestors::get_sandbox_ancestors))
        .routes(routes!(sandbox::auto_stop::set_auto_stop_interval))
        .routes(routes!(sandbox::auto_pause::set_auto_pause_interval))
        .routes(routes!(sandbox::auto_archive::set_auto_archive_interval))
        .routes(routes!(sandbox::auto_delete::set_auto_delete_interval))
        .routes(routes!(sandbox::ttl::set_ttl))
        .routes(routes!(sandbox::public::update_public_status))
        .routes(routes!(sandbox::build_logs::get_build_logs_url))
        .routes(routes!(sandbox::build_logs::get_build_logs))
        .routes(routes!(sandbox::labels::replace_labels))
        .routes(routes!(sandbox::last_activity::update_last_activity))
        .routes(routes!(sandbox::toolbox_proxy_url::get_toolbox_proxy_url))
        .routes(routes!(sandbox::preview_url::get_port_preview_url))
        .routes(routes!(sandbox::signing_key::get_signing_key))
        .routes(routes!(sandbox::signing_key::rotate_signing_key))
        // snapshots
        .routes(routes!(snapshot::list::list_snapshots, snapshot::create::create_snapshot))
        .routes(routes!(snapshot::activate::activate_snapshot))
        .routes(routes!(snapshot::deactivate::deactivate_snapshot))
        .routes(routes!(snapshot::build_logs::get_snapshot_build_logs_url))
        .routes(routes!(snapshot::build_logs::get_snapshot_build_logs))
        .routes(routes!(snapshot::get::get_snapshot, snapshot::delete::remove_snapshot))
        // volumes
        .routes(routes!(volume::list::list_volumes, volume::create::create_volume))
        .routes(routes!(volume::get::get_volume, volume::delete::delete_volume))
        .routes(routes!(volume::by_name::get_volume_by_name))
        // registries
        .routes(routes!(registry::list::list_registries, registry::create::create_registry))
        .routes(routes!(
            registry::get::get_registry,
            registry::update::update_registry,
            registry::delete::delete_registry
        ))
        // warm pools
        .routes(routes!(warm_pool::list::list_warm_pools, warm_pool::create::create_warm_pool))
        .routes(routes!(warm_pool::update::update_warm_pool, warm_pool::delete::delete_warm_pool))
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
pub(crate) fn public(app: App, hub: Arc<Hub>) -> Router {
    let (operations, _) = operations().split_for_parts();
    // No operation of the document: what goes over it is Socket.IO.
    let events = Router::new()
        .route("/socket.io", routing::get(events::connect))
        .route("/socket.io/", routing::get(events::connect))
        .layer(Extension(hub));
    let router = Router::new().nest("/api", operations.merge(events)).with_state(app);
    finish(router).layer(layers::cors())
}

/// What the other roles of the front ask.
pub(crate) fn internal(app: App) -> Router {
    let router = Router::new()
        .route("/internal/v1/authorize", routing::post(internal::authorize::authorize))
        .route("/internal/v1/activity", routing::post(internal::activity::activity))
        .route("/internal/v1/usage", routing::post(internal::usage::usage))
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
