//! One proxy between two translations.

use crate::condition::{Finding, Topic};
use crate::gateway_api::GatewayApi;
use crate::host;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::Scope;
use crate::istio::destination_rule::DestinationRules;
use crate::istio::gateway::{self, Bind, Merged, ServiceTarget};
use crate::istio::http_route::{self, ServerContext};
use crate::key::{Age, Key};
use crate::mesh::{GatewayTopology, MeshConfig};
use crate::pool::Pool;
use crate::proxy::clusters::{Clusters, Sources};
use crate::proxy::credentials::{Credentials, Wanted, WorkloadIdentity};
use crate::proxy::listeners::{Listeners, Plan, has_l4_rules};
use crate::proxy::node::ProxyNode;
use crate::proxy::route_table::{Contribution, RouteTable};
use crate::proxy::targets;
use crate::registry::Registry;
use crate::registry::locality;
use crate::registry::service::ExportTo;
use crate::resources::Resources;
use crate::security::authorization::{self, Authorization};
use crate::translator::{Bindings, Changes};
use meridian_ir::{Name, ProxyConfig, Route};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Up to so many VirtualServices with unknown hosts are looked at again whenever a service comes or goes, because the
/// service may be the one that was meant.
const MOST_UNRESOLVED: usize = 50;

/// What all proxies are configured from.
pub(crate) struct Inputs<'a> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) resources: &'a Resources,
    pub(crate) registry: &'a Registry,
    pub(crate) rules: &'a DestinationRules,
    pub(crate) bindings: &'a Bindings,
    pub(crate) gateway_api: &'a GatewayApi,
    pub(crate) pool: &'a mut Pool,
    pub(crate) suggestions: &'a Cell<u32>,
}

/// Objects of which something else may be to be said now.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    pub(crate) gateways: BTreeSet<Key>,
    pub(crate) virtual_services: BTreeSet<Key>,
    pub(crate) destination_rules: BTreeSet<Key>,
    pub(crate) service_entries: BTreeSet<Key>,
    /// What is to be said of objects that have no conditions.
    pub(crate) notes: Vec<String>,
    pub(crate) ingresses: BTreeSet<Key>,
}

/// The annotation of a gateway's Pod with settings of its own, in the form of `meshConfig.defaultConfig`.
const PROXY_CONFIG_ANNOTATION: &str = "proxy.istio.io/config";

/// One proxy.
#[derive(Debug)]
pub(crate) struct ProxyState {
    pub(crate) node: ProxyNode,
    /// Its locality where its Pod says none.
    given_locality: Name,
    /// Nothing was translated for it yet.
    fresh: bool,
    targets: Vec<ServiceTarget>,
    merged: Merged,
    /// Where the servers of a Gateway stand: route configuration and position.
    servers: HashMap<Name, Vec<(Name, usize)>>,
    tables: BTreeMap<Name, RouteTable>,
    bound: HashMap<Key, Bound>,
    /// VirtualServices by the hosts that they send to.
    senders: HashMap<Name, BTreeSet<Key>>,
    unresolved: BTreeSet<Key>,
    /// What is to be said of DestinationRules.
    rule_findings: BTreeMap<Key, Vec<Finding>>,
    compilations: u64,
    topology: GatewayTopology,
    authorization: Authorization,
    listeners: Listeners,
    credentials: Credentials,
    identity: Option<WorkloadIdentity>,
    identity_changed: bool,
    clusters: Clusters,
    config: Arc<ProxyConfig>,
}

/// A VirtualService as far as its HTTP rules concern a proxy.
#[derive(Debug, Default)]
struct Bound {
    /// Route configurations and hosts at which it is served.
    places: Vec<(Name, Vec<Name>)>,
    compiled: Vec<Arc<Compiled>>,
    /// Clusters that its routes name, each once.
    clusters: Vec<ClusterId>,
}

impl Bound {
    /// Gives back the room for more: there are thousands of these, most with one of each.
    fn shrink(&mut self) {
        self.places.shrink_to_fit();
        self.compiled.shrink_to_fit();
        self.clusters.shrink_to_fit();
    }
}

