//! What is different between two models of a Gateway. Attached routes that are the same are shared between models, so
//! that a change of one among many is found without looking at what the others say.

use crate::gateway_api::model::{AttachedRoute, GatewayModel, ListenerModel, Route};
use crate::gateway_api::route::RouteId;
use std::collections::HashSet;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Whether there are other listeners, apart from their routes.
    pub(crate) listeners: bool,
    /// Whether TLSRoutes, TCPRoutes or UDPRoutes are among the routes.
    pub(crate) l4: bool,
    /// Routes that are attached, detached, or other ones.
    pub(crate) routes: HashSet<RouteId>,
}

impl Difference {
    /// The difference; without one of the models everything is different.
    pub(crate) fn between(old: Option<&GatewayModel>, new: Option<&GatewayModel>) -> Self {
        let (Some(old), Some(new)) = (old, new) else { return Self { listeners: true, ..Self::default() } };
        let pairs = || std::iter::zip(&old.listeners, &new.listeners);
        if old.listeners.len() != new.listeners.len() || !pairs().all(|(old, new)| is_like(old, new)) {
            return Self { listeners: true, ..Self::default() };
        }
        let mut difference = Self::default();
        for (old, new) in pairs() {
            let same = old.routes.len() == new.routes.len()
                && std::iter::zip(&old.routes, &new.routes).all(|(old, new)| Arc::ptr_eq(old, new));
            if !same {
                difference.add(&old.routes, &new.routes);
                difference.add(&new.routes, &old.routes);
            }
        }
        difference
    }

    /// Notes what is in `those` and not in `others`.
    fn add(&mut self, those: &[Arc<AttachedRoute>], others: &[Arc<AttachedRoute>]) {
        let known: HashSet<*const AttachedRoute> = others.iter().map(Arc::as_ptr).collect();
        for route in those.iter().filter(|route| !known.contains(&Arc::as_ptr(route))) {
            self.l4 |= !matches!(route.route, Route::Http(_) | Route::Grpc(_));
            self.routes.insert(route.route.id());
        }
    }
}

/// Whether two listeners differ in their routes at most.
fn is_like(a: &ListenerModel, b: &ListenerModel) -> bool {
    a.listener_set == b.listener_set
        && a.name == b.name
        && a.port == b.port
        && a.protocol == b.protocol
        && a.hostname == b.hostname
        && a.tls == b.tls
}
