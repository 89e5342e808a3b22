//! What a sidecar's workload sends: the listener `virtualOutbound`, a listener for each address and port of the services
//! that the sidecar sees, and the routes of those that carry HTTP.
//!
//! Everything is kept by port. A change of one object makes the listeners and routes of the ports that it is about again,
//! of whose parts those that come out the same stay what they are.

mod catch_all;
mod chains;
mod compiled;
mod domains;
mod egress;
mod entry;
mod imports;
mod routes;
mod rules;

use super::Pieces;
use crate::condition::Finding;
use crate::host;
use crate::istio::cluster::ClusterId;
use crate::istio::sidecar;
use crate::key::Key;
use crate::mesh::OutboundTrafficPolicy;
use crate::proxy::clusters::Clusters;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{Inputs, Stale, scope};
use crate::registry::service::Service;
use crate::telemetry::{self, Side};
use crate::translator::Changes;
use catch_all::CatchAll;
use chains::L4;
use compiled::Cache;
use egress::Egress;
use entry::Sources;
use imports::Imports;
use meridian_ir::{Listener, Name, RouteConfig};
use meridian_resources::istio::sidecar::OutboundTrafficPolicyMode;
use routes::Served;
use rules::Rules;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is to be said of the objects behind services, by kind and name.
type Places = BTreeMap<(&'static str, Key), Vec<Finding>>;

/// The outbound side of a sidecar.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    pieces: Pieces,
    plan: Plan,
    imports: Imports,
    rules: Rules,
    cache: Cache,
    ports: BTreeMap<u16, Port>,
}

/// What the sidecar sees, and what becomes of everything else.
#[derive(Debug, PartialEq)]
struct Plan {
    egress: Vec<Egress>,
    catch_all: CatchAll,
    /// The cluster of the `egressProxy`.
    egress_proxy: Option<ClusterId>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { egress: vec![Egress::everything()], catch_all: CatchAll::passthrough(), egress_proxy: None }
    }
}

/// What was made of one port.
#[derive(Debug, Default)]
struct Port {
    listeners: Vec<Name>,
    routes: Vec<Name>,
    /// What TLS and TCP rules of VirtualServices came to.
    l4: BTreeMap<Key, L4>,
    /// What their HTTP rules came to.
    served: BTreeMap<Key, Served>,
    findings: Places,
}

impl Port {
    fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.l4.values().flat_map(|l4| &l4.clusters)
    }
}

impl Outbound {
    /// Takes `changes` in; whether [`Self::pieces`] are others now. Clusters of services that are named or no longer
    /// named are acquired from and released to `clusters`.
    pub(super) fn update(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        changes: &Changes,
        fresh: bool,
        clusters: &mut Clusters,
        stale: &mut Stale,
    ) -> bool {
        let plan = if fresh || !changes.sidecars.is_empty() { Some(plan(inputs, node)) } else { None };
        let plan = plan.filter(|plan| fresh || *plan != self.plan);
        let anew = plan.is_some();
        if let Some(plan) = plan {
            clusters.acquire(&plan.egress_proxy);
            let before = std::mem::replace(&mut self.plan, plan);
            clusters.release(&before.egress_proxy);
            self.imports.clear(clusters);
            self.pieces.clusters = catch_all::clusters(inputs.mesh);
            let logs = telemetry::access_logs(&scope(inputs, node), Side::Client);
            let mut listener = catch_all::listener(&self.plan.catch_all, node, logs);
            listener.access_log = telemetry::listener_logs(&scope(inputs, node), Side::Client);
            self.pieces.listeners.insert(listener.name.clone(), Arc::new(listener));
        }
        let mut dirty: BTreeSet<u16> = if anew { self.ports.keys().copied().collect() } else { BTreeSet::new() };
        self.hosts(inputs, node, changes, anew, clusters, &mut dirty);
        self.virtual_services(inputs, node, changes, anew, clusters, &mut dirty, stale);
        for port in &dirty {
            self.rebuild(inputs, node, *port, clusters, stale);
        }
        anew || !dirty.is_empty()
    }

    /// Services that changed, and those that they are other names for.
    fn hosts(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        changes: &Changes,
        anew: bool,
        clusters: &mut Clusters,
        dirty: &mut BTreeSet<u16>,
    ) {
        let mut hosts: BTreeSet<Name> =
            if anew { inputs.registry.all_hosts().cloned().collect() } else { changes.hosts.clone() };
        for host in &hosts.clone() {
            hosts.extend(self.imports.targets_of(host));
            let aliases = inputs.registry.services(host).iter().filter_map(|service| service.alias.clone());
            hosts.extend(aliases);
        }
        // Other names first: the virtual host of the service has them too.
        let (aliases, others): (Vec<&Name>, Vec<&Name>) =
            hosts.iter().partition(|host| inputs.registry.services(host).iter().any(|service| service.alias.is_some()));
        for host in aliases.into_iter().chain(others) {
            let ports = self.imports.refresh(&mut scope(inputs, node), &self.plan.egress, host, clusters);
            dirty.extend(ports);
        }
        if anew {
            return;
        }
        // Listeners of headless services are at their endpoints' addresses.
        for host in &changes.endpoints {
            if inputs.registry.services(host).iter().any(|service| service.passthrough) {
                dirty.extend(self.imports.ports_of(host));
            }
        }
        for (number, port) in &self.ports {
            if port.clusters().any(|cluster| changes.hosts.contains(&cluster.host)) {
                dirty.insert(*number);
            }
        }
    }

