//! The services that a sidecar sees, by host, with what is made of each by itself.

use super::domains::Domains;
use super::egress::{self, Egress};
use crate::istio::cluster::ClusterId;
use crate::istio::destination::Scope;
use crate::proxy::clusters::Clusters;
use crate::registry::service::Service;
use meridian_ir::{Name, Route};
use meridian_resources::istio::Protocol;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Imports {
    hosts: HashMap<Name, Import>,
    by_port: BTreeMap<u16, BTreeSet<Name>>,
    /// Other names by the host that they stand for.
    aliases: HashMap<Name, BTreeSet<Name>>,
}

/// One host.
#[derive(Debug, Default)]
pub(super) struct Import {
    /// Its services by part of the Sidecar, oldest first.
    services: Vec<Vec<Arc<Service>>>,
    clusters: Vec<ClusterId>,
    pub(super) domains: Arc<Domains>,
    /// The route of a port that no VirtualService speaks for.
    routes: BTreeMap<u16, Arc<[Arc<Route>]>>,
}

impl Import {
    /// The service of a part that has `port`.
    pub(super) fn service(&self, part: usize, port: u16) -> Option<&Arc<Service>> {
        self.services.get(part)?.iter().find(|service| service.port(port).is_some())
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.iter().flatten()
    }

    fn ports(&self) -> BTreeSet<u16> {
        self.all().flat_map(|service| &service.ports).map(|port| port.number).collect()
    }

    /// The default route of a port, once it was made.
    pub(super) fn route(&self, port: u16) -> Option<&Arc<[Arc<Route>]>> {
        self.routes.get(&port)
    }
}

impl Imports {
    /// Looks at `host` again. The ports that it had and has are returned.
    pub(super) fn refresh(
        &mut self,
        scope: &mut Scope<'_>,
        egress: &[Egress],
        host: &Name,
        clusters: &mut Clusters,
    ) -> BTreeSet<u16> {
        let before = self.hosts.remove(host).unwrap_or_default();
        let mut ports = before.ports();
        for service in before.all() {
            self.unlink(service);
        }
        let services: Vec<Vec<Arc<Service>>> =
            egress.iter().map(|part| egress::services(part, scope.registry, host, scope.node)).collect();
        let mut import = Import { services, ..Import::default() };
        for service in import.all() {
            for port in &service.ports {
                self.by_port.entry(port.number).or_default().insert(host.clone());
            }
            if let Some(target) = &service.alias {
                self.aliases.entry(target.clone()).or_default().insert(host.clone());
            }
        }
        ports.extend(import.ports());
        import.clusters = cluster_ids(scope, &import);
        clusters.acquire(&import.clusters);
        clusters.release(&before.clusters);
        let first = import.all().next().cloned();
        if let Some(service) = first {
            let aliases: Vec<Name> = self.aliases_of(host).cloned().collect();
            let domains = Domains::of(&service, &aliases, scope.node, scope.mesh);
            import.domains = if *before.domains == domains { before.domains } else { Arc::new(domains) };
            import.routes = default_routes(scope, &import, &before.routes);
            self.hosts.insert(host.clone(), import);
        }
        ports
    }

    fn unlink(&mut self, service: &Service) {
        let emptied = |hosts: &mut BTreeSet<Name>| {
            hosts.remove(&service.host);
            hosts.is_empty()
        };
        for port in &service.ports {
            if self.by_port.get_mut(&port.number).is_some_and(emptied) {
                self.by_port.remove(&port.number);
            }
        }
        if let Some(target) = &service.alias
            && self.aliases.get_mut(target).is_some_and(emptied)
        {
            self.aliases.remove(target);
        }
    }

    /// The hosts that `host` is another name for, now.
    pub(super) fn targets_of(&self, host: &Name) -> Vec<Name> {
        let services = self.hosts.get(host).into_iter().flat_map(Import::all);
        services.filter_map(|service| service.alias.clone()).collect()
    }

    /// Other names of `host`.
    pub(super) fn aliases_of(&self, host: &Name) -> impl Iterator<Item = &Name> {
        self.aliases.get(host).into_iter().flatten()
    }

    /// The first service that the sidecar sees under `host`.
    pub(super) fn first(&self, host: &Name) -> Option<&Arc<Service>> {
        self.hosts.get(host).and_then(|import| import.all().next())
    }

    /// Every host, in no order.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Name> {
        self.hosts.keys()
    }

    /// The ports of a host.
    pub(super) fn ports_of(&self, host: &Name) -> BTreeSet<u16> {
        self.hosts.get(host).map(Import::ports).unwrap_or_default()
    }

    /// The hosts with `port`, by name.
    pub(super) fn on_port(&self, port: u16) -> impl Iterator<Item = (&Name, &Import)> {
        let hosts = self.by_port.get(&port).into_iter().flatten();
        hosts.filter_map(|host| Some((host, self.hosts.get(host)?)))
    }

    /// The services of a host that a part has and that have `port`, in order.
    pub(super) fn services(&self, host: &Name, part: usize, port: u16) -> impl Iterator<Item = &Arc<Service>> {
        let services = self.hosts.get(host).and_then(|import| import.services.get(part)).into_iter().flatten();
        services.filter(move |service| service.port(port).is_some())
    }

    /// One host.
    pub(super) fn get(&self, host: &Name) -> Option<(&Name, &Import)> {
        self.hosts.get_key_value(host)
    }
}

/// The clusters of a host: of each port, and of each subset of its DestinationRules there.
fn cluster_ids(scope: &mut Scope<'_>, import: &Import) -> Vec<ClusterId> {
    let Some(service) = import.all().next().filter(|service| service.alias.is_none()) else { return Vec::new() };
    let rules = scope.rules.of_service(service, scope.node, scope.mesh);
    let mut subsets: Vec<&str> = vec![""];
    for subset in rules.subsets() {
        if !subsets.contains(&subset) {
            subsets.push(subset);
        }
    }
    let ports = import.ports();
    let of_port = |port: u16| subsets.iter().map(move |subset| (port, *subset));
    let ids: Vec<(u16, &str)> = ports.into_iter().flat_map(of_port).collect();
    ids.into_iter().map(|(port, subset)| ClusterId::new(scope.pool, &service.host, port, subset)).collect()
}

/// The routes to the ports of a host that may carry HTTP, those of `before` where they are the same.
fn default_routes(
    scope: &mut Scope<'_>,
    import: &Import,
    before: &BTreeMap<u16, Arc<[Arc<Route>]>>,
) -> BTreeMap<u16, Arc<[Arc<Route>]>> {
    let mut routes = BTreeMap::new();
    for service in import.all().filter(|service| service.alias.is_none()) {
        let carries_http = |port: &&crate::registry::service::Port| port.protocol.is_none_or(Protocol::is_http);
        for port in service.ports.iter().filter(carries_http) {
            if routes.contains_key(&port.number) {
                continue;
            }
            let made = super::routes::to_service(scope, service, port.number);
            let same = before.get(&port.number).filter(|old| old.len() == 1 && *old[0] == made);
            let made = same.cloned().unwrap_or_else(|| Arc::from([Arc::new(made)]));
            routes.insert(port.number, made);
        }
    }
    routes
}
