//! One port between two translations: its listeners by address, and what came of objects there.

use super::chains::L4;
use super::entry::{self, Sources};
use super::routes::{self, Served, Tools};
use super::{Places, Touched};
use crate::condition::Finding;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::Scope;
use crate::key::Key;
use crate::proxy::clusters::Clusters;
use crate::proxy::state::Stale;
use meridian_ir::{Listener, Name, RouteConfig};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Port {
    listeners: BTreeMap<IpAddr, Built>,
    /// The addresses of those of which there is something to tell.
    noted: BTreeSet<IpAddr>,
    /// The addresses of each host's listeners.
    binds: HashMap<Name, BTreeSet<IpAddr>>,
    /// How many listeners need each route configuration.
    uses: BTreeMap<Name, u32>,
    /// What HTTP rules of VirtualServices came to, by route configuration.
    served: BTreeMap<Name, BTreeMap<Key, Served>>,
}

/// One listener.
#[derive(Debug, Default)]
struct Built {
    /// Its name, once there is one.
    name: Option<Name>,
    /// Whose services want it.
    hosts: BTreeSet<Name>,
    routes: Vec<Name>,
    /// What TLS and TCP rules of VirtualServices came to.
    l4: BTreeMap<Key, L4>,
    findings: Places,
}

impl Built {
    fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.l4.values().flat_map(|l4| &l4.clusters)
    }
}