/// The routes of a VirtualService for one server, or for all when they do not depend on it.
#[derive(Debug)]
struct Compiled {
    only: Option<ServerContext>,
    id: u64,
    routes: Arc<[Arc<Route>]>,
    clusters: Vec<ClusterId>,
    findings: Vec<Finding>,
    /// VirtualServices that it delegates to, with what is to be said of them.
    delegates: BTreeMap<Key, Vec<Finding>>,
}

impl Compiled {
    /// What is to be said of the VirtualService and of those that it delegates to.
    fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.delegates.values().flatten())
    }
}

impl ProxyState {
    pub(crate) fn new(node: ProxyNode) -> Self {
        Self {
            given_locality: node.locality.clone(),
            node,
            fresh: true,
            targets: Vec::new(),
            merged: Merged::default(),
            servers: HashMap::new(),
            tables: BTreeMap::new(),
            bound: HashMap::new(),
            senders: HashMap::new(),
            unresolved: BTreeSet::new(),
            rule_findings: BTreeMap::new(),
            compilations: 0,
            topology: GatewayTopology::default(),
            authorization: Authorization::default(),
            listeners: Listeners::default(),
            credentials: Credentials::default(),
            identity: None,
            identity_changed: false,
            clusters: Clusters::default(),
            config: Arc::default(),
        }
    }

    /// Sets who it is in the mesh.
    pub(crate) fn set_identity(&mut self, identity: WorkloadIdentity) {
        self.identity_changed |= self.identity.as_ref() != Some(&identity);
        self.identity = Some(identity);
    }

    /// Forgets everything but who it is and the version of its configuration.
    pub(crate) fn start_over(&mut self) {
        let version = self.config.version;
        let identity = self.identity.take();
        let node = ProxyNode { locality: self.given_locality.clone(), ..self.node.clone() };
        *self = Self { identity, ..Self::new(node) };
        self.config = Arc::new(ProxyConfig { version, ..ProxyConfig::default() });
    }

    /// Takes `changes` in; a new configuration is returned when it has one.
    pub(crate) fn update(
        &mut self,
        inputs: &mut Inputs<'_>,
        changes: &Changes,
        stale: &mut Stale,
    ) -> Option<Arc<ProxyConfig>> {
        let fresh = std::mem::replace(&mut self.fresh, false);
        let before = self.config.clone();
        let topology_changed = self.read_topology(inputs, changes, fresh, stale);
        self.read_locality(inputs, changes, fresh);
        let authorization_changed = self.read_policies(inputs, changes, fresh);
        let mut dirty = self.merge(inputs, changes, fresh, stale);
        let mut outdated = if topology_changed || authorization_changed {
            self.merged.listeners.keys().cloned().collect()
        } else {
            self.listeners.with_other_servers(&self.merged)
        };
        dirty.recompile.extend(changes.virtual_services.iter().cloned());
        for host in &changes.hosts {
            dirty.recompile.extend(self.senders.get(host).into_iter().flatten().cloned());
            outdated.append(&mut self.listeners.with_host(host));
        }
        if !changes.hosts.is_empty() && self.unresolved.len() <= MOST_UNRESOLVED {
            dirty.recompile.extend(self.unresolved.iter().cloned());
        }
        dirty.place.retain(|key| !dirty.recompile.contains(key));
        for (keys, recompile) in [(&dirty.place, false), (&dirty.recompile, true)] {
            for key in keys {
                let object = inputs.resources.virtual_services.get(key);
                outdated.append(&mut self.listeners.with_rules_of(key, object.map(|object| &**object)));
                self.virtual_service(inputs, key, recompile);
            }
        }
        stale.virtual_services.extend(dirty.place);
        stale.virtual_services.extend(dirty.recompile);
        if dirty.listeners || !outdated.is_empty() {
            self.rebuild_listeners(inputs, &outdated, stale);
        }
        self.routes();
        let sources = Sources {
            mesh: inputs.mesh,
            node: &self.node,
            resources: inputs.resources,
            registry: inputs.registry,
            rules: inputs.rules,
            gateway_api: None,
        };
        self.clusters.update(sources, &changes.hosts, &changes.endpoints, &mut self.config);
        let refer_to_others = dirty.listeners || !outdated.is_empty() || self.clusters.credentials_changed();
        let identity_changed = std::mem::replace(&mut self.identity_changed, false);
        let read_anew = self.credentials.depend_on(&changes.credentials, &self.node.namespace);
        if fresh || refer_to_others || identity_changed || read_anew {
            self.read_credentials(inputs, changes, stale);
        }
        if Arc::ptr_eq(&before, &self.config) && !fresh {
            return None;
        }
        Arc::make_mut(&mut self.config).version += 1;
        Some(self.config.clone())
    }

