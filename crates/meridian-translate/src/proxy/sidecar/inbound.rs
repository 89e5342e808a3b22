//! What comes to a sidecar's workload: the listener `virtualInbound`.

mod chains;
mod clusters;
mod ingress;
mod listener;
mod port;
mod targets;
mod variants;

use super::Pieces;
use crate::istio::destination::Scope;
use crate::istio::destination_rule::Rules;
use crate::istio::sidecar;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{self, Inputs, Stale};
use crate::security::authorization::{self, Authorization};
use crate::translator::Changes;
use chains::Chains;
use meridian_ir::tls::DownstreamTls;
use meridian_ir::{FilterChain, Listener, Name};
use port::InboundPort;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The port that captured connections come to.
const PORT: u16 = 15006;

/// The inbound side of a sidecar.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    pieces: Pieces,
    /// Hosts of the services that lead to the workload.
    hosts: BTreeSet<Name>,
    credentials: BTreeSet<(Name, bool)>,
}

impl Inbound {
    /// Takes `changes` in; whether [`Self::pieces`] are others now.
    pub(super) fn update(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        changes: &Changes,
        fresh: bool,
        _stale: &mut Stale,
    ) -> bool {
        if !fresh && !self.is_concerned(inputs, node, changes) {
            return false;
        }
        let targets = targets::of_workload(inputs.resources, inputs.registry, node);
        self.hosts = targets.iter().map(|target| target.service.host.clone()).collect();
        let before = std::mem::take(&mut self.pieces);
        self.pieces = self.make(inputs, node, targets, &before);
        fresh || !is_same(&before, &self.pieces)
    }

    /// Whether something of the workload's ports may be different.
    fn is_concerned(&self, inputs: &Inputs<'_>, node: &ProxyNode, changes: &Changes) -> bool {
        let mesh = inputs.mesh;
        let in_scope = |namespace: &Name| *namespace == node.namespace || *namespace == mesh.root_namespace;
        let leads_here = |host: &Name| {
            self.hosts.contains(host)
                || (inputs.registry.services(host).iter())
                    .any(|service| !targets::of_service(inputs.resources, service, node).is_empty())
        };
        changes.peer_authentications.iter().any(|key| in_scope(&key.namespace))
            || !changes.sidecars.is_empty()
            || authorization::may_concern(&changes.authorization_policies, mesh, node)
            || changes.pods.iter().any(|key| key.namespace == node.namespace && key.name == node.name)
            || changes.endpoints.iter().chain(&changes.hosts).any(leads_here)
    }

    fn make(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        targets: Vec<targets::Target>,
        before: &Pieces,
    ) -> Pieces {
        let modes =
            inputs.resources.peer_authentications.modes(&inputs.mesh.root_namespace, &node.namespace, &node.labels);
        let authorization = Authorization::of_proxy(inputs.mesh, inputs.resources, node);
        let binds = binds(node);
        let mut ports = ports(inputs, node, targets, binds[0]);
        ports.retain(|port| port.number != PORT);
        let mut scope = state::scope(inputs, node);
        let mut pieces = Pieces::default();
        let mut chains = Chains { scope: &mut scope, modes: &modes, authorization: &authorization };
        let mut all = chains.passthrough(&ports, PORT);
        let mut listeners = Vec::new();
        for port in &ports {
            let own = chains.of_port(port);
            if port.binds {
                let addresses = vec![SocketAddr::new(port.bind, port.number)];
                listeners.push(listener::Parts { name: port.name(), addresses, chains: own, captures: false });
            } else {
                all.extend(own);
            }
        }
        let addresses = binds.iter().map(|bind| SocketAddr::new(*bind, PORT)).collect();
        listeners.push(listener::Parts { name: "virtualInbound".into(), addresses, chains: all, captures: true });
        self.credentials.clear();
        for parts in listeners {
            let made = listener::listener(&scope, parts);
            self.credentials.extend(made.chains.iter().filter_map(|chain| chain.tls.as_deref()).flat_map(names));
            let old = before.listeners.get(&made.name);
            let made = share(made, old);
            pieces.listeners.insert(made.name.clone(), made);
        }
        pieces.clusters = clusters(&scope, &ports, binds[0], before);
        pieces
    }

    /// Listeners, routes and clusters of this side.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// SDS names that its chains refer to, and whether they are authorities rather than certificates.
    pub(super) fn credentials(&self) -> impl Iterator<Item = (&Name, bool)> {
        self.credentials.iter().map(|(name, is_authority)| (name, *is_authority))
    }
}

