//! What a sidecar's workload sends: the listener `virtualOutbound`, a listener for each address and port of the services
//! that the sidecar sees, and the routes of those that carry HTTP.
//!
//! Everything is kept by port. A change of one object makes only those listeners and routes again that hosts have to do
//! with which it is about, and of these the parts that come out the same stay what they are.

mod catch_all;
mod chains;
mod compiled;
mod domains;
mod egress;
mod entry;
mod imports;
mod port;
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
use crate::proxy::listeners::has_l4_rules;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{Inputs, Stale, scope};
use crate::registry::service::Service;
use crate::telemetry::{self, Side};
use crate::translator::Changes;
use catch_all::CatchAll;
use compiled::Cache;
use egress::Egress;
use entry::Sources;
use imports::Imports;
use meridian_ir::{Listener, Name, RouteConfig};
use meridian_resources::istio::sidecar::OutboundTrafficPolicyMode;
use port::Port;
use routes::Tools;
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
            let own = catch_all::clusters(inputs.mesh, &self.plan.catch_all);
            if own != self.pieces.clusters {
                self.pieces.clusters = own;
            }
            let logs = telemetry::access_logs(&scope(inputs, node), Side::Client);
            let mut listener = catch_all::listener(&mut scope(inputs, node), &self.plan.catch_all, logs);
            listener.access_log = telemetry::listener_logs(&scope(inputs, node), Side::Client);
            self.put_listener(listener);
        }
        let mut dirty = Dirty::default();
        if anew {
            for (number, port) in &self.ports {
                dirty.ports.insert(*number, Touched { listeners: port.hosts().cloned().collect(), routes: true });
            }
        }
        self.hosts(inputs, node, changes, anew, clusters, &mut dirty);
        self.virtual_services(inputs, node, changes, anew, clusters, &mut dirty, stale);
        let is_dirty = !dirty.ports.is_empty();
        for (number, touched) in dirty.ports {
            self.rebuild(inputs, node, number, &touched, &dirty.routes, clusters, stale);
        }
        anew || is_dirty
    }

    /// Services that changed, and those that they are other names for.
    fn hosts(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        changes: &Changes,
        anew: bool,
        clusters: &mut Clusters,
        dirty: &mut Dirty,
    ) {
        let mut hosts: BTreeSet<Name> = match anew {
            true => inputs.registry.all_hosts().chain(self.imports.hosts()).cloned().collect(),
            false => changes.hosts.clone(),
        };
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
            for port in ports {
                dirty.listener(port, host);
            }
            dirty.routes.insert(host.clone());
        }
        if anew {
            return;
        }
        // Listeners of headless services are at their endpoints' addresses.
        for host in &changes.endpoints {
            if inputs.registry.services(host).iter().any(|service| service.passthrough) {
                for port in self.imports.ports_of(host) {
                    dirty.listener(port, host);
                }
            }
        }
        for (number, port) in &self.ports {
            for host in port.sending_to(&changes.hosts) {
                dirty.listener(*number, host);
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
        dirty: &mut Dirty,
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
        let mut is_l4 = false;
        for key in &outdated {
            self.cache.forget(key, clusters);
            let has_l4 = |rules: &Rules| rules.get(key).is_some_and(|rule| has_l4_rules(&rule.object));
            is_l4 |= changed.contains(key) && has_l4(&self.rules);
            if changed.contains(key) {
                hosts.extend(self.rules.put(key, inputs.resources.virtual_services.get(key), inputs.mesh, node));
            } else {
                hosts.extend(self.rules.get(key).into_iter().flat_map(|rule| rule.hosts.iter().cloned()));
            }
            is_l4 |= changed.contains(key) && has_l4(&self.rules);
        }
        stale.virtual_services.extend(outdated);
        if hosts.is_empty() {
            return;
        }
        dirty.ports.entry(routes::HTTP_PORT).or_default().routes = true;
        for host in self.concerned(&hosts) {
            for port in self.imports.ports_of(&host) {
                dirty.ports.entry(port).or_default().routes = true;
                if is_l4 {
                    dirty.listener(port, &host);
                }
            }
            dirty.routes.insert(host);
        }
    }

    /// The hosts that are seen among those of VirtualServices; one of these may be a host of a wildcard service, and the
    /// other way round.
    fn concerned(&self, hosts: &BTreeSet<Name>) -> BTreeSet<Name> {
        let mut concerned: BTreeSet<Name> =
            hosts.iter().filter(|host| self.imports.get(host).is_some()).cloned().collect();
        let wildcards: Vec<&Name> = hosts.iter().filter(|host| host.starts_with('*')).collect();
        let overlapping = self.imports.hosts().filter(|known| match known.starts_with('*') {
            true => hosts.iter().any(|host| host::overlap(host, known)),
            false => wildcards.iter().any(|wildcard| host::is_subset(known, wildcard)),
        });
        concerned.extend(overlapping.cloned());
        concerned
    }

    /// Makes what is touched of a port again.
    #[expect(clippy::too_many_arguments, reason = "all of it is one update's")]
    fn rebuild(
        &mut self,
        inputs: &mut Inputs<'_>,
        node: &ProxyNode,
        number: u16,
        touched: &Touched,
        hosts: &BTreeSet<Name>,
        clusters: &mut Clusters,
        stale: &mut Stale,
    ) {
        let sources = Sources {
            egress: &self.plan.egress,
            catch_all: &self.plan.catch_all,
            imports: &self.imports,
            rules: &self.rules,
        };
        let mut port = self.ports.remove(&number).unwrap_or_default();
        let mut scope = scope(inputs, node);
        let listeners = port.relisten(&mut scope, &sources, number, &touched.listeners, clusters, stale);
        let mut tools = Tools { scope: &mut scope, cache: &mut self.cache, clusters };
        let old = &self.pieces.routes;
        let routes = port.reroute(&mut tools, &sources, number, touched, hosts, old, stale);
        for (name, listener) in listeners {
            match listener {
                Some(listener) => self.put_listener(listener),
                None => _ = self.pieces.listeners.remove(&name),
            }
        }
        for (name, config) in routes {
            match config {
                Some(config) => self.put_routes(config),
                None => _ = self.pieces.routes.remove(&name),
            }
        }
        if !port.is_empty() {
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
        let same = |before: &Arc<RouteConfig>| before.virtual_hosts.is_same(&config.virtual_hosts);
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
            for (of_port, serves) in port.rules_of(key) {
                programmed |= serves;
                findings.extend(of_port.iter().cloned());
            }
        }
        (findings, programmed)
    }

    /// See [`super::SidecarState::delegate_findings`].
    pub(super) fn delegate_findings(&self, root: &Key, leaf: &Key) -> (Vec<Finding>, bool) {
        let Some(findings) = self.cache.delegate_findings(root, leaf) else { return (Vec::new(), false) };
        let programmed = self.ports.values().any(|port| port.serves(root));
        (findings, programmed)
    }

    /// What is to be said of the object of this kind and name that makes services.
    pub(super) fn service_findings(&self, kind: &'static str, key: &Key) -> impl Iterator<Item = Finding> {
        let place = (kind, key.clone());
        self.ports.values().flat_map(move |port| port.findings_of(&place).cloned().collect::<Vec<_>>())
    }
}

/// What a change leads to.
#[derive(Debug, Default)]
struct Dirty {
    ports: BTreeMap<u16, Touched>,
    /// Hosts whose routes may be others.
    routes: BTreeSet<Name>,
}

/// What is to be made again of a port.
#[derive(Debug, Default)]
struct Touched {
    /// Hosts whose listeners may be others.
    listeners: BTreeSet<Name>,
    /// Whether routes may be others.
    routes: bool,
}

impl Dirty {
    /// The listeners of a host on a port, and with them the routes.
    fn listener(&mut self, port: u16, host: &Name) {
        let touched = self.ports.entry(port).or_default();
        touched.listeners.insert(host.clone());
        touched.routes = true;
    }
}

/// What the mesh and the Sidecar for `node` say.
fn plan(inputs: &mut Inputs<'_>, node: &ProxyNode) -> Plan {
    let of_mesh = || match inputs.mesh.outbound_traffic_policy {
        OutboundTrafficPolicy::AllowAny => CatchAll::passthrough(),
        OutboundTrafficPolicy::RegistryOnly => CatchAll::Block,
        OutboundTrafficPolicy::AllowAnyDynamicDns => CatchAll::Named,
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