    /// Merges the Gateways again, when something of them changed; which VirtualServices are concerned is returned.
    fn merge(&mut self, inputs: &mut Inputs<'_>, changes: &Changes, fresh: bool, stale: &mut Stale) -> Dirty {
        let mut dirty = Dirty::default();
        if !fresh && changes.gateways.is_empty() && !changes.targets {
            return dirty;
        }
        self.targets = targets::of_proxy(inputs.resources, inputs.registry, &self.node);
        let merged = gateway::merge(&inputs.resources.gateways, &self.node, &self.targets, inputs.pool);
        if merged == self.merged && !fresh {
            return dirty;
        }
        dirty.listeners = true;
        stale.gateways.extend(self.merged.findings.keys().chain(merged.findings.keys()).cloned());
        let mut before = std::mem::take(&mut self.tables);
        let mut kept: HashSet<&Name> = HashSet::new();
        self.servers.clear();
        for (name, servers) in &merged.routes {
            for (index, server) in servers.iter().enumerate() {
                self.servers.entry(server.gateway.clone()).or_default().push((name.clone(), index));
            }
            let table = match before.remove(name) {
                Some(old) if old.servers() == servers.as_slice() => {
                    kept.insert(name);
                    old
                }
                old => {
                    let gateways: BTreeSet<&Name> = servers.iter().map(|server| &server.gateway).collect();
                    dirty.place.extend(gateways.into_iter().flat_map(|gateway| inputs.bindings.keys_of(gateway)));
                    RouteTable::new(name, servers.clone(), old.as_ref())
                }
            };
            self.tables.insert(name.clone(), table);
        }
        // What stood in a table that is no more, or is another one now, is placed anew.
        let displaced = |bound: &Bound| bound.places.iter().any(|(table, _)| !kept.contains(table));
        let keys = self.bound.iter().filter(|(_, bound)| displaced(bound)).map(|(key, _)| key.clone());
        dirty.place.extend(keys);
        self.merged = merged;
        dirty
    }

    /// Puts the HTTP rules of a VirtualService in their places.
    fn virtual_service(&mut self, inputs: &mut Inputs<'_>, key: &Key, recompile: bool) {
        let old = self.bound.remove(key).unwrap_or_default();
        for (table, hosts) in &old.places {
            if let Some(table) = self.tables.get_mut(table) {
                hosts.iter().for_each(|host| table.remove(host, key));
            }
        }
        let object = inputs.resources.virtual_services.get(key);
        let object = object
            .filter(|object| is_visible(object, inputs.mesh, &self.node))
            .filter(|object| !object.spec.http.is_empty());
        let new = match object {
            Some(object) => self.bind(inputs, object, if recompile { &[] } else { &old.compiled }),
            None => Bound::default(),
        };
        self.clusters.acquire(&new.clusters);
        self.clusters.release(&old.clusters);
        self.remember_hosts(key, &old.clusters, &new.clusters);
        let unresolved = |finding: &Finding| finding.topic == Topic::BackendNotFound;
        if new.compiled.iter().flat_map(|compiled| compiled.all_findings()).any(unresolved) {
            self.unresolved.insert(key.clone());
        } else {
            self.unresolved.remove(key);
        }
        if !new.compiled.is_empty() {
            self.bound.insert(key.clone(), new);
        }
    }

