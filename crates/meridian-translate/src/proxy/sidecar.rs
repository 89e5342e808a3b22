//! One sidecar between two translations: what its workload sends ([`outbound`]) and what comes to it ([`inbound`]).

mod inbound;
mod outbound;

use crate::condition::Finding;
use crate::key::Key;
use crate::proxy::clusters::{Clusters, Sources};
use crate::proxy::credentials::{Credentials, Wanted, WorkloadIdentity};
use crate::proxy::names;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{Inputs, Stale};
use crate::translator::Changes;
use inbound::Inbound;
use meridian_ir::name_table::Names;
use meridian_ir::{Cluster, Endpoints, Listener, Name, ProxyConfig, RouteConfig};
use outbound::Outbound;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Pieces of a configuration that one side makes by itself; those that are as before keep their `Arc`s.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) listeners: BTreeMap<Name, Arc<Listener>>,
    pub(crate) routes: BTreeMap<Name, Arc<RouteConfig>>,
    /// Clusters that are not those of a service's port: `PassthroughCluster`, `inbound|8000||`.
    pub(crate) clusters: BTreeMap<Name, (Arc<Cluster>, Option<Arc<Endpoints>>)>,
}

/// One sidecar.
#[derive(Debug)]
pub(crate) struct SidecarState {
    pub(crate) node: ProxyNode,
    /// Nothing was translated for it yet.
    fresh: bool,
    outbound: Outbound,
    inbound: Inbound,
    /// Clusters of services, which the outbound side names.
    clusters: Clusters,
    /// Names of the clusters that were put into the configuration from [`Pieces`].
    own_clusters: BTreeSet<Name>,
    credentials: Credentials,
    /// What is to be said of DestinationRules.
    rule_findings: BTreeMap<Key, Vec<Finding>>,
    identity: Option<WorkloadIdentity>,
    identity_changed: bool,
    config: Arc<ProxyConfig>,
}

impl SidecarState {
    pub(crate) fn new(node: ProxyNode) -> Self {
        Self {
            node,
            fresh: true,
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            clusters: Clusters::default(),
            own_clusters: BTreeSet::new(),
            credentials: Credentials::default(),
            rule_findings: BTreeMap::new(),
            identity: None,
            identity_changed: false,
            config: Arc::default(),
        }
    }

    /// Sets who it is in the mesh.
    pub(crate) fn set_identity(&mut self, identity: WorkloadIdentity) {
        self.identity_changed |= self.identity.as_ref() != Some(&identity);
        self.identity = Some(identity);
    }

    /// Has everything translated anew. What comes out the same stays the same: a setting of the mesh is about little of
    /// it, and only what is different goes to the proxy.
    pub(crate) fn start_over(&mut self) {
        self.fresh = true;
        self.inbound = Inbound::default();
        self.clusters.touch_all();
        self.credentials = Credentials::default();
        Arc::make_mut(&mut self.config).names = Names::default();
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
        let outbound = self.outbound.update(inputs, &self.node, changes, fresh, &mut self.clusters, stale);
        let inbound = self.inbound.update(inputs, &self.node, changes, fresh, stale);
        if outbound || inbound {
            self.publish();
        }
        if self.node.dns_capture {
            self.names(inputs, changes, fresh);
        }
        let sources = Sources {
            mesh: inputs.mesh,
            node: &self.node,
            resources: inputs.resources,
            registry: inputs.registry,
            rules: inputs.rules,
            gateway_api: None,
        };
        self.clusters.update(sources, &changes.hosts, &changes.endpoints, &mut self.config);
        let identity_changed = std::mem::replace(&mut self.identity_changed, false);
        let others = self.clusters.credentials_changed() || identity_changed || inbound;
        let others = others || !changes.destination_rules.is_empty();
        if fresh || others || self.credentials.depend_on(&changes.credentials, &self.node.namespace) {
            self.read_credentials(inputs, changes, stale);
        }
        if Arc::ptr_eq(&before, &self.config) && !fresh {
            return None;
        }
        Arc::make_mut(&mut self.config).version += 1;
        Some(self.config.clone())
    }