    /// VirtualServices that changed, and those whose destinations did.
    #[expect(clippy::too_many_arguments, reason = "all of it is one update's")]
    fn virtual_services(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        changes: &Changes,
        anew: bool,
        clusters: &mut Clusters,
        dirty: &mut BTreeSet<u16>,
        stale: &mut Stale,
    ) {
        let changed: BTreeSet<Key> = match anew {
            true => inputs.resources.virtual_services.keys().chain(&changes.virtual_services).cloned().collect(),
            false => changes.virtual_services.clone(),
        };
        let mut outdated: BTreeSet<Key> = changed.clone();
        for host in &changes.hosts {
            outdated.extend(self.cache.senders(host).cloned());
        }
        if !changes.hosts.is_empty() {
            outdated.extend(self.cache.unresolved().cloned());
        }
        let mut hosts: BTreeSet<Name> = BTreeSet::new();
        for key in &outdated {
            self.cache.forget(key, clusters);
            if changed.contains(key) {
                hosts.extend(self.rules.put(key, inputs.resources.virtual_services.get(key), inputs.mesh, node));
            } else {
                hosts.extend(self.rules.get(key).into_iter().flat_map(|rule| rule.hosts.iter().cloned()));
            }
        }
        stale.virtual_services.extend(outdated);
        if hosts.is_empty() {
            return;
        }
        dirty.insert(routes::HTTP_PORT);
        let wildcards: Vec<&Name> = hosts.iter().filter(|host| host.starts_with('*')).collect();
        for host in &hosts {
            dirty.extend(self.imports.ports_of(host));
        }
        // A host of a VirtualService may be one of a wildcard service, and the other way round.
        let of_wildcards: Vec<Name> = (self.imports.hosts())
            .filter(|known| match known.starts_with('*') {
                true => hosts.iter().any(|host| host::overlap(host, known)),
                false => wildcards.iter().any(|wildcard| host::is_subset(known, wildcard)),
            })
            .cloned()
            .collect();
        for host in &of_wildcards {
            dirty.extend(self.imports.ports_of(host));
        }
    }

    /// Makes the listeners and routes of a port again.
    fn rebuild(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        number: u16,
        clusters: &mut Clusters,
        stale: &mut Stale,
    ) {
        let sources = Sources {
            egress: &self.plan.egress,
            catch_all: &self.plan.catch_all,
            imports: &self.imports,
            rules: &self.rules,
        };
        let before = self.ports.remove(&number).unwrap_or_default();
        let mut scope = scope(inputs, node);
        let made = entry::of_port(&mut scope, &sources, number);
        let old = |name: &str| self.pieces.routes.get(name).cloned();
        let routes = routes::of_port(&mut scope, &sources, &mut self.cache, clusters, number, &made.routes, old);
        let mut port = Port { l4: made.l4, served: routes.rules, findings: made.findings, ..Port::default() };
        clusters.acquire(port.clusters());
        clusters.release(before.clusters());
        port.listeners.extend(made.listeners.iter().map(|listener| listener.name.clone()));
        port.routes.extend(made.routes);
        for name in before.listeners.iter().filter(|name| !port.listeners.contains(name)) {
            self.pieces.listeners.remove(name);
        }
        for name in before.routes.iter().filter(|name| !port.routes.contains(name)) {
            self.pieces.routes.remove(name);
        }
        for listener in made.listeners {
            self.put_listener(listener);
        }
        for config in routes.configs {
            self.put_routes(config);
        }
        tell(&before, &port, stale);
        if !port.listeners.is_empty() {
            self.ports.insert(number, port);
        }
    }

    fn put_listener(&mut self, mut listener: Listener) {
        let before = self.pieces.listeners.get(&listener.name);
        if let Some(before) = before {
            let known: HashMap<_, _> = before.chains.iter().map(|chain| (&chain.matcher, chain)).collect();
            for chain in &mut listener.chains {
                if let Some(same) = known.get(&chain.matcher).filter(|old| **old == chain) {
                    *chain = (*same).clone();
                }
            }
            if **before == listener {
                return;
            }
        }
        self.pieces.listeners.insert(listener.name.clone(), Arc::new(listener));
    }

