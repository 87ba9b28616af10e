//! A table of routes that becomes a router, and of which one can ask what is in it: the router itself does not tell.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, any, on};
use http::Method;

use super::router::table;
use crate::toolbox::Shared;

/// Where the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `None`: whatever the method. `GET` answers `HEAD` too.
    pub method: Option<Method>,
    /// Parameters in braces; one that begins with `*` takes all that is left.
    pub path: &'static str,
}

/// Every route of the daemon, in the order of its table.
#[must_use]
pub fn routes() -> Vec<Route> {
    table().known
}

/// A table that grows by one operation per call.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Arc<Shared>>,
    known: Vec<Route>,
}

impl Routes {
    pub(super) fn get<H: Handler<T, Arc<Shared>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(MethodFilter::GET, Method::GET, path, handler)
    }

    pub(super) fn post<H: Handler<T, Arc<Shared>>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(MethodFilter::POST, Method::POST, path, handler)
    }

    pub(super) fn delete<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::DELETE, Method::DELETE, path, handler)
    }

    /// Every method.
    pub(super) fn any<H: Handler<T, Arc<Shared>>, T: 'static>(
        mut self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.known.push(Route { method: None, path });
        Self { router: self.router.route(path, any(handler)), ..self }
    }

    fn on<H: Handler<T, Arc<Shared>>, T: 'static>(
        mut self,
        filter: MethodFilter,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.known.push(Route { method: Some(method), path });
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }

    pub(super) fn into_router(self) -> Router<Arc<Shared>> {
        self.router
    }
}
