//! The listeners of a proxy between two translations: each is made again only when something of its own changed, and
//! then keeps the chains that are as they were.

use crate::condition::Finding;
use crate::istio::destination::Scope;
use crate::istio::gateway::{Bind, Merged, Server};
use crate::istio::http_route::resolve_gateway;
use crate::istio::listener::{self, BoundTo, L4, Made};
use crate::istio::server_tls::Need;
use crate::key::Key;
use crate::mesh::GatewayTopology;
use crate::proxy::clusters::Clusters;
use crate::proxy::state::Stale;
use crate::security::authorization::Authorization;
use meridian_ir::{Listener, Name, ProxyConfig};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All listeners of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<Bind, Built>);

/// One listener, with what it was made of and what was found.
#[derive(Debug)]
struct Built {
    servers: Vec<Arc<Server>>,
    listener: Option<Arc<Listener>>,
    /// Without its listener.
    made: Made,
}

/// What listeners are made of.
pub(crate) struct Plan<'a> {
    pub(crate) topology: &'a GatewayTopology,
    pub(crate) authorization: &'a Authorization,
    pub(crate) merged: &'a Merged,
    pub(crate) bound_to: &'a BoundTo<'a>,
}

impl Listeners {
    /// Those that have other servers in `merged` than they were made of.
    pub(crate) fn with_other_servers(&self, merged: &Merged) -> BTreeSet<Bind> {
        let other =
            |bind: &Bind, servers: &[Arc<Server>]| self.0.get(bind).is_none_or(|built| built.servers != servers);
        merged.listeners.iter().filter(|(bind, servers)| other(bind, servers)).map(|(bind, _)| bind.clone()).collect()
    }

    /// Those that the TLS and TCP rules of a VirtualService concern, or concerned before it changed.
    pub(crate) fn with_rules_of(&self, key: &Key, object: Option<&Object<VirtualService>>) -> BTreeSet<Bind> {
        let object = object.filter(|object| has_l4_rules(object));
        let gateways = object.map_or(&[][..], |object| &object.spec.gateways);
        let gateways: BTreeSet<String> = gateways.iter().map(|name| resolve_gateway(name, &key.namespace)).collect();
        let concerned = |built: &Built| {
            built.made.virtual_services.contains_key(key)
                || built.servers.iter().any(|server| gateways.contains(&*server.gateway))
        };
        self.binds(concerned)
    }

    /// Those that depend on the service of a host.
    pub(crate) fn with_host(&self, host: &Name) -> BTreeSet<Bind> {
        self.binds(|built| {
            built.made.auto_passthrough.is_some() || built.made.clusters().any(|cluster| cluster.host == *host)
        })
    }

    fn binds(&self, concerned: impl Fn(&Built) -> bool) -> BTreeSet<Bind> {
        self.0.iter().filter(|(_, built)| concerned(built)).map(|(bind, _)| bind.clone()).collect()
    }

    /// Makes the listeners of `outdated` again, and drops those that the plan does not have.
    pub(crate) fn rebuild(
        &mut self,
        scope: &mut Scope<'_>,
        plan: &Plan<'_>,
        outdated: &BTreeSet<Bind>,
        clusters: &mut Clusters,
        stale: &mut Stale,
    ) {
        let merged = plan.merged;
        for (bind, servers) in merged.listeners.iter().filter(|(bind, _)| outdated.contains(bind)) {
            let before = self.0.remove(bind);
            let mut made = listener::build(scope, plan, bind, servers);
            let old = before.as_ref().and_then(|before| before.listener.as_ref());
            let listener = made.listener.take().map(|listener| share(listener, old));
            clusters.acquire(made.clusters());
            let built = Built { servers: servers.clone(), listener, made };
            forget(before.as_ref(), Some(&built), clusters, stale);
            self.0.insert(bind.clone(), built);
        }
        self.0.retain(|bind, built| {
            let stays = merged.listeners.contains_key(bind);
            if !stays {
                forget(Some(built), None, clusters, stale);
            }
            stays
        });
    }

    /// Puts the listeners into the configuration.
    pub(crate) fn publish(&self, config: &mut Arc<ProxyConfig>) {
        let listeners: BTreeMap<Name, Arc<Listener>> = (self.0.values())
            .filter_map(|built| built.listener.as_ref())
            .map(|listener| (listener.name.clone(), listener.clone()))
            .collect();
        let same = listeners.len() == config.listeners.len()
            && std::iter::zip(&listeners, &config.listeners).all(|(new, old)| Arc::ptr_eq(new.1, old.1));
        if !same {
            Arc::make_mut(config).listeners = listeners;
        }
    }

    /// Credentials that the listeners refer to.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &Need> {
        self.0.values().flat_map(|built| &built.made.needs)
    }

    /// What is to be said of a Gateway.
    pub(crate) fn gateway_findings(&self, key: &Key) -> impl Iterator<Item = &Finding> {
        self.0.values().filter_map(|built| built.made.gateways.get(key)).flatten()
    }

    /// What the TLS and TCP rules of a VirtualService came to, by listener.
    pub(crate) fn rules_of(&self, key: &Key) -> impl Iterator<Item = &L4> {
        self.0.values().filter_map(|built| built.made.virtual_services.get(key))
    }
}

/// Whether an object has TLS or TCP rules.
pub(crate) fn has_l4_rules(object: &Object<VirtualService>) -> bool {
    !object.spec.tls.is_empty() || !object.spec.tcp.is_empty()
}

/// Lets go of what a listener was, and notes of whom something else may be to be said.
fn forget(before: Option<&Built>, after: Option<&Built>, clusters: &mut Clusters, stale: &mut Stale) {
    for built in before.into_iter().chain(after) {
        stale.gateways.extend(built.made.gateways.keys().cloned());
    }
    let rules =
        |built: Option<&Built>, key: &Key| built.and_then(|built| built.made.virtual_services.get(key)).cloned();
    for built in before.into_iter().chain(after) {
        let differs = |key: &&Key| rules(before, key) != rules(after, key);
        stale.virtual_services.extend(built.made.virtual_services.keys().filter(differs).cloned());
    }
    if let Some(before) = before {
        clusters.release(before.made.clusters());
    }
}

/// `listener`, with the chains of `before` that are as they were; `before` itself when nothing is different.
pub(crate) fn share(mut listener: Listener, before: Option<&Arc<Listener>>) -> Arc<Listener> {
    let Some(before) = before else { return Arc::new(listener) };
    let chains: HashMap<_, _> = before.chains.iter().map(|chain| (&chain.matcher, chain)).collect();
    for chain in &mut listener.chains {
        if let Some(same) = chains.get(&chain.matcher).filter(|old| **old == chain) {
            *chain = (*same).clone();
        }
    }
    if **before == listener { before.clone() } else { Arc::new(listener) }
}