    fn remember_hosts(&mut self, key: &Key, old: &[ClusterId], new: &[ClusterId]) {
        for cluster in old.iter().filter(|old| !new.iter().any(|new| new.host == old.host)) {
            if let Some(senders) = self.senders.get_mut(&cluster.host) {
                senders.remove(key);
                if senders.is_empty() {
                    self.senders.remove(&cluster.host);
                }
            }
        }
        for cluster in new {
            self.senders.entry(cluster.host.clone()).or_default().insert(key.clone());
        }
    }

    /// Finds the servers that serve a VirtualService and compiles it for them; `known` are compilations that hold.
    fn bind(
        &mut self,
        inputs: &mut Inputs<'_>,
        object: &Arc<Object<VirtualService>>,
        known: &[Arc<Compiled>],
    ) -> Bound {
        let (namespace, age) = (&object.meta.namespace, Age::of(&object.meta));
        let hosts: Vec<Name> =
            object.spec.hosts.iter().map(|host| inputs.pool.name(&inputs.mesh.resolve_host(host, namespace))).collect();
        let gateways: BTreeSet<String> =
            object.spec.gateways.iter().map(|gateway| http_route::resolve_gateway(gateway, namespace)).collect();
        let places: Vec<(Name, usize)> =
            gateways.iter().filter_map(|gateway| self.servers.get(&**gateway)).flatten().cloned().collect();
        let mut bound = Bound::default();
        for (name, index) in places {
            let Some(server) = self.tables.get(&name).and_then(|table| table.servers().get(index)).cloned() else {
                continue;
            };
            let common = host::intersection(&server.hosts, &hosts, namespace);
            if common.is_empty() {
                continue;
            }
            let compiled = self.compiled(inputs, object, &server, &mut bound, known);
            let Some(table) = self.tables.get_mut(&name).filter(|_| !compiled.routes.is_empty()) else { continue };
            for host in &common {
                let (id, routes) = (compiled.id, compiled.routes.clone());
                table.insert(host, Contribution { server: index, age: age.clone(), id, routes });
            }
            bound.places.push((name, common));
        }
        for cluster in bound.compiled.iter().flat_map(|compiled| &compiled.clusters) {
            if !bound.clusters.contains(cluster) {
                bound.clusters.push(cluster.clone());
            }
        }
        bound.shrink();
        bound
    }

    /// The routes of `object` for `server`: those that it has in `bound` already, those that hold from before, or new
    /// ones.
    fn compiled(
        &mut self,
        inputs: &mut Inputs<'_>,
        object: &Object<VirtualService>,
        server: &gateway::Server,
        bound: &mut Bound,
        known: &[Arc<Compiled>],
    ) -> Arc<Compiled> {
        let context = ServerContext { gateway: server.gateway.clone(), port: server.port, is_tls: server.is_tls() };
        let fits = |compiled: &&Arc<Compiled>| compiled.only.as_ref().is_none_or(|only| *only == context);
        if let Some(compiled) = bound.compiled.iter().find(fits) {
            return compiled.clone();
        }
        let compiled = known.iter().find(fits).cloned().unwrap_or_else(|| {
            let mut made = http_route::compile(&mut scope(inputs, &self.node), object, &context);
            made.collected.clusters.shrink_to_fit();
            self.compilations += 1;
            Arc::new(Compiled {
                only: made.collected.depends_on_server.then_some(context),
                id: self.compilations,
                routes: made.routes.into(),
                clusters: made.collected.clusters,
                findings: made.collected.findings,
                delegates: made.collected.delegates,
            })
        });
        bound.compiled.push(compiled.clone());
        compiled
    }

    /// Whether what is in front of the gateway is another than before.
    fn read_topology(&mut self, inputs: &Inputs<'_>, changes: &Changes, fresh: bool, stale: &mut Stale) -> bool {
        let pod = Key { namespace: self.node.namespace.clone(), name: self.node.name.clone() };
        if !fresh && !changes.pods.contains(&pod) {
            return false;
        }
        let topology = topology_of(inputs, &self.node, stale);
        let before = std::mem::replace(&mut self.topology, topology);
        before != self.topology
    }