    fn put_routes(&mut self, config: RouteConfig) {
        let same = |before: &Arc<RouteConfig>| {
            before.virtual_hosts.len() == config.virtual_hosts.len()
                && std::iter::zip(&before.virtual_hosts, &config.virtual_hosts).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if !self.pieces.routes.get(&config.name).is_some_and(same) {
            self.pieces.routes.insert(config.name.clone(), Arc::new(config));
        }
    }

    /// The service that the workload means by `host`.
    pub(super) fn service(&self, host: &Name) -> Option<&Arc<Service>> {
        self.imports.first(host)
    }

    /// Listeners, routes and clusters of this side.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// See [`super::SidecarState::virtual_service_findings`].
    pub(super) fn virtual_service_findings(&self, key: &Key) -> (Vec<Finding>, bool) {
        let mut findings: Vec<Finding> = self.cache.findings(key).cloned().collect();
        let mut programmed = false;
        for port in self.ports.values() {
            if let Some(served) = port.served.get(key) {
                programmed |= served.programmed;
                findings.extend(served.findings.iter().cloned());
            }
            if let Some(l4) = port.l4.get(key) {
                programmed |= l4.programmed;
                findings.extend(l4.findings.iter().cloned());
            }
        }
        (findings, programmed)
    }

    /// See [`super::SidecarState::delegate_findings`].
    pub(super) fn delegate_findings(&self, root: &Key, leaf: &Key) -> (Vec<Finding>, bool) {
        let Some(findings) = self.cache.delegate_findings(root, leaf) else { return (Vec::new(), false) };
        let programmed = self.ports.values().filter_map(|port| port.served.get(root)).any(|served| served.programmed);
        (findings, programmed)
    }

    /// See [`super::SidecarState::destination_rule_findings`].
    pub(super) fn destination_rule_findings(&self, _key: &Key) -> &[Finding] {
        &[]
    }

    /// What is to be said of the object of this kind and name that makes services.
    pub(super) fn service_findings(&self, kind: &'static str, key: &Key) -> impl Iterator<Item = &Finding> {
        let place = (kind, key.clone());
        self.ports.values().filter_map(move |port| port.findings.get(&place)).flatten()
    }
}

/// Notes of which objects something else is to be said.
fn tell(before: &Port, after: &Port, stale: &mut Stale) {
    let l4 = before.l4.keys().chain(after.l4.keys()).filter(|key| before.l4.get(*key) != after.l4.get(*key));
    stale.virtual_services.extend(l4.cloned());
    let served = before.served.keys().chain(after.served.keys());
    let differ = |key: &&Key| before.served.get(*key) != after.served.get(*key);
    stale.virtual_services.extend(served.filter(differ).cloned());
    let places = before.findings.keys().chain(after.findings.keys());
    let differ = |place: &&(&'static str, Key)| before.findings.get(*place) != after.findings.get(*place);
    let entries = places.filter(differ).filter(|(kind, _)| *kind == "ServiceEntry");
    stale.service_entries.extend(entries.map(|(_, key)| key.clone()));
}

/// What the mesh and the Sidecar for `node` say.
fn plan(inputs: &mut Inputs<'_>, node: &ProxyNode) -> Plan {
    let of_mesh = || match inputs.mesh.outbound_traffic_policy {
        OutboundTrafficPolicy::AllowAny => CatchAll::passthrough(),
        OutboundTrafficPolicy::RegistryOnly => CatchAll::Block,
    };
    let Some(object) = sidecar::for_node(inputs.resources, node, inputs.mesh) else {
        return Plan { catch_all: of_mesh(), ..Plan::default() };
    };
    let egress: Vec<Egress> = match &object.spec.egress[..] {
        [] => vec![Egress::everything()],
        listeners => listeners.iter().filter_map(|listener| Egress::of_sidecar(listener, &node.namespace)).collect(),
    };
    let mut egress_proxy = None;
    let catch_all = match &object.spec.outbound_traffic_policy {
        None => of_mesh(),
        Some(policy) if policy.mode == OutboundTrafficPolicyMode::RegistryOnly => CatchAll::Block,
        Some(policy) => match &policy.egress_proxy {
            None => CatchAll::passthrough(),
            Some(proxy) => {
                let host = inputs.mesh.resolve_host(&proxy.host, &object.meta.namespace);
                let port = proxy.port.as_ref().and_then(|port| u16::try_from(port.number).ok()).unwrap_or_default();
                let cluster = ClusterId::new(inputs.pool, &host, port, &proxy.subset);
                let name = cluster.name.clone();
                egress_proxy = Some(cluster);
                CatchAll::Pass(name)
            }
        },
    };
    Plan { egress, catch_all, egress_proxy }
}
