//! The HTTP rules of VirtualServices as routes of a sidecar, compiled once for all ports where they do not depend on the
//! port.

use crate::condition::{Finding, Topic};
use crate::istio::cluster::ClusterId;
use crate::istio::destination::Scope;
use crate::istio::http_route::{self, MESH, ServerContext};
use crate::key::Key;
use crate::proxy::clusters::Clusters;
use meridian_ir::{Name, Route};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The routes of a VirtualService on one port, or on all.
#[derive(Debug)]
pub(super) struct Compiled {
    only: Option<u16>,
    pub(super) routes: Arc<[Arc<Route>]>,
    clusters: Vec<ClusterId>,
    findings: Vec<Finding>,
    delegates: BTreeMap<Key, Vec<Finding>>,
}

/// All that were compiled.
#[derive(Debug, Default)]
pub(super) struct Cache {
    by_rule: HashMap<Key, Vec<Arc<Compiled>>>,
    /// VirtualServices by the hosts that they send to.
    senders: HashMap<Name, BTreeSet<Key>>,
}

impl Cache {
    /// The routes of `object` on `port`.
    pub(super) fn get(
        &mut self,
        scope: &mut Scope<'_>,
        object: &Object<VirtualService>,
        port: u16,
        clusters: &mut Clusters,
    ) -> Arc<Compiled> {
        let key = Key::of(&object.meta);
        let fits = |compiled: &&Arc<Compiled>| compiled.only.is_none_or(|only| only == port);
        if let Some(known) = self.by_rule.get(&key).and_then(|known| known.iter().find(fits)) {
            return known.clone();
        }
        let context = ServerContext { gateway: scope.pool.name(MESH), port, is_tls: false };
        let made = http_route::compile(scope, object, &context);
        let compiled = Arc::new(Compiled {
            only: made.collected.depends_on_server.then_some(port),
            routes: made.routes.into(),
            clusters: made.collected.clusters,
            findings: made.collected.findings,
            delegates: made.collected.delegates,
        });
        clusters.acquire(&compiled.clusters);
        for cluster in &compiled.clusters {
            self.senders.entry(cluster.host.clone()).or_default().insert(key.clone());
        }
        self.by_rule.entry(key).or_default().push(compiled.clone());
        compiled
    }

    /// Lets go of what was compiled of a VirtualService; whether there was anything.
    pub(super) fn forget(&mut self, key: &Key, clusters: &mut Clusters) -> bool {
        let Some(before) = self.by_rule.remove(key) else { return false };
        for compiled in &before {
            clusters.release(&compiled.clusters);
            for cluster in &compiled.clusters {
                if let Some(senders) = self.senders.get_mut(&cluster.host) {
                    senders.remove(key);
                    if senders.is_empty() {
                        self.senders.remove(&cluster.host);
                    }
                }
            }
        }
        true
    }

    /// VirtualServices that send to `host`.
    pub(super) fn senders(&self, host: &Name) -> impl Iterator<Item = &Key> {
        self.senders.get(host).into_iter().flatten()
    }

    /// VirtualServices with destinations that are not known, which a new service may be.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = &Key> {
        let misses = |finding: &Finding| finding.topic == Topic::BackendNotFound;
        let unresolved = move |compiled: &Arc<Compiled>| {
            compiled.findings.iter().chain(compiled.delegates.values().flatten()).any(misses)
        };
        self.by_rule.iter().filter(move |(_, all)| all.iter().any(unresolved)).map(|(key, _)| key)
    }

    /// What is to be said of a VirtualService.
    pub(super) fn findings(&self, key: &Key) -> impl Iterator<Item = &Finding> {
        self.by_rule.get(key).into_iter().flatten().flat_map(|compiled| &compiled.findings)
    }

    /// What is to be said of `leaf`, to which `root` delegates; `None` when it does not.
    pub(super) fn delegate_findings(&self, root: &Key, leaf: &Key) -> Option<Vec<Finding>> {
        let compiled = self.by_rule.get(root)?;
        let of_leaf: Vec<_> = compiled.iter().filter_map(|compiled| compiled.delegates.get(leaf)).collect();
        (!of_leaf.is_empty()).then(|| of_leaf.into_iter().flatten().cloned().collect())
    }
}
