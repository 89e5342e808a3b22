//! The route configurations of one port: a virtual host for each service that may carry HTTP and for each host of a
//! VirtualService, and one for all others.

use super::compiled::{Cache, Compiled};
use super::entry::Sources;
use super::imports::Import;
use super::rules::Rule;
use crate::condition::{Finding, Topic};
use crate::host;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::Scope;
use crate::istio::{http_match, retry};
use crate::key::Key;
use crate::proxy::clusters::Clusters;
use crate::registry::service::Service;
use meridian_ir::route::Forward;
use meridian_ir::{Action, HeaderEdits, Name, Origin, Route, RouteConfig, VirtualHost};
use meridian_resources::istio::Protocol;
use meridian_resources::istio::virtual_service::Destination;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The port on which a VirtualService also holds for hosts that no service has.
pub(super) const HTTP_PORT: u16 = 80;

/// A route configuration, and what came of VirtualServices there.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) config: Option<RouteConfig>,
    /// VirtualServices by whether they serve a host, with what is to be said of them.
    pub(super) rules: BTreeMap<Key, Served>,
}

/// What became of a VirtualService on a port.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Served {
    pub(super) programmed: bool,
    pub(super) findings: Vec<Finding>,
}

/// The route of a service that no VirtualService speaks for.
pub(super) fn to_service(scope: &mut Scope<'_>, service: &Service, port: u16) -> Route {
    let destination = Destination { host: service.host.to_string(), ..Destination::default() };
    let hash = scope.hash_policy(&destination, service.namespace(), port);
    let retries = scope.mesh.default_http_retry_policy.as_ref();
    let cluster = ClusterId::new(scope.pool, &service.host, port, "").name;
    let retry = retry::policy(retries, hash.is_some(), "meshConfig.defaultHttpRetryPolicy", &mut Vec::new())
        .map(|policy| scope.pool.retries(policy));
    let meta = service.meta();
    let origin = Origin { kind: service.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() };
    let forward = Forward { retry, hash_policies: hash.into_iter().collect(), ..super::catch_all::forward(&cluster) };
    Route {
        name: scope.pool.name("default"),
        matcher: http_match::everything(scope.pool),
        action: Action::Forward(forward),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        fault: None,
        cors: None,
        ext_authz: None,
        origin: Some(origin),
    }
}

/// What route configurations are made with.
pub(super) struct Tools<'a, 's> {
    pub(super) scope: &'a mut Scope<'s>,
    pub(super) cache: &'a mut Cache,
    pub(super) clusters: &'a mut Clusters,
}

/// Makes the route configuration of `port`, which all services share whose listener is not their own; `before` has
/// virtual hosts that may be used again.
pub(super) fn of_port(
    tools: &mut Tools<'_, '_>,
    sources: &Sources<'_>,
    port: u16,
    before: Option<&RouteConfig>,
) -> Made {
    let Some(part) = sources.egress.iter().position(|part| part.has_port(port)) else { return Made::default() };
    let mut builder = Builder::new(tools.scope, sources, part, port);
    for (host, import) in sources.imports.on_port(port) {
        if let Some(service) = import.service(part, port) {
            builder.services.insert(host, (service, import));
        }
    }
    let candidates = builder.candidates();
    builder.virtual_services(candidates, tools.cache, tools.clusters, true);
    builder.services_without();
    builder.shared(before)
}

/// Makes the route configuration of `host` on `port`, whose listener is its own: whatever the name that a request is for,
/// it is meant.
pub(super) fn of_host(
    tools: &mut Tools<'_, '_>,
    sources: &Sources<'_>,
    port: u16,
    host: &Name,
    before: Option<&RouteConfig>,
) -> Made {
    let Some(part) = sources.egress.iter().position(|part| part.has_port(port)) else { return Made::default() };
    let mut builder = Builder::new(tools.scope, sources, part, port);
    if let Some((host, import)) = sources.imports.get(host)
        && let Some(service) = import.service(part, port)
    {
        builder.services.insert(host, (service, import));
    }
    builder.virtual_services(sources.rules.overlapping(host), tools.cache, tools.clusters, false);
    builder.services_without();
    builder.own(host, before)
}

