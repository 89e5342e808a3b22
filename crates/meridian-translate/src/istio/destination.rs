//! Destinations of routes: which cluster they mean, and what is missing.

use crate::condition::{Finding, Topic};
use crate::istio::cluster::ClusterId;
use crate::istio::destination_rule::DestinationRules;
use crate::istio::hash_policy;
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::proxy::node::ProxyNode;
use crate::registry::Registry;
use crate::registry::service::Service;
use crate::resources::{Objects, Resources};
use crate::suggest;
use meridian_ir::Name;
use meridian_ir::hash_policy::HashPolicy;
use meridian_resources::istio::VirtualService;
use meridian_resources::istio::virtual_service::Destination;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the routes of one proxy can see while they are compiled, and what is collected on the way.
pub(crate) struct Scope<'a> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) node: &'a ProxyNode,
    pub(crate) registry: &'a Registry,
    pub(crate) rules: &'a DestinationRules,
    pub(crate) resources: &'a Resources,
    /// Those that rules may be delegated to.
    pub(crate) virtual_services: &'a Objects<VirtualService>,
    pub(crate) pool: &'a mut Pool,
    /// How many more times a similar name may be looked for: it takes a look at every service.
    pub(crate) suggestions: &'a Cell<u32>,
}

/// What compiling a rule of a VirtualService found out beside the routes themselves.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// To be said in the status.
    pub(crate) findings: Vec<Finding>,
    /// The VirtualServices that rules were delegated to, with what is to be said of them.
    pub(crate) delegates: BTreeMap<Key, Vec<Finding>>,
    /// Clusters that the routes name, each once.
    pub(crate) clusters: Vec<ClusterId>,
    /// Whether the result is different for another gateway or port.
    pub(crate) depends_on_server: bool,
}

/// What DestinationRules say of TCP connections.
#[derive(Debug, Default)]
pub(crate) struct TcpPolicy {
    /// `connectionPool.tcp.idleTimeout`; zero: never.
    pub(crate) idle_timeout: Option<Duration>,
    /// `consistentHash.useSourceIp`
    pub(crate) hash_source_ip: bool,
}

impl Collected {
    fn cluster(&mut self, id: ClusterId) -> Name {
        let name = id.name.clone();
        if !self.clusters.contains(&id) {
            self.clusters.push(id);
        }
        name
    }
}

