//! TLS and TCP rules of VirtualServices: which of them take a server's connections, and where these go.

use crate::condition::{Finding, Topic};
use crate::istio::destination::{Collected, Scope};
use crate::istio::http_route::{ServerContext, resolve_gateway};
use crate::proxy::node::selects;
use ipnet::IpNet;
use meridian_ir::tcp::WeightedName;
use meridian_resources::istio::VirtualService;
use meridian_resources::istio::virtual_service::RouteDestination;
use meridian_resources::{Object, StringMap};
use std::net::IpAddr;

/// A TLS rule that takes connections of a server: one alternative of it.
#[derive(Debug)]
pub(crate) struct TlsRule {
    pub(crate) sni_hosts: Vec<String>,
    pub(crate) prefix_ranges: Vec<IpNet>,
    pub(crate) clusters: Vec<WeightedName>,
}

/// The conditions that TLS and TCP rules have in common.
struct Conditions<'m> {
    port: u32,
    gateways: &'m [String],
    source_labels: &'m StringMap,
    source_namespace: &'m str,
}

impl Conditions<'_> {
    fn hold(&self, scope: &Scope<'_>, object: &Object<VirtualService>, server: &ServerContext) -> bool {
        if self.port != 0 && self.port != u32::from(server.port) {
            return false;
        }
        if !self.gateways.is_empty() {
            let own = &object.meta.namespace;
            return self.gateways.iter().any(|gateway| resolve_gateway(gateway, own) == *server.gateway);
        }
        selects(self.source_labels, &scope.node.labels)
            && (self.source_namespace.is_empty() || *self.source_namespace == *scope.node.namespace)
    }
}

/// The TLS rules of `object` for connections of `server`, in order.
pub(crate) fn tls_rules(
    scope: &mut Scope<'_>,
    object: &Object<VirtualService>,
    server: &ServerContext,
    collected: &mut Collected,
) -> Vec<TlsRule> {
    let mut rules = Vec::new();
    for (index, rule) in object.spec.tls.iter().enumerate() {
        for (alternative, matched) in rule.matches.iter().enumerate() {
            let conditions = Conditions {
                port: matched.port,
                gateways: &matched.gateways,
                source_labels: &matched.source_labels,
                source_namespace: &matched.source_namespace,
            };
            if !conditions.hold(scope, object, server) {
                continue;
            }
            let path = format!("spec.tls[{index}]");
            if matched.sni_hosts.is_empty() {
                let path = format!("{path}.match[{alternative}].sniHosts");
                collected.findings.push(Finding::at(Topic::Unsupported, &path, "is needed: at least one server name"));
                continue;
            }
            let place = format!("{path}.match[{alternative}].destinationSubnets");
            let Some(prefix_ranges) = subnets(&matched.destination_subnets, &place, collected) else { continue };
            let clusters = destinations(scope, object, server, &rule.route, &path, collected);
            if !clusters.is_empty() {
                rules.push(TlsRule { sni_hosts: matched.sni_hosts.clone(), prefix_ranges, clusters });
            }
        }
    }
    rules
}

/// The destinations of the first TCP rule of `object` that takes connections of `server`.
pub(crate) fn tcp_destinations(
    scope: &mut Scope<'_>,
    object: &Object<VirtualService>,
    server: &ServerContext,
    collected: &mut Collected,
) -> Vec<WeightedName> {
    for (index, rule) in object.spec.tcp.iter().enumerate() {
        let holds = |scope: &Scope<'_>| {
            rule.matches.is_empty()
                || rule.matches.iter().any(|matched| {
                    let conditions = Conditions {
                        port: matched.port,
                        gateways: &matched.gateways,
                        source_labels: &matched.source_labels,
                        source_namespace: &matched.source_namespace,
                    };
                    conditions.hold(scope, object, server)
                })
        };
        if !rule.route.is_empty() && holds(scope) {
            return destinations(scope, object, server, &rule.route, &format!("spec.tcp[{index}]"), collected);
        }
    }
    Vec::new()
}

/// Istio's own annotation of VirtualServices that are made from routes of the Gateway API.
const PARENTS_ANNOTATION: &str = "internal.istio.io/parents";

/// Whether `object` was made from a TLSRoute, whose TLS rules hold for servers that terminate TLS, too.
pub(crate) fn is_tls_route(object: &Object<VirtualService>) -> bool {
    object.meta.annotations.get(PARENTS_ANNOTATION).is_some_and(|parents| parents.starts_with("TLSRoute/"))
}

/// The destinations of the first TLS rule of `object` that takes connections of `server`, which terminates TLS: the
/// server's own hosts have chosen them already.
pub(crate) fn terminated_destinations(
    scope: &mut Scope<'_>,
    object: &Object<VirtualService>,
    server: &ServerContext,
    collected: &mut Collected,
) -> Vec<WeightedName> {
    for (index, rule) in object.spec.tls.iter().enumerate().filter(|(_, rule)| !rule.route.is_empty()) {
        let holds = rule.matches.iter().any(|matched| {
            let conditions = Conditions {
                port: matched.port,
                gateways: &matched.gateways,
                source_labels: &matched.source_labels,
                source_namespace: &matched.source_namespace,
            };
            conditions.hold(scope, object, server)
        });
        if holds {
            return destinations(scope, object, server, &rule.route, &format!("spec.tls[{index}]"), collected);
        }
    }
    Vec::new()
}

/// The clusters of a rule's destinations by weight; those that are missing are reported.
pub(crate) fn destinations(
    scope: &mut Scope<'_>,
    object: &Object<VirtualService>,
    server: &ServerContext,
    route: &[RouteDestination],
    path: &str,
    collected: &mut Collected,
) -> Vec<WeightedName> {
    let single = route.len() == 1;
    let mut clusters = Vec::new();
    for (index, destination) in route.iter().enumerate().filter(|(_, d)| single || d.weight != 0) {
        let path = format!("{path}.route[{index}].destination");
        let namespace = &object.meta.namespace;
        let cluster = scope.cluster(&destination.destination, namespace, server.port, &path, collected);
        let weight = u32::try_from(destination.weight).unwrap_or_default().max(1);
        clusters.push(WeightedName { cluster, weight });
    }
    clusters
}

/// Addresses with optional prefix length; `None` when one of them is none, which is reported.
pub(crate) fn subnets(texts: &[String], path: &str, collected: &mut Collected) -> Option<Vec<IpNet>> {
    let parse = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    let ranges: Vec<IpNet> = texts.iter().filter_map(parse).collect();
    if ranges.len() == texts.len() {
        return Some(ranges);
    }
    let message = format!("{texts:?}: each must be an address or a range such as 10.0.0.0/8");
    collected.findings.push(Finding::at(Topic::Unsupported, path, message));
    None
}
