//! What is kept of Gateways and routes from one translation to the next.

use super::listener::Effective;
use super::model::{AttachedRoute, Backend, BackendProblem, BackendTls, GatewayModel, ListenerModel, Route};
use super::reference::Problem;
use super::route::Rank;
use crate::key::Key;
use meridian_resources::Object;
use meridian_resources::gateway_api::Gateway;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// A Gateway of ours.
#[derive(Debug)]
pub(crate) struct GatewayState {
    /// The object.
    pub(crate) object: Arc<Object<Gateway>>,
    /// Its listeners and those of ListenerSets.
    pub(crate) listeners: Vec<Effective>,
    /// How many of them are its own; they come first.
    pub(crate) own: usize,
    /// The routes of each listener, oldest first.
    pub(crate) routes: Vec<BTreeMap<Rank, Placed>>,
    /// The ListenerSets that name it, in the order of precedence.
    pub(crate) sets: Vec<SetState>,
    /// Where each of them is.
    pub(crate) set_at: HashMap<Key, usize>,
    /// The Secret that is shown to backends.
    pub(crate) client_certificate: Option<Key>,
    /// Why there is none although one is asked for.
    pub(crate) client_problem: Option<Problem>,
}

/// A route at a listener.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// What proxies are told.
    pub(crate) attached: Arc<AttachedRoute>,
    /// Whether it is accepted; one of which no rule can be served answers with errors.
    pub(crate) accepted: bool,
}

/// A ListenerSet of a Gateway of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetState {
    /// The ListenerSet.
    pub(crate) key: Key,
    /// Whether the Gateway lets it in.
    pub(crate) allowed: bool,
    /// Where its listeners are in [`GatewayState::listeners`].
    pub(crate) listeners: Range<usize>,
}

/// Where one reference of a route leads to, and how TLS is spoken there.
pub(crate) type Resolved = (String, Result<Backend, BackendProblem>, Option<BackendTls>);

/// A route that names a Gateway of ours, or did.
#[derive(Debug)]
pub(crate) struct RouteState {
    /// The object as it was looked at.
    pub(crate) route: Route,
    /// Where it stands.
    pub(crate) rank: Rank,
    /// Where it leads to.
    pub(crate) resolved: Vec<Resolved>,
    /// See [`AttachedRoute::revision`].
    pub(crate) revision: u64,
    /// The Gateways that it is attached to, and their listeners.
    pub(crate) gateways: BTreeMap<Key, BTreeSet<usize>>,
}

impl GatewayState {
    /// What proxies are configured with.
    pub(crate) fn model(&self) -> GatewayModel {
        let listeners = self.listeners.iter().zip(&self.routes).filter_map(|(listener, routes)| {
            let protocol = listener.protocol.filter(|_| listener.is_served())?;
            Some(ListenerModel {
                listener_set: listener.set.clone(),
                name: listener.name.clone(),
                port: listener.port,
                protocol,
                hostname: listener.hostname.clone(),
                tls: listener.tls.clone(),
                routes: routes.values().map(|placed| placed.attached.clone()).collect(),
            })
        });
        GatewayModel {
            gateway: self.object.clone(),
            listeners: listeners.collect(),
            client_certificate: self.client_certificate.clone(),
        }
    }

    /// Takes a route away from these listeners, as far as there still are as many.
    pub(crate) fn detach(&mut self, rank: &Rank, listeners: &BTreeSet<usize>) {
        for at in listeners {
            if let Some(routes) = self.routes.get_mut(*at) {
                routes.remove(rank);
            }
        }
    }
}

/// Whether two models say the same. Objects are compared by identity, which is kept while they do not change.
pub(crate) fn is_same(a: &GatewayModel, b: &GatewayModel) -> bool {
    let same_listener = |a: &ListenerModel, b: &ListenerModel| {
        a.listener_set == b.listener_set
            && a.name == b.name
            && a.port == b.port
            && a.protocol == b.protocol
            && a.hostname == b.hostname
            && a.tls == b.tls
            && a.routes.len() == b.routes.len()
            && a.routes.iter().zip(&b.routes).all(|(a, b)| Arc::ptr_eq(a, b) || is_same_route(a, b))
    };
    Arc::ptr_eq(&a.gateway, &b.gateway)
        && a.client_certificate == b.client_certificate
        && a.listeners.len() == b.listeners.len()
        && a.listeners.iter().zip(&b.listeners).all(|(a, b)| same_listener(a, b))
}

fn is_same_route(a: &AttachedRoute, b: &AttachedRoute) -> bool {
    let same_object = match (&a.route, &b.route) {
        (Route::Http(a), Route::Http(b)) => Arc::ptr_eq(a, b),
        (Route::Grpc(a), Route::Grpc(b)) => Arc::ptr_eq(a, b),
        (Route::Tls(a), Route::Tls(b)) => Arc::ptr_eq(a, b),
        (Route::Tcp(a), Route::Tcp(b)) => Arc::ptr_eq(a, b),
        (Route::Udp(a), Route::Udp(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    same_object && a.revision == b.revision && a.hostnames == b.hostnames
}