impl Scope<'_> {
    /// The cluster of `destination`, which an object of `namespace` names at `path`; `server_port` is the port on which
    /// the requests arrive. What does not exist is reported; the route names its cluster all the same, so that it
    /// answers 503 `NC cluster_not_found`.
    pub(crate) fn cluster(
        &mut self,
        destination: &Destination,
        namespace: &Name,
        server_port: u16,
        path: &str,
        collected: &mut Collected,
    ) -> Name {
        let host = self.mesh.resolve_host(&destination.host, namespace);
        let service = self.registry.service(&host, &self.node.namespace);
        let port = port_of(destination, service).unwrap_or_else(|| {
            collected.depends_on_server = true;
            server_port
        });
        let alias = service.and_then(|service| service.alias.clone());
        if let Some(target) = alias {
            // What is sent to the other name. The cluster of this one is never made: it says on what the route depends.
            collected.cluster(ClusterId::new(self.pool, &host, port, ""));
            let concrete = self.registry.service(&target, &self.node.namespace).filter(|one| one.alias.is_none());
            match concrete {
                Some(concrete) => self.check(concrete, destination, port, path, collected),
                None => {
                    let message = format!(
                        "{:?} is another name for {target} (ExternalName), which is no known service; create a \
                         ServiceEntry with the host {target}",
                        destination.host
                    );
                    collected.findings.push(Finding::at(Topic::BackendNotFound, &format!("{path}.host"), message));
                }
            }
            return collected.cluster(ClusterId::new(self.pool, &target, port, &destination.subset));
        }
        match service {
            Some(service) => self.check(service, destination, port, path, collected),
            None => {
                let message = self.unknown_host(&destination.host, &host, namespace);
                collected.findings.push(Finding::at(Topic::BackendNotFound, &format!("{path}.host"), message));
            }
        }
        collected.cluster(ClusterId::new(self.pool, &host, port, &destination.subset))
    }

    /// What the DestinationRules for `destination` hash of its requests, if they balance by hash.
    pub(crate) fn hash_policy(
        &self,
        destination: &Destination,
        namespace: &Name,
        server_port: u16,
    ) -> Option<HashPolicy> {
        let host = self.mesh.resolve_host(&destination.host, namespace);
        let service = self.registry.service(&host, &self.node.namespace)?;
        let port = port_of(destination, Some(service)).unwrap_or(server_port);
        let service = match &service.alias {
            Some(target) => self.registry.service(target, &self.node.namespace)?,
            None => service,
        };
        let rules = self.rules.of_service(service, self.node, self.mesh);
        let policy = rules.policy(port, rules.subset(&destination.subset));
        hash_policy::compile(policy.load_balancer)
    }

    /// What the DestinationRules for a cluster say of TCP connections to it.
    pub(crate) fn tcp_policy(&self, cluster: &str) -> TcpPolicy {
        let mut parts = cluster.splitn(4, '|').skip(1);
        let (Some(port), Some(subset), Some(host)) = (parts.next(), parts.next(), parts.next()) else {
            return TcpPolicy::default();
        };
        let Some(service) = self.registry.service(host, &self.node.namespace) else { return TcpPolicy::default() };
        let rules = self.rules.of_service(service, self.node, self.mesh);
        let policy = rules.policy(port.parse().unwrap_or_default(), rules.subset(subset));
        let tcp = policy.connection_pool.and_then(|pool| pool.tcp.as_ref());
        TcpPolicy {
            idle_timeout: tcp.and_then(|tcp| tcp.idle_timeout).map(|timeout| timeout.to_std()),
            hash_source_ip: hash_policy::compile(policy.load_balancer) == Some(HashPolicy::SourceIp),
        }
    }

    fn check(&self, service: &Service, destination: &Destination, port: u16, path: &str, collected: &mut Collected) {
        let findings = &mut collected.findings;
        match service.port(port) {
            Some(_) => {}
            None if destination.port.is_some() => {
                let message = format!("{} has no port {port}; it has {}", service.host, service.list_ports());
                findings.push(Finding::at(Topic::PortNotFound, &format!("{path}.port.number"), message));
            }
            None => {
                let message = format!(
                    "is needed, because {} has several ports and none is {port}, on which requests arrive; it has {}",
                    service.host,
                    service.list_ports()
                );
                findings.push(Finding::at(Topic::PortNotFound, &format!("{path}.port"), message));
            }
        }
        if !destination.subset.is_empty() {
            let rules = self.rules.of_service(service, self.node, self.mesh);
            if rules.subset(&destination.subset).is_none() {
                let message = unknown_subset(&destination.subset, service, &rules.subsets().collect::<Vec<_>>());
                findings.push(Finding::at(Topic::SubsetNotFound, &format!("{path}.subset"), message));
            }
        }
    }

    fn unknown_host(&self, written: &str, host: &str, namespace: &Name) -> String {
        if let Some(hidden) = self.registry.services(host).first() {
            return format!(
                "{written:?} is not visible in namespace {}: exportTo of {} {}/{} leaves it out",
                self.node.namespace,
                hidden.kind(),
                hidden.namespace(),
                hidden.meta().name
            );
        }
        let looked_for = if written == host { String::new() } else { format!(" (looked for {host})") };
        let suggestion = match self.similar_host(written, host, namespace) {
            Some(similar) => format!("; did you mean {similar:?}?"),
            None => "; create a Service or a ServiceEntry with this host".to_owned(),
        };
        format!("{written:?} is no known service{looked_for}{suggestion}")
    }

    fn similar_host(&self, written: &str, host: &str, namespace: &Name) -> Option<String> {
        self.suggestions.set(self.suggestions.get().checked_sub(1)?);
        if written.contains('.') {
            // `name.namespace` is a full name to Istio: the rest is missing.
            let completed = written.split_once('.').map(|(name, ns)| self.mesh.service_host(name, ns));
            if let Some(completed) = completed.filter(|completed| self.registry.service(completed, namespace).is_some())
            {
                return Some(completed);
            }
            let known = self.registry.hosts(&self.node.namespace).map(|known| &**known);
            return suggest::closest(host, known).map(str::to_owned);
        }
        let names = self.registry.services_in(namespace).map(|service| &*service.meta().name);
        let similar = suggest::closest(written, names).map(str::to_owned);
        similar.or_else(|| self.elsewhere(written))
    }

    /// A Service of this name in another namespace, by its full name.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let first_label = |host: &&Name| host.split('.').next() == Some(name);
        self.registry.hosts(&self.node.namespace).filter(first_label).min().map(|host| host.to_string())
    }
}

/// The port that a destination names, or the only one that its service has; `None`: that on which requests arrive.
fn port_of(destination: &Destination, service: Option<&Arc<Service>>) -> Option<u16> {
    match (&destination.port, service.map(|service| &service.ports[..])) {
        (Some(port), _) => Some(u16::try_from(port.number).unwrap_or_default()),
        (None, Some([only])) => Some(only.number),
        (None, _) => None,
    }
}

fn unknown_subset(subset: &str, service: &Service, known: &[&str]) -> String {
    let host = &service.host;
    if known.is_empty() {
        return format!("{subset:?} is not defined: no DestinationRule for {host} has subsets; create one that does");
    }
    let suggestion = suggest::closest(subset, known.iter().copied());
    let suggestion = suggestion.map_or(String::new(), |similar| format!("; did you mean {similar:?}?"));
    format!("{subset:?} is no subset of the DestinationRule for {host}; it has {}{suggestion}", known.join(", "))
}