impl Port {
    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// The hosts with listeners.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Name> {
        self.binds.keys()
    }

    /// Hosts on whose listeners TLS and TCP rules send to one of `targets`.
    pub(super) fn sending_to<'p>(&'p self, targets: &'p BTreeSet<Name>) -> impl Iterator<Item = &'p Name> {
        let noted = self.noted.iter().filter_map(|bind| self.listeners.get(bind));
        let concerned = noted.filter(|built| built.clusters().any(|cluster| targets.contains(&cluster.host)));
        concerned.flat_map(|built| &built.hosts)
    }

    /// Makes the listeners of `hosts` again; those that are different, or gone, by name.
    pub(super) fn relisten(
        &mut self,
        scope: &mut Scope<'_>,
        sources: &Sources<'_>,
        number: u16,
        hosts: &BTreeSet<Name>,
        clusters: &mut Clusters,
        stale: &mut Stale,
    ) -> Vec<(Name, Option<Listener>)> {
        let mut outdated: BTreeSet<IpAddr> = BTreeSet::new();
        for host in hosts {
            let before = self.binds.remove(host).unwrap_or_default();
            let after = entry::binds_of(scope, sources, number, host);
            for bind in before.difference(&after) {
                if let Some(built) = self.listeners.get_mut(bind) {
                    built.hosts.remove(host);
                }
            }
            for bind in &after {
                self.listeners.entry(*bind).or_default().hosts.insert(host.clone());
            }
            outdated.extend(before.union(&after));
            if !after.is_empty() {
                self.binds.insert(host.clone(), after);
            }
        }
        let mut changed = Vec::new();
        for bind in outdated {
            let Some(before) = self.listeners.remove(&bind) else { continue };
            let made = entry::of_bind(scope, sources, number, bind, &before.hosts);
            let after = Built {
                name: made.listener.as_ref().map(|listener| listener.name.clone()),
                hosts: before.hosts.clone(),
                routes: made.routes,
                l4: made.l4,
                findings: made.findings,
            };
            clusters.acquire(after.clusters());
            clusters.release(before.clusters());
            self.count(&before.routes, &after.routes);
            tell(&before, &after, stale);
            if let Some(name) = before.name.filter(|_| after.name.is_none()) {
                changed.push((name, None));
            }
            changed.extend(made.listener.map(|listener| (listener.name.clone(), Some(listener))));
            match after.l4.is_empty() && after.findings.is_empty() {
                true => self.noted.remove(&bind),
                false => self.noted.insert(bind),
            };
            if !after.hosts.is_empty() {
                self.listeners.insert(bind, after);
            }
        }
        changed
    }

    fn count(&mut self, before: &[Name], after: &[Name]) {
        for name in after {
            *self.uses.entry(name.clone()).or_default() += 1;
        }
        for name in before {
            if let Some(uses) = self.uses.get_mut(name) {
                *uses -= 1;
            }
        }
    }

    /// Makes the route configurations again that `hosts` have to do with; those that are different, or gone, by name.
    #[expect(clippy::too_many_arguments, reason = "all of it is one update's")]
    pub(super) fn reroute(
        &mut self,
        tools: &mut Tools<'_, '_>,
        sources: &Sources<'_>,
        number: u16,
        touched: &Touched,
        hosts: &BTreeSet<Name>,
        old: &BTreeMap<Name, Arc<RouteConfig>>,
        stale: &mut Stale,
    ) -> Vec<(Name, Option<RouteConfig>)> {
        let mut changed = Vec::new();
        let unused: Vec<Name> =
            self.uses.iter().filter(|(_, uses)| **uses == 0).map(|(name, _)| name.clone()).collect();
        for name in unused {
            self.uses.remove(&name);
            stale.virtual_services.extend(self.served.remove(&name).into_iter().flatten().map(|(key, _)| key));
            changed.push((name, None));
        }
        let shared: Name = number.to_string().into();
        if touched.routes && self.uses.contains_key(&shared) {
            let made = routes::of_port(tools, sources, number, old.get(&shared).map(|old| &**old));
            self.serve(shared.clone(), made, &mut changed, stale);
        }
        for host in hosts.iter().filter(|_| touched.routes) {
            let name: Name = format!("{host}:{number}").into();
            if self.uses.contains_key(&name) {
                let made = routes::of_host(tools, sources, number, host, old.get(&name).map(|old| &**old));
                self.serve(name, made, &mut changed, stale);
            }
        }
        changed
    }

    fn serve(
        &mut self,
        name: Name,
        made: routes::Made,
        changed: &mut Vec<(Name, Option<RouteConfig>)>,
        stale: &mut Stale,
    ) {
        let before = match made.rules.is_empty() {
            true => self.served.remove(&name),
            false => self.served.insert(name.clone(), made.rules.clone()),
        };
        let before = before.unwrap_or_default();
        let differs = |key: &&Key| before.get(*key) != made.rules.get(*key);
        stale.virtual_services.extend(before.keys().chain(made.rules.keys()).filter(differs).cloned());
        changed.push((name, made.config));
    }

    /// What the rules of a VirtualService came to, with whether something is served of it.
    pub(super) fn rules_of(&self, key: &Key) -> impl Iterator<Item = (&[Finding], bool)> {
        let noted = self.noted.iter().filter_map(|bind| self.listeners.get(bind)?.l4.get(key));
        let served = self.served.values().filter_map(|rules| rules.get(key));
        let of_l4 = noted.map(|l4| (&l4.findings[..], l4.programmed));
        of_l4.chain(served.map(|served| (&served.findings[..], served.programmed)))
    }

    /// Whether a host is served by HTTP rules of a VirtualService.
    pub(super) fn serves(&self, key: &Key) -> bool {
        self.served.values().filter_map(|rules| rules.get(key)).any(|served| served.programmed)
    }

    /// What is to be said of the object behind a service.
    pub(super) fn findings_of(&self, place: &(&'static str, Key)) -> impl Iterator<Item = &Finding> {
        let noted = self.noted.iter().filter_map(|bind| self.listeners.get(bind));
        noted.filter_map(|built| built.findings.get(place)).flatten()
    }
}

/// Notes of which objects something else is to be said.
fn tell(before: &Built, after: &Built, stale: &mut Stale) {
    let differs = |key: &&Key| before.l4.get(*key) != after.l4.get(*key);
    stale.virtual_services.extend(before.l4.keys().chain(after.l4.keys()).filter(differs).cloned());
    let differs = |place: &&(&'static str, Key)| before.findings.get(*place) != after.findings.get(*place);
    for (kind, key) in before.findings.keys().chain(after.findings.keys()).filter(differs) {
        if *kind == "ServiceEntry" {
            stale.service_entries.insert(key.clone());
        }
    }
    // Services of Kubernetes have no conditions of ours.
    let of_services = after.findings.iter().filter(|(place, _)| place.0 == "Service" && differs(place));
    for ((kind, key), findings) in of_services {
        stale.notes.extend(findings.iter().map(|finding| format!("{kind} {key}: {}", finding.message)));
    }
}
