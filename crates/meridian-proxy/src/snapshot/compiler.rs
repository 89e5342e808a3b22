//! From one configuration to the next: what changed, compiled.

use super::cluster::{ClusterPlan, Resolved, Transport};
use super::listener::{ListenerPlan, Tools};
use super::route::RouteTable;
use super::slot::{SlotRef, SlotTable};
use crate::tls::{ClientTls, TlsError, TlsStore, client_materials, client_tls};
use meridian_ir::tls::UpstreamTls;
use meridian_ir::{Cluster, Name, ProxyConfig};
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
    tls: TlsStore,
}

impl Compiler {
    /// What `config` changes against the configuration before. The work is in proportion to the change, but for one
    /// look at every cluster.
    pub fn compile(&mut self, config: &Arc<ProxyConfig>) -> Change {
        let has_new_materials = self.tls.update(config);
        self.compile_all(config, has_new_materials)
    }

    /// Whether the configuration refers to certificates or authorities in files.
    pub fn has_files(&self) -> bool {
        self.tls.has_files()
    }

    /// What files with certificates and authorities that have changed change.
    pub fn refresh_files(&mut self) -> Change {
        if !self.tls.refresh_files() {
            return Change::default();
        }
        let config = self.config.clone();
        self.compile_all(&config, true)
    }

    fn compile_all(&mut self, config: &Arc<ProxyConfig>, has_new_materials: bool) -> Change {
        let mut change = Change::default();
        self.compile_clusters(config, has_new_materials, &mut change);
        self.compile_routes(config, &mut change);
        self.compile_listeners(config, has_new_materials, &mut change);
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
                    plan.transport.clone(),
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

    fn compile_clusters(&mut self, config: &ProxyConfig, has_new_materials: bool, change: &mut Change) {
        for (name, cluster) in &config.clusters {
            let endpoints = config.endpoints.get(name);
            let before = self.clusters.get(name);
            let is_same = before
                .is_some_and(|plan| Arc::ptr_eq(&plan.cluster, cluster) && same(plan.endpoints.as_ref(), endpoints));
            if is_same && (!has_new_materials || cluster.tls.is_none() && cluster.auto_tls.is_none()) {
                continue;
            }
            let transport = transport(cluster, before, &mut self.tls, config);
            if is_same && before.is_some_and(|plan| plan.transport.is_same(&transport)) {
                continue;
            }
            if ClusterPlan::names(endpoints).next().is_some() {
                self.named.insert(name.clone());
            } else {
                self.named.remove(name);
            }
            let slot = self.cluster_slots.slot(name);
            let plan = ClusterPlan::new(
                slot,
                cluster.clone(),
                endpoints.cloned(),
                &self.resolved,
                transport,
                before.map(|plan| &**plan),
            );
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

    fn compile_listeners(&mut self, config: &ProxyConfig, has_new_materials: bool, change: &mut Change) {
        for (name, listener) in &config.listeners {
            let before = self.listeners.get(name);
            let is_same = |plan: &Arc<ListenerPlan>| {
                Arc::ptr_eq(&plan.listener, listener) && (!has_new_materials || plan.is_current(&mut self.tls, config))
            };
            if before.is_some_and(is_same) {
                continue;
            }
            let mut tools =
                Tools { clusters: &mut self.cluster_slots, routes: &mut self.route_slots, tls: &mut self.tls, config };
            let plan = Arc::new(ListenerPlan::new(listener, before.map(|plan| &**plan), &mut tools));
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

/// TLS of a cluster; that of `before` where neither the settings nor what they are made from changed, so that sessions
/// can be resumed.
fn transport(
    cluster: &Cluster,
    before: Option<&Arc<ClusterPlan>>,
    store: &mut TlsStore,
    config: &ProxyConfig,
) -> Transport {
    let mut compile = |settings: Option<&Arc<UpstreamTls>>, known: Option<(&Arc<UpstreamTls>, &Arc<ClientTls>)>| {
        let settings = settings?;
        let materials = client_materials(settings, store, config);
        let is_current = |tls: &&Arc<ClientTls>| tls.is_made_from(&materials);
        let known = known.filter(|(before, _)| *before == settings).map(|(_, tls)| tls).filter(is_current);
        Some(known.cloned().unwrap_or_else(|| {
            let tls = client_tls(settings, store, config);
            match tls.error() {
                // That is how every proxy of the mesh begins; what comes over TLS meanwhile fails and says so.
                Some(error @ TlsError::NoIdentity(_)) => tracing::debug!(cluster = &*cluster.name, "{error}"),
                Some(error) => tracing::warn!(cluster = &*cluster.name, "TLS handshakes fail: {error}"),
                None => {}
            }
            Arc::new(tls)
        }))
    };
    let known = |settings: fn(&Cluster) -> Option<&Arc<UpstreamTls>>,
                 tls: fn(&Transport) -> Option<&Arc<ClientTls>>| {
        before.and_then(|plan| settings(&plan.cluster).zip(tls(&plan.transport)))
    };
    Transport {
        tls: compile(cluster.tls.as_ref(), known(|cluster| cluster.tls.as_ref(), |known| known.tls.as_ref())),
        auto_tls: compile(
            cluster.auto_tls.as_ref(),
            known(|cluster| cluster.auto_tls.as_ref(), |known| known.auto_tls.as_ref()),
        ),
    }
}

fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
