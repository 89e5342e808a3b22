//! Filter chains of services that are not plain HTTP: by address and server name to a cluster, or to where TLS and TCP
//! rules of VirtualServices send.

use super::egress::OwnPort;
use super::rules::Rule;
use crate::condition::Finding;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::{Collected, Scope};
use crate::istio::http_route::{MESH, ServerContext, resolve_gateway};
use crate::istio::l4_route;
use crate::key::Key;
use crate::proxy::node::selects;
use crate::registry::service::Service;
use crate::telemetry::{self, Side};
use ipnet::IpNet;
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{FilterChain, Name, Origin, TcpProxy};
use meridian_resources::StringMap;
use meridian_resources::istio::Protocol;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Envoy's default for connections without activity.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// A service on a listener.
pub(super) struct Target<'a> {
    pub(super) service: &'a Service,
    pub(super) listen: OwnPort,
    /// Addresses that its connections were going to; empty: the listener's own.
    pub(super) ranges: Vec<IpNet>,
    /// Server names that tell its TLS from that of others on the same address; empty where the address does.
    pub(super) server_names: Vec<Name>,
}

/// What the TLS and TCP rules of a VirtualService came to on a port.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct L4 {
    pub(super) findings: Vec<Finding>,
    pub(super) clusters: Vec<ClusterId>,
    /// Whether a filter chain was made of them.
    pub(super) programmed: bool,
}

/// The chains of `target`; `rules` are the VirtualServices for its host, in order. What these came to is added to `l4`.
pub(super) fn of_target(
    scope: &mut Scope<'_>,
    target: &Target<'_>,
    rules: &[&Rule],
    l4: &mut BTreeMap<Key, L4>,
) -> Vec<FilterChain> {
    let mut builder = Builder { scope, target, l4, chains: Vec::new() };
    if target.listen.protocol.is_some_and(Protocol::is_tls) {
        builder.tls(rules)
    } else {
        builder.tcp(rules)
    }
    builder.chains
}

struct Builder<'a, 's> {
    scope: &'a mut Scope<'s>,
    target: &'a Target<'a>,
    l4: &'a mut BTreeMap<Key, L4>,
    chains: Vec<FilterChain>,
}

/// The conditions that TLS and TCP rules have in common; all must hold.
struct Conditions<'m> {
    port: u32,
    gateways: &'m [String],
    source_labels: &'m StringMap,
    source_namespace: &'m str,
}

impl Builder<'_, '_> {
    fn holds(&self, rule: &Rule, conditions: &Conditions<'_>) -> bool {
        let node = self.scope.node;
        let for_mesh = |gateway: &String| resolve_gateway(gateway, &rule.key.namespace) == MESH;
        (conditions.port == 0 || conditions.port == u32::from(self.target.listen.number))
            && (conditions.gateways.is_empty() || conditions.gateways.iter().any(for_mesh))
            && selects(conditions.source_labels, &node.labels)
            && (conditions.source_namespace.is_empty() || *conditions.source_namespace == *node.namespace)
    }

    fn tls(&mut self, rules: &[&Rule]) {
        let mut seen: Vec<(&[String], &[String])> = Vec::new();
        let mut ranges = self.target.ranges.clone();
        for rule in rules {
            for (index, tls) in rule.object.spec.tls.iter().enumerate().filter(|(_, tls)| !tls.route.is_empty()) {
                for (alternative, matched) in tls.matches.iter().enumerate() {
                    let conditions = Conditions {
                        port: matched.port,
                        gateways: &matched.gateways,
                        source_labels: &matched.source_labels,
                        source_namespace: &matched.source_namespace,
                    };
                    let condition = (&matched.sni_hosts[..], &matched.destination_subnets[..]);
                    if !self.holds(rule, &conditions) || seen.contains(&condition) {
                        continue;
                    }
                    let mut collected = Collected::default();
                    if !matched.destination_subnets.is_empty() {
                        let place = format!("spec.tls[{index}].match[{alternative}].destinationSubnets");
                        match l4_route::subnets(&matched.destination_subnets, &place, &mut collected) {
                            Some(subnets) => ranges = subnets,
                            None => {
                                self.record(rule, collected, false);
                                continue;
                            }
                        }
                    }
                    seen.push(condition);
                    let names = matched.sni_hosts.iter().map(|host| host.to_ascii_lowercase().into()).collect();
                    let matcher = matcher(names, &ranges);
                    let path = format!("spec.tls[{index}]");
                    self.route(rule, &tls.route, &path, matcher, collected);
                }
            }
        }
        if seen.is_empty() {
            self.own(self.target.server_names.clone());
        }
    }