    /// Puts the pieces of both sides into the configuration.
    fn publish(&mut self) {
        let config = Arc::make_mut(&mut self.config);
        let sides = [self.outbound.pieces(), self.inbound.pieces()];
        config.listeners = same_or_new(sides.iter().flat_map(|side| &side.listeners), &config.listeners);
        config.routes = same_or_new(sides.iter().flat_map(|side| &side.routes), &config.routes);
        let mut before = HashMap::new();
        for name in std::mem::take(&mut self.own_clusters) {
            config.endpoints.remove(&name);
            before.extend(config.clusters.remove(&name).map(|cluster| (name, cluster)));
        }
        for (name, (cluster, endpoints)) in sides.iter().flat_map(|side| &side.clusters) {
            let cluster = before.remove(name).filter(|old| old == cluster).unwrap_or_else(|| cluster.clone());
            config.clusters.insert(name.clone(), cluster);
            config.endpoints.extend(endpoints.iter().map(|endpoints| (name.clone(), endpoints.clone())));
            self.own_clusters.insert(name.clone());
        }
    }

    /// The names that its DNS proxy answers for.
    fn names(&mut self, inputs: &Inputs<'_>, changes: &Changes, fresh: bool) {
        let mut names = self.config.names.clone();
        let all: Vec<&Name> = match fresh {
            true => inputs.registry.all_hosts().collect(),
            false => changes.hosts.iter().chain(&changes.endpoints).collect(),
        };
        let mut changed = false;
        for host in all {
            let service = self.outbound.service(host).map(|service| &**service);
            changed |= names::update(&mut names, inputs.resources, inputs.mesh, &self.node, host, service);
        }
        if changed {
            Arc::make_mut(&mut self.config).names = names;
        }
    }

    fn read_credentials(&mut self, inputs: &Inputs<'_>, changes: &Changes, stale: &mut Stale) {
        let mut wanted = Wanted::default();
        self.clusters.credentials().for_each(|(name, is_authority)| wanted.add(name, is_authority));
        self.inbound.credentials().for_each(|(name, is_authority)| wanted.add(name, is_authority));
        let namespace = &self.node.namespace;
        let identity = self.identity.as_ref();
        self.credentials.update(inputs.resources, namespace, &wanted, &[], &changes.credentials, identity);
        let mut of_rules = self.credentials.destination_rules(self.clusters.credentials_by_cluster());
        // Every sidecar has every cluster: only a rule for selected workloads means its Secret for them, as in Istio.
        let is_selective = |key: &Key| {
            let rule = inputs.resources.destination_rules.get(key);
            rule.is_some_and(|rule| rule.spec.workload_selector.is_some())
        };
        of_rules.retain(|key, _| is_selective(key));
        let before = std::mem::replace(&mut self.rule_findings, of_rules);
        let differs = |key: &&Key| before.get(*key) != self.rule_findings.get(*key);
        stale.destination_rules.extend(before.keys().chain(self.rule_findings.keys()).filter(differs).cloned());
        self.credentials.publish(identity, &mut self.config);
    }

    /// What is to be said of a VirtualService because of this proxy, and whether the proxy serves any of it.
    pub(crate) fn virtual_service_findings(&self, key: &Key) -> (Vec<Finding>, bool) {
        self.outbound.virtual_service_findings(key)
    }

    /// The same of the VirtualService `leaf`, because `root` delegates to it.
    pub(crate) fn delegate_findings(&self, root: &Key, leaf: &Key) -> (Vec<Finding>, bool) {
        self.outbound.delegate_findings(root, leaf)
    }

    /// What is to be said of a DestinationRule because of this proxy.
    pub(crate) fn destination_rule_findings(&self, key: &Key) -> &[Finding] {
        self.rule_findings.get(key).map_or(&[], Vec::as_slice)
    }

    /// What is to be said of a ServiceEntry because of this proxy.
    pub(crate) fn service_entry_findings(&self, key: &Key) -> Vec<Finding> {
        self.outbound.service_findings("ServiceEntry", key).collect()
    }
}

/// `pieces` by name, those of `before` where they are the same.
fn same_or_new<'p, T: PartialEq + 'p>(
    pieces: impl Iterator<Item = (&'p Name, &'p Arc<T>)>,
    before: &BTreeMap<Name, Arc<T>>,
) -> BTreeMap<Name, Arc<T>> {
    let one = |(name, piece): (&Name, &Arc<T>)| {
        let same = |old: &&Arc<T>| Arc::ptr_eq(old, piece) || old == &piece;
        (name.clone(), before.get(name).filter(same).unwrap_or(piece).clone())
    };
    pieces.map(one).collect()
}