    /// Whether other policies than before apply to it.
    fn read_policies(&mut self, inputs: &Inputs<'_>, changes: &Changes, fresh: bool) -> bool {
        if !fresh && !authorization::may_concern(&changes.authorization_policies, inputs.mesh, &self.node) {
            return false;
        }
        let new = Authorization::of_proxy(inputs.mesh, inputs.resources, &self.node);
        let before = std::mem::replace(&mut self.authorization, new);
        before != self.authorization
    }

    /// Where the gateway is, as its Pod's labels say; otherwise where it was said to be.
    fn read_locality(&mut self, inputs: &Inputs<'_>, changes: &Changes, fresh: bool) {
        let pod = Key { namespace: self.node.namespace.clone(), name: self.node.name.clone() };
        if !fresh && !changes.pods.contains(&pod) {
            return;
        }
        let locality = locality_of(inputs, &self.node, &self.given_locality);
        if locality != self.node.locality {
            self.node.locality = locality;
            self.clusters.touch_all();
        }
    }

    fn rebuild_listeners(&mut self, inputs: &mut Inputs<'_>, outdated: &BTreeSet<Bind>, stale: &mut Stale) {
        let node = self.node.clone();
        let (mesh, bindings, resources) = (inputs.mesh, inputs.bindings, inputs.resources);
        let bound_to = |gateway: &str| {
            let objects = bindings.keys_of(gateway).filter_map(|key| resources.virtual_services.get(&key));
            objects
                .filter(|object| has_l4_rules(object) && is_visible(object, mesh, &node))
                .cloned()
                .collect::<Vec<_>>()
        };
        let plan = Plan {
            topology: &self.topology,
            authorization: &self.authorization,
            merged: &self.merged,
            bound_to: &bound_to,
        };
        self.listeners.rebuild(&mut scope(inputs, &self.node), &plan, outdated, &mut self.clusters, stale);
        self.listeners.publish(&mut self.config);
    }

    fn read_credentials(&mut self, inputs: &Inputs<'_>, changes: &Changes, stale: &mut Stale) {
        let mut wanted = Wanted::default();
        self.listeners.needs().for_each(|need| wanted.add(&need.name, need.is_authority));
        self.clusters.credentials().for_each(|(name, is_authority)| wanted.add(name, is_authority));
        let concerned = self.credentials.update(
            inputs.resources,
            &self.node.namespace,
            &wanted,
            &self.listeners.needs().collect::<Vec<_>>(),
            &changes.credentials,
            self.identity.as_ref(),
        );
        stale.gateways.extend(concerned);
        let of_rules = self.credentials.destination_rules(self.clusters.credentials_by_cluster());
        let before = std::mem::replace(&mut self.rule_findings, of_rules);
        let differs = |key: &&Key| before.get(*key) != self.rule_findings.get(*key);
        stale.destination_rules.extend(before.keys().chain(self.rule_findings.keys()).filter(differs).cloned());
        self.credentials.publish(self.identity.as_ref(), &mut self.config);
    }

    fn routes(&mut self) {
        for (name, table) in &mut self.tables {
            table.refresh();
            if !self.config.routes.get(name).is_some_and(|old| Arc::ptr_eq(old, table.config())) {
                Arc::make_mut(&mut self.config).routes.insert(name.clone(), table.config().clone());
            }
        }
        if self.config.routes.len() != self.tables.len() {
            let tables = &self.tables;
            Arc::make_mut(&mut self.config).routes.retain(|name, _| tables.contains_key(name));
        }
    }

    /// What is to be said of a Gateway because of this proxy; `None` when it does not select it.
    pub(crate) fn gateway_findings(&self, key: &Key) -> Option<Vec<Finding>> {
        let mut findings = self.merged.findings.get(key)?.clone();
        findings.extend(self.listeners.gateway_findings(key).chain(self.credentials.gateway_findings(key)).cloned());
        Some(findings)
    }

