//! A virtual host: the domains that it answers for and its routes in order.

use crate::{Name, RequestView, Route};
use std::sync::Arc;

/// One virtual host of a route configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    /// `host:port`, the port being that of the Gateway server.
    pub name: Name,
    /// Lowercase: `host`, `*.suffix`, `prefix.*` or `*`.
    pub domains: Vec<Name>,
    /// In order; the first that matches is taken. Empty: every request is 404.
    pub routes: Vec<Arc<Route>>,
    /// Plaintext requests are redirected to https with 301 (`httpsRedirect`).
    pub require_tls: bool,
}

impl VirtualHost {
    /// The first route that takes `request`; without one the answer is 404 `NR route_not_found`.
    pub fn route(&self, request: &impl RequestView) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| route.matcher.matches(request))
    }
}