struct Builder<'a, 's> {
    scope: &'a mut Scope<'s>,
    sources: &'a Sources<'a>,
    /// The part of the Sidecar that says which services there are on this port.
    part: usize,
    port: u16,
    services: BTreeMap<&'a Name, (&'a Arc<Service>, &'a Import)>,
    /// Virtual hosts and domains that there are already.
    names: HashSet<Name>,
    domains: HashSet<Name>,
    hosts: Vec<Host<'a>>,
    made: Made,
}

/// A virtual host in the making.
struct Host<'a> {
    host: &'a Name,
    domains: Vec<Name>,
    routes: Arc<[Arc<Route>]>,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(scope: &'a mut Scope<'s>, sources: &'a Sources<'a>, part: usize, port: u16) -> Self {
        Self {
            scope,
            sources,
            part,
            port,
            services: BTreeMap::new(),
            names: HashSet::new(),
            domains: HashSet::new(),
            hosts: Vec::new(),
            made: Made::default(),
        }
    }

    /// The virtual hosts of VirtualServices, in their order: of several for one host the first counts. `with_others`:
    /// also those of hosts that no service has.
    fn virtual_services(
        &mut self,
        candidates: Vec<&'a Rule>,
        cache: &mut Cache,
        clusters: &mut Clusters,
        with_others: bool,
    ) {
        let imported = {
            let part = &self.sources.egress[self.part];
            move |rule: &Rule| part.hosts.imports_rule(&rule.key.namespace, &rule.hosts)
        };
        let with_http = |rule: &&Rule| imported(rule) && !rule.object.spec.http.is_empty();
        for rule in candidates.into_iter().filter(with_http) {
            let compiled: Arc<Compiled> = cache.get(self.scope, &rule.object, self.port, clusters);
            if compiled.routes.is_empty() {
                continue;
            }
            let (others, services) = self.claims(rule, &imported);
            if services.is_empty() && (self.port != HTTP_PORT || !with_others) {
                continue;
            }
            let mut lost: Vec<&Name> = Vec::new();
            let mut served = false;
            for host in others.into_iter().filter(|_| with_others) {
                let domains = vec![(host.clone(), false)];
                match self.add(host, &domains, &compiled.routes) {
                    true => served = true,
                    false => lost.push(host),
                }
            }
            for host in services {
                let Some((_, import)) = self.services.get(host) else { continue };
                match self.add(host, &import.domains.all, &compiled.routes) {
                    true => served = true,
                    false => lost.push(host),
                }
            }
            let entry = self.made.rules.entry(rule.key.clone()).or_default();
            entry.programmed |= served;
            for host in lost {
                let message = format!(
                    "{host:?} on port {} is served by an older VirtualService: sidecars do not merge several for one \
                     host; put the rules into one, or delegate",
                    self.port
                );
                entry.findings.push(Finding::at(Topic::Conflicted, "spec.hosts", message));
            }
        }
    }

    /// The VirtualServices that may hold on this port, in order.
    fn candidates(&self) -> Vec<&'a Rule> {
        let rules = self.sources.rules;
        if self.port == HTTP_PORT {
            return rules.all().collect();
        }
        let overlapping: HashSet<&Key> =
            self.services.keys().flat_map(|host| rules.overlapping(host)).map(|rule| &rule.key).collect();
        if overlapping.is_empty() {
            return Vec::new();
        }
        rules.all().filter(|rule| overlapping.contains(&rule.key)).collect()
    }

    /// The hosts of a VirtualService: those that no service has, and the services that it speaks for.
    fn claims(&self, rule: &'a Rule, imported: &impl Fn(&Rule) -> bool) -> (Vec<&'a Name>, Vec<&'a Name>) {
        let (mut others, mut services) = (Vec::new(), Vec::new());
        let (wildcards, exact): (Vec<&Name>, Vec<&Name>) = rule.hosts.iter().partition(|host| host.starts_with('*'));
        let may_carry_http =
            |service: &Service| service.port(self.port).is_some_and(|port| port.protocol.is_none_or(Protocol::is_http));
        for own in exact {
            match self.services.get_key_value(own) {
                Some((host, (service, _))) if may_carry_http(service) => services.push(*host),
                Some(_) => {}
                None => others.push(own),
            }
        }
        for own in wildcards {
            let mut found = false;
            for (host, (service, _)) in self.services.iter().filter(|(host, _)| host::overlap(host, own)) {
                found = true;
                let speaks = self.sources.rules.wildcard_for(host, imported).is_some_and(|best| best.key == rule.key);
                if speaks && may_carry_http(service) && !services.contains(host) {
                    services.push(host);
                }
            }
            if !found {
                others.push(own);
            }
        }
        (others, services)
    }

    /// The virtual hosts of services that no VirtualService speaks for.
    fn services_without(&mut self) {
        let services: Vec<_> =
            self.services.iter().map(|(host, (service, import))| (*host, *service, *import)).collect();
        for (host, service, import) in services.into_iter().filter(|(_, service, _)| service.alias.is_none()) {
            if service.port(self.port).is_none_or(|port| port.protocol.is_some_and(|protocol| !protocol.is_http())) {
                continue;
            }
            if let Some(routes) = import.route(self.port) {
                self.add(host, &import.domains.all, routes);
            }
        }
    }

    /// Adds a virtual host, with the domains that no other has; whether there is anything left of it.
    fn add(&mut self, host: &'a Name, domains: &[(Name, bool)], routes: &Arc<[Arc<Route>]>) -> bool {
        if !self.names.insert(host.clone()) {
            return false;
        }
        let mut own = Vec::with_capacity(domains.len());
        for (domain, is_form) in domains {
            // A short form gives way to the service that really is called so.
            let is_known = *is_form && self.services.contains_key(domain);
            if !is_known && self.domains.insert(domain.clone()) {
                own.push(domain.clone());
            }
        }
        let is_there = !own.is_empty();
        if is_there {
            self.hosts.push(Host { host, domains: own, routes: routes.clone() });
        }
        is_there
    }

    /// The route configuration with all virtual hosts, by name, and that of what nothing else takes.
    fn shared(mut self, before: Option<&RouteConfig>) -> Made {
        self.hosts.sort_by(|a, b| a.host.cmp(b.host));
        let known: HashMap<&Name, &Arc<VirtualHost>> =
            before.iter().flat_map(|before| &before.virtual_hosts).map(|host| (&host.name, host)).collect();
        let mut hosts: Vec<Arc<VirtualHost>> =
            self.hosts.iter().map(|host| reuse(&known, self.virtual_host(host, host.domains.clone()))).collect();
        let catch_all = self.sources.catch_all.virtual_host(self.scope.pool);
        hosts.push(match known.get(&catch_all.name) {
            Some(old) if ***old == catch_all => (*old).clone(),
            _ => Arc::new(catch_all),
        });
        let name = self.port.to_string().into();
        self.configured(name, hosts, before)
    }

    /// The route configuration of one host, which takes every request.
    fn own(self, host: &Name, before: Option<&RouteConfig>) -> Made {
        let known = before.iter().flat_map(|before| &before.virtual_hosts).map(|host| (&host.name, host)).collect();
        let everything = vec![self.scope.pool.name("*")];
        let own = self.hosts.iter().find(|one| one.host == host);
        let hosts = own.map(|own| reuse(&known, self.virtual_host(own, everything))).into_iter().collect();
        let name = format!("{host}:{}", self.port).into();
        self.configured(name, hosts, before)
    }

    fn virtual_host(&self, host: &Host<'_>, domains: Vec<Name>) -> VirtualHost {
        let name = format!("{}:{}", host.host, self.port).into();
        VirtualHost { name, domains, routes: host.routes.to_vec(), require_tls: false }
    }

    fn configured(mut self, name: Name, hosts: Vec<Arc<VirtualHost>>, before: Option<&RouteConfig>) -> Made {
        self.made.config = Some(match before {
            Some(before) => before.with_virtual_hosts(&hosts),
            None => RouteConfig::new(name, hosts),
        });
        self.made
    }
}

/// `made`, or what was there before when it is the same.
fn reuse(known: &HashMap<&Name, &Arc<VirtualHost>>, made: VirtualHost) -> Arc<VirtualHost> {
    match known.get(&made.name) {
        Some(old) if is_same(old, &made) => (*old).clone(),
        _ => Arc::new(made),
    }
}

/// Whether two virtual hosts are alike, their routes even the same.
fn is_same(a: &VirtualHost, b: &VirtualHost) -> bool {
    a.domains == b.domains
        && a.routes.len() == b.routes.len()
        && std::iter::zip(&a.routes, &b.routes).all(|(a, b)| Arc::ptr_eq(a, b))
}
