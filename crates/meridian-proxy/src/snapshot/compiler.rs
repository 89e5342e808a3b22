//! From one configuration to the next: what changed, compiled.

use super::cluster::{ClusterPlan, Resolved};
use super::listener::{ListenerPlan, Slots};
use super::route::RouteTable;
use super::slot::{SlotRef, SlotTable};
use meridian_ir::{Name, ProxyConfig};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What workers must take over. Positions are those of slots; `None` is gone.
#[derive(Debug, Default)]
pub struct Change {
    /// Clusters.
    pub clusters: Vec<(usize, Option<Arc<ClusterPlan>>)>,
    /// Route tables.
    pub routes: Vec<(usize, Option<Arc<RouteTable>>)>,
    /// Listeners by name.
    pub listeners: Vec<(Name, Option<Arc<ListenerPlan>>)>,
}

impl Change {
    /// Whether there is nothing to take over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.routes.is_empty() && self.listeners.is_empty()
    }
}

/// Compiles one configuration after another.
#[derive(Debug, Default)]
pub struct Compiler {
    config: Arc<ProxyConfig>,
    clusters: HashMap<Name, Arc<ClusterPlan>>,
    /// Clusters with DNS names among their endpoints.
    named: HashSet<Name>,
    /// With their slots, which are theirs as long as they are here.
    routes: BTreeMap<Name, (SlotRef, Arc<RouteTable>)>,
    listeners: BTreeMap<Name, Arc<ListenerPlan>>,
    cluster_slots: SlotTable,
    route_slots: SlotTable,
    resolved: Resolved,
}

impl Compiler {
    /// What `config` changes against the configuration before. The work is in proportion to the change, but for one
    /// look at every cluster.
    pub fn compile(&mut self, config: &Arc<ProxyConfig>) -> Change {
        let mut change = Change::default();
        self.compile_clusters(config, &mut change);
        self.compile_routes(config, &mut change);
        self.compile_listeners(config, &mut change);
        self.config = config.clone();
        self.cluster_slots.sweep();
        self.route_slots.sweep();
        change
    }

    /// The DNS names whose addresses are needed.
    pub fn names(&self) -> HashSet<Name> {
        let clusters = self.named.iter().filter_map(|name| self.clusters.get(name));
        clusters.flat_map(|plan| ClusterPlan::names(plan.endpoints.as_ref())).cloned().collect()
    }

    /// What new addresses of DNS names change. Names without addresses are to be left out, so that their old ones stay.
    pub fn resolve(&mut self, addresses: impl IntoIterator<Item = (Name, Arc<[IpAddr]>)>) -> Change {
        let addresses = addresses.into_iter();
        let changed: HashSet<Name> = addresses
            .filter_map(|(name, addresses)| {
                let before = self.resolved.insert(name.clone(), addresses.clone());
                (before.as_ref() != Some(&addresses)).then_some(name)
            })
            .collect();
        let mut change = Change::default();
        for name in &self.named {
            let Some(plan) = self.clusters.get_mut(name) else { continue };
            if ClusterPlan::names(plan.endpoints.as_ref()).any(|name| changed.contains(name)) {
                *plan = Arc::new(ClusterPlan::new(
                    plan.slot.clone(),
                    plan.cluster.clone(),
                    plan.endpoints.clone(),
                    &self.resolved,
                    Some(plan),
                ));
                change.clusters.push((plan.slot.index, Some(plan.clone())));
            }
        }
        change
    }

    /// The cluster that runs under this name.
    pub fn cluster(&self, name: &str) -> Option<&Arc<ClusterPlan>> {
        self.clusters.get(name)
    }

    /// The listener that runs under this name.
    pub fn listener(&self, name: &str) -> Option<&Arc<ListenerPlan>> {
        self.listeners.get(name)
    }

    fn compile_clusters(&mut self, config: &ProxyConfig, change: &mut Change) {
        for (name, cluster) in &config.clusters {
            let endpoints = config.endpoints.get(name);
            let before = self.clusters.get(name);
            let is_same = before
                .is_some_and(|plan| Arc::ptr_eq(&plan.cluster, cluster) && same(plan.endpoints.as_ref(), endpoints));
            if is_same {
                continue;
            }
            if ClusterPlan::names(endpoints).next().is_some() {
                self.named.insert(name.clone());
            } else {
                self.named.remove(name);
            }
            let slot = self.cluster_slots.slot(name);
            let plan =
                ClusterPlan::new(slot, cluster.clone(), endpoints.cloned(), &self.resolved, before.map(|plan| &**plan));
            let plan = Arc::new(plan);
            change.clusters.push((plan.slot.index, Some(plan.clone())));
            self.clusters.insert(name.clone(), plan);
        }
        if self.clusters.len() > config.clusters.len() {
            let named = &mut self.named;
            self.clusters.retain(|name, plan| {
                let stays = config.clusters.contains_key(name);
                if !stays {
                    named.remove(name);
                    change.clusters.push((plan.slot.index, None));
                }
                stays
            });
        }
    }

    fn compile_routes(&mut self, config: &ProxyConfig, change: &mut Change) {
        for (name, routes) in &config.routes {
            let before = self.routes.get(name).map(|(_, table)| &**table);
            if before.is_some_and(|table| Arc::ptr_eq(&table.config, routes)) {
                continue;
            }
            let table = Arc::new(RouteTable::new(routes, before, &mut self.cluster_slots));
            let slot = self.route_slots.slot(name);
            change.routes.push((slot.index, Some(table.clone())));
            self.routes.insert(name.clone(), (slot, table));
        }
        self.routes.retain(|name, (slot, _)| {
            let stays = config.routes.contains_key(name);
            if !stays {
                change.routes.push((slot.index, None));
            }
            stays
        });
    }

    fn compile_listeners(&mut self, config: &ProxyConfig, change: &mut Change) {
        let same_secrets = config.secrets.len() == self.config.secrets.len()
            && std::iter::zip(&config.secrets, &self.config.secrets).all(|(new, old)| Arc::ptr_eq(new.1, old.1));
        for (name, listener) in &config.listeners {
            let before = self.listeners.get(name);
            let is_same = |plan: &Arc<ListenerPlan>| {
                Arc::ptr_eq(&plan.listener, listener) && (same_secrets || plan.has_secrets(&config.secrets))
            };
            if before.is_some_and(is_same) {
                continue;
            }
            let mut slots = Slots { clusters: &mut self.cluster_slots, routes: &mut self.route_slots };
            let plan = Arc::new(ListenerPlan::new(listener, &config.secrets, before.map(|plan| &**plan), &mut slots));
            change.listeners.push((name.clone(), Some(plan.clone())));
            self.listeners.insert(name.clone(), plan);
        }
        self.listeners.retain(|name, _| {
            let stays = config.listeners.contains_key(name);
            if !stays {
                change.listeners.push((name.clone(), None));
            }
            stays
        });
    }
}

fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