    fn tcp(&mut self, rules: &[&Rule]) {
        for rule in rules {
            for (index, tcp) in rule.object.spec.tcp.iter().enumerate().filter(|(_, tcp)| !tcp.route.is_empty()) {
                let path = format!("spec.tcp[{index}]");
                let mut collected = Collected::default();
                let mut subnets: Vec<IpNet> = Vec::new();
                let mut everything = tcp.matches.is_empty();
                for (alternative, matched) in tcp.matches.iter().enumerate() {
                    let conditions = Conditions {
                        port: matched.port,
                        gateways: &matched.gateways,
                        source_labels: &matched.source_labels,
                        source_namespace: &matched.source_namespace,
                    };
                    if everything || !self.holds(rule, &conditions) {
                        continue;
                    }
                    everything = matched.destination_subnets.is_empty();
                    let place = format!("{path}.match[{alternative}].destinationSubnets");
                    subnets.extend(
                        l4_route::subnets(&matched.destination_subnets, &place, &mut collected).unwrap_or_default(),
                    );
                }
                if everything {
                    let matcher = matcher(Vec::new(), &self.target.ranges);
                    self.route(rule, &tcp.route, &path, matcher, collected);
                    return;
                }
                if !subnets.is_empty() {
                    let same = same_ranges(&subnets, &self.target.ranges);
                    self.route(rule, &tcp.route, &path, matcher(Vec::new(), &subnets), collected);
                    if same {
                        return;
                    }
                } else if !collected.findings.is_empty() {
                    self.record(rule, collected, false);
                }
            }
        }
        self.own(Vec::new());
    }

    /// The chain to the service's own cluster.
    fn own(&mut self, server_names: Vec<Name>) {
        let service = self.target.service;
        let port = match &service.ports[..] {
            [only] => only.number,
            _ => self.target.listen.number,
        };
        let cluster = ClusterId::new(self.scope.pool, &service.host, port, "").name;
        let only = vec![WeightedName { cluster: cluster.clone(), weight: 1 }];
        let meta = service.meta();
        let origin = Origin { kind: service.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() };
        let filters = self.proxy(cluster, only);
        self.chain(matcher(server_names, &self.target.ranges), filters, origin);
    }

    /// The chain to where a rule of a VirtualService sends.
    fn route(
        &mut self,
        rule: &Rule,
        route: &[meridian_resources::istio::virtual_service::RouteDestination],
        path: &str,
        matcher: ChainMatch,
        mut collected: Collected,
    ) {
        let context =
            ServerContext { gateway: self.scope.pool.name(MESH), port: self.target.listen.number, is_tls: false };
        let clusters = l4_route::destinations(self.scope, &rule.object, &context, route, path, &mut collected);
        let programmed = !clusters.is_empty();
        if programmed {
            let stat_prefix = match &clusters[..] {
                [only] => only.cluster.clone(),
                _ => format!("{}.{}", rule.key.name, rule.key.namespace).into(),
            };
            let Key { namespace, name } = rule.key.clone();
            let filters = self.proxy(stat_prefix, clusters);
            self.chain(matcher, filters, Origin { kind: "VirtualService", namespace, name });
        }
        self.record(rule, collected, programmed);
    }

    fn proxy(&self, stat_prefix: Name, clusters: Vec<WeightedName>) -> Filters {
        let policy = clusters.first().map(|first| self.scope.tcp_policy(&first.cluster)).unwrap_or_default();
        Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix,
            clusters,
            idle_timeout: policy.idle_timeout.unwrap_or(IDLE_TIMEOUT),
            hash_source_ip: policy.hash_source_ip,
            access_log: telemetry::access_logs(self.scope, Side::Client),
            ..TcpProxy::default()
        }))
    }

    fn chain(&mut self, matcher: ChainMatch, filters: Filters, origin: Origin) {
        let name = self.scope.pool.name("");
        self.chains.push(FilterChain { name, matcher, tls: None, filters, origin: Some(origin) });
    }

    fn record(&mut self, rule: &Rule, collected: Collected, programmed: bool) {
        let l4 = self.l4.entry(rule.key.clone()).or_default();
        let new = |finding: &Finding| !l4.findings.contains(finding);
        let findings: Vec<Finding> = collected.findings.into_iter().filter(new).collect();
        l4.findings.extend(findings);
        let new: Vec<ClusterId> = collected.clusters.into_iter().filter(|id| !l4.clusters.contains(id)).collect();
        l4.clusters.extend(new);
        l4.programmed |= programmed;
    }
}

/// The match of server names (with `*` among them: none) and of address ranges, all in order. A range that contains
/// every address is none.
fn matcher(mut server_names: Vec<Name>, ranges: &[IpNet]) -> ChainMatch {
    server_names.sort_unstable();
    server_names.dedup();
    let names: Option<Vec<ServerName>> = server_names.iter().map(|name| ServerName::new(name)).collect();
    ChainMatch { server_names: names.unwrap_or_default(), prefix_ranges: sorted(ranges), ..ChainMatch::default() }
}

fn sorted(ranges: &[IpNet]) -> Vec<IpNet> {
    let mut ranges: Vec<IpNet> = ranges.iter().map(IpNet::trunc).filter(|range| range.prefix_len() > 0).collect();
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

fn same_ranges(a: &[IpNet], b: &[IpNet]) -> bool {
    sorted(a) == sorted(b)
}