    /// What is to be said of a VirtualService because of this proxy, and whether the proxy serves any of it.
    pub(crate) fn virtual_service_findings(&self, key: &Key) -> (Vec<Finding>, bool) {
        let mut findings = Vec::new();
        let mut programmed = false;
        if let Some(bound) = self.bound.get(key) {
            findings.extend(bound.compiled.iter().flat_map(|compiled| &compiled.findings).cloned());
            programmed |= !bound.places.is_empty();
        }
        for l4 in self.listeners.rules_of(key) {
            findings.extend(l4.findings.iter().cloned());
            programmed |= l4.programmed;
        }
        (findings, programmed)
    }

    /// What is to be said of the VirtualService `leaf` because `root` delegates to it, and whether the proxy serves any
    /// of it so.
    pub(crate) fn delegate_findings(&self, root: &Key, leaf: &Key) -> (Vec<Finding>, bool) {
        let Some(bound) = self.bound.get(root) else { return (Vec::new(), false) };
        let of_leaf: Vec<_> = bound.compiled.iter().filter_map(|compiled| compiled.delegates.get(leaf)).collect();
        let programmed = !of_leaf.is_empty() && !bound.places.is_empty();
        (of_leaf.into_iter().flatten().cloned().collect(), programmed)
    }

    /// What is to be said of a DestinationRule because of this proxy.
    pub(crate) fn destination_rule_findings(&self, key: &Key) -> &[Finding] {
        self.rule_findings.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a Gateway selects this proxy.
    pub(crate) fn is_selected_by(&self, key: &Key) -> bool {
        self.merged.findings.contains_key(key)
    }
}

/// What a change leads to.
#[derive(Debug, Default)]
struct Dirty {
    listeners: bool,
    /// VirtualServices whose routes hold, but not their places.
    place: BTreeSet<Key>,
    /// VirtualServices whose routes do not hold.
    recompile: BTreeSet<Key>,
}

fn is_visible(object: &Object<VirtualService>, mesh: &MeshConfig, node: &ProxyNode) -> bool {
    let export_to = object.spec.export_to.iter().map(String::as_str);
    let default = &mesh.default_export_to.virtual_services;
    ExportTo::or_default(export_to, default, &object.meta.namespace).includes(&node.namespace)
}

/// What is in front of a gateway, as the mesh and its Pod say.
pub(crate) fn topology_of(inputs: &Inputs<'_>, node: &ProxyNode, stale: &mut Stale) -> GatewayTopology {
    let pod = Key { namespace: node.namespace.clone(), name: node.name.clone() };
    let mut topology = inputs.mesh.gateway_topology.clone();
    let object = inputs.resources.pods.get(&pod);
    if let Some(annotation) = object.and_then(|pod| pod.meta.annotations.get(PROXY_CONFIG_ANNOTATION)) {
        let problems = topology.with_annotation(annotation);
        let note = |problem: String| format!("Pod {pod}, annotation {PROXY_CONFIG_ANNOTATION}: {problem}");
        stale.notes.extend(problems.into_iter().map(note));
    }
    topology
}

/// Where a gateway is, as its Pod's labels say; otherwise `given`.
pub(crate) fn locality_of(inputs: &Inputs<'_>, node: &ProxyNode, given: &Name) -> Name {
    let pod = Key { namespace: node.namespace.clone(), name: node.name.clone() };
    let labels = inputs.resources.pods.get(&pod).map(|pod| &pod.meta.labels);
    match labels.map(locality::of_labels) {
        Some(of_pod) if !of_pod.is_empty() => of_pod.into(),
        _ => given.clone(),
    }
}

/// What the routes and listeners of `node` can see.
pub(crate) fn scope<'a>(inputs: &'a mut Inputs<'_>, node: &'a ProxyNode) -> Scope<'a> {
    Scope {
        mesh: inputs.mesh,
        node,
        registry: inputs.registry,
        rules: inputs.rules,
        resources: inputs.resources,
        virtual_services: &inputs.resources.virtual_services,
        pool: inputs.pool,
        suggestions: inputs.suggestions,
    }
}