/// The ports of the workload: those that its Sidecar lists, or else those that services lead to.
fn ports(inputs: &Inputs<'_>, node: &ProxyNode, targets: Vec<targets::Target>, bind: IpAddr) -> Vec<InboundPort> {
    let mesh = inputs.mesh;
    let sidecar = sidecar::for_node(inputs.resources, node, mesh);
    if let Some(sidecar) = sidecar.filter(|sidecar| !sidecar.spec.ingress.is_empty()) {
        return ingress::ports(sidecar, node, &targets, bind, mesh);
    }
    let localhost = mesh.inbound_to_localhost.then(|| localhost(bind));
    let mut ports = port::of_targets(targets, bind, localhost);
    let limits = sidecar.and_then(|sidecar| sidecar.spec.inbound_connection_pool.as_ref());
    ports.iter_mut().for_each(|port| port.connection_pool = limits.cloned());
    ports
}

/// Where the proxy listens: on every address of the families that its workload has.
fn binds(node: &ProxyNode) -> Vec<IpAddr> {
    let has = |ipv4: bool| node.ip_addresses.iter().any(|address| address.is_ipv4() == ipv4);
    match (has(true), has(false)) {
        (true, true) => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        (true, false) => vec![Ipv4Addr::UNSPECIFIED.into()],
        (false, true) => vec![Ipv6Addr::UNSPECIFIED.into()],
        (false, false) => vec![node.address],
    }
}

/// The local address of the family of `bind`.
fn localhost(bind: IpAddr) -> IpAddr {
    if bind.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

type Made = (Arc<meridian_ir::Cluster>, Option<Arc<meridian_ir::Endpoints>>);

/// The clusters of `ports`; those that are as before keep their `Arc`s.
fn clusters(scope: &Scope<'_>, ports: &[InboundPort], bind: IpAddr, before: &Pieces) -> BTreeMap<Name, Made> {
    let of_port = |port: &InboundPort| {
        let rules = match port.services.first() {
            Some(service) => scope.rules.of_service(service, scope.node, scope.mesh),
            None => Rules::default(),
        };
        clusters::of_port(scope, port, &rules)
    };
    let made = ports.iter().filter_map(of_port).chain([(clusters::passthrough(scope, bind), None)]);
    let shared = made.map(|(cluster, endpoints)| {
        let name = cluster.name.clone();
        let old = before.clusters.get(&name);
        let cluster = match old {
            Some((old, _)) if **old == cluster => old.clone(),
            _ => Arc::new(cluster),
        };
        let endpoints = match old {
            Some((_, old)) if *old == endpoints => old.clone(),
            _ => endpoints,
        };
        (name, (cluster, endpoints))
    });
    shared.collect()
}

fn names(tls: &DownstreamTls) -> Vec<(Name, bool)> {
    let authority = tls.client_auth.validation().and_then(|validation| validation.authority.as_ref());
    let certificates = tls.certificates.iter().map(|name| (name.clone(), false));
    certificates.chain(authority.map(|name| (name.clone(), true))).collect()
}

/// `listener`, with the chains of `before` that are as they were; `before` itself when nothing is different.
fn share(mut listener: Listener, before: Option<&Arc<Listener>>) -> Arc<Listener> {
    let Some(before) = before else { return Arc::new(listener) };
    let chains: HashMap<_, &Arc<FilterChain>> = before.chains.iter().map(|chain| (&chain.matcher, chain)).collect();
    for chain in &mut listener.chains {
        if let Some(same) = chains.get(&chain.matcher).filter(|old| **old == chain) {
            *chain = (*same).clone();
        }
    }
    if **before == listener { before.clone() } else { Arc::new(listener) }
}

/// Whether two sets of pieces are the same objects.
fn is_same(a: &Pieces, b: &Pieces) -> bool {
    let same_clusters = std::iter::zip(&a.clusters, &b.clusters).all(|((name, old), (other, new))| {
        let same_endpoints = match (&old.1, &new.1) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        name == other && Arc::ptr_eq(&old.0, &new.0) && same_endpoints
    });
    let same_listeners = std::iter::zip(&a.listeners, &b.listeners).all(|(old, new)| Arc::ptr_eq(old.1, new.1));
    let counts = |pieces: &Pieces| (pieces.clusters.len(), pieces.listeners.len(), pieces.routes.len());
    counts(a) == counts(b) && same_clusters && same_listeners
}
