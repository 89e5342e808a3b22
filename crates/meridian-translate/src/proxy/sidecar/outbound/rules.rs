//! The VirtualServices that hold for what a sidecar's workload sends, found by host.

use crate::host;
use crate::istio::http_route::{MESH, resolve_gateway};
use crate::key::{Age, Key};
use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use crate::registry::service::ExportTo;
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One VirtualService.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) key: Key,
    /// Its hosts, with short names resolved.
    pub(super) hosts: Vec<Name>,
    pub(super) object: Arc<Object<VirtualService>>,
    order: Order,
}

/// Those that only the proxy's namespace sees come first, then those for some namespaces, then those for all; in each
/// class the older.
type Order = (u8, Age);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Rules {
    by_order: BTreeMap<Order, Rule>,
    orders: HashMap<Key, Order>,
    exact: HashMap<Name, BTreeSet<Order>>,
    wildcards: BTreeMap<Name, BTreeSet<Order>>,
}

impl Rules {
    /// Replaces what is known of a VirtualService; the hosts of before and of now are returned.
    pub(super) fn put(
        &mut self,
        key: &Key,
        object: Option<&Arc<Object<VirtualService>>>,
        mesh: &MeshConfig,
        node: &ProxyNode,
    ) -> Vec<Name> {
        let mut hosts = Vec::new();
        if let Some(rule) = self.orders.remove(key).and_then(|order| self.by_order.remove(&order)) {
            self.unlink(&rule);
            hosts = rule.hosts;
        }
        let rule = object.filter(|object| is_for_mesh(object)).and_then(|object| rule(object, mesh, node));
        let Some(rule) = rule else { return hosts };
        for host in &rule.hosts {
            let orders = match host.starts_with('*') {
                true => self.wildcards.entry(host.clone()).or_default(),
                false => self.exact.entry(host.clone()).or_default(),
            };
            orders.insert(rule.order.clone());
        }
        hosts.extend(rule.hosts.iter().cloned());
        self.orders.insert(key.clone(), rule.order.clone());
        self.by_order.insert(rule.order.clone(), rule);
        hosts
    }

    fn unlink(&mut self, rule: &Rule) {
        for host in &rule.hosts {
            let emptied = |orders: &mut BTreeSet<Order>| {
                orders.remove(&rule.order);
                orders.is_empty()
            };
            if self.exact.get_mut(host).is_some_and(emptied) {
                self.exact.remove(host);
            }
            if self.wildcards.get_mut(host).is_some_and(emptied) {
                self.wildcards.remove(host);
            }
        }
    }

    /// All, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Rule> {
        self.by_order.values()
    }

    /// One of them.
    pub(super) fn get(&self, key: &Key) -> Option<&Rule> {
        self.by_order.get(self.orders.get(key)?)
    }

    /// Those with a host that overlaps `host`, in order.
    pub(super) fn overlapping(&self, host: &Name) -> Vec<&Rule> {
        if self.by_order.is_empty() {
            return Vec::new();
        }
        let mut orders: BTreeSet<&Order> = self.exact.get(host).into_iter().flatten().collect();
        let wildcards = self.wildcards.iter().filter(|(own, _)| host::overlap(own, host));
        orders.extend(wildcards.flat_map(|(_, orders)| orders));
        if host.starts_with('*') {
            let covered = self.exact.iter().filter(|(own, _)| host::is_subset(own, host));
            orders.extend(covered.flat_map(|(_, orders)| orders));
        }
        orders.into_iter().filter_map(|order| self.by_order.get(order)).collect()
    }

    /// The one that speaks for a service's `host` among those with wildcards: the first of the most specific host that
    /// covers it, `None` when that host is no wildcard.
    pub(super) fn wildcard_for(&self, host: &Name, imported: impl Fn(&Rule) -> bool) -> Option<&Rule> {
        let first = |orders: &BTreeSet<Order>| {
            orders.iter().filter_map(|order| self.by_order.get(order)).find(|rule| imported(rule))
        };
        if self.exact.get(host).and_then(first).is_some() {
            return None;
        }
        let mut covering: Vec<_> = self.wildcards.iter().filter(|(own, _)| host::is_subset(host, own)).collect();
        covering.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
        covering.into_iter().find_map(|(_, orders)| first(orders))
    }
}

/// Whether a VirtualService is bound to sidecars: it names `mesh`, or nothing.
fn is_for_mesh(object: &Object<VirtualService>) -> bool {
    let gateways = &object.spec.gateways;
    let is_mesh = |gateway: &String| resolve_gateway(gateway, &object.meta.namespace) == MESH;
    gateways.is_empty() || gateways.iter().any(is_mesh)
}

fn rule(object: &Arc<Object<VirtualService>>, mesh: &MeshConfig, node: &ProxyNode) -> Option<Rule> {
    let namespace = &object.meta.namespace;
    let written = object.spec.export_to.iter().map(String::as_str);
    let export_to = ExportTo::or_default(written, &mesh.default_export_to.virtual_services, namespace);
    if object.spec.hosts.is_empty() || !export_to.includes(&node.namespace) {
        return None;
    }
    let class = match &export_to {
        ExportTo::All => 2,
        ExportTo::Only(only) if only.contains(namespace) => 0,
        ExportTo::Only(_) => 1,
    };
    let hosts = object.spec.hosts.iter().map(|host| mesh.resolve_host(host, namespace).into()).collect();
    let order = (class, Age::of(&object.meta));
    Some(Rule { key: Key::of(&object.meta), hosts, object: object.clone(), order })
}
