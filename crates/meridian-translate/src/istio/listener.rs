//! A listener of a gateway with its filter chains.

use crate::condition::{Finding, Topic};
use crate::host;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::{Collected, Scope};
use crate::istio::gateway::{Bind, Protocol, Server};
use crate::istio::http_route::ServerContext;
use crate::istio::l4_route;
use crate::istio::server_tls::{self, Need, ServerTls};
use crate::key::Key;
use crate::mesh::GatewayTopology;
use crate::proxy::listeners::Plan;
use crate::registry::service::Service;
use crate::security::authorization::Authorization;
use crate::telemetry::{self, Side};
use ipnet::IpNet;
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName};
use meridian_ir::http::{HttpConnectionManager, RouteFilters, RouteSource, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::DownstreamTls;
use meridian_ir::{FilterChain, Listener, Name, Origin, TcpProxy};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use meridian_resources::istio::gateway::ServerTlsMode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Envoy's default for connections without activity, of HTTP and of TCP.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long a client may take for a request head. Envoy's default is to wait for ever, which is no default for an edge.
const REQUEST_HEADERS_TIMEOUT: Duration = Duration::from_secs(60);

/// ALPN protocols of the mesh's mutual TLS: those of connections that a server with mode `AUTO_PASSTHROUGH` takes.
const MESH_ALPN: [&str; 5] = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// A listener of a proxy, and what was found while it was made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// `None`: no chain could be made, and the port stays closed.
    pub(crate) listener: Option<Listener>,
    /// Credentials that its chains refer to.
    pub(crate) needs: Vec<Need>,
    /// What is to be said of Gateways.
    pub(crate) gateways: BTreeMap<Key, Vec<Finding>>,
    /// What TLS and TCP rules of VirtualServices came to.
    pub(crate) virtual_services: BTreeMap<Key, L4>,
    /// Clusters of servers with mode `AUTO_PASSTHROUGH`, which depend on every service; `None` without such a server.
    pub(crate) auto_passthrough: Option<Vec<ClusterId>>,
}

impl Made {
    /// The clusters that its chains name.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        let of_rules = self.virtual_services.values().flat_map(|l4| &l4.clusters);
        of_rules.chain(self.auto_passthrough.iter().flatten())
    }
}

/// What the TLS and TCP rules of a VirtualService came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct L4 {
    pub(crate) findings: Vec<Finding>,
    pub(crate) clusters: Vec<ClusterId>,
    /// Whether a filter chain was made of them.
    pub(crate) programmed: bool,
}

/// The VirtualServices with TLS or TCP rules that are bound to a Gateway (`namespace/name`), oldest first.
pub(crate) type BoundTo<'a> = dyn Fn(&str) -> Vec<Arc<Object<VirtualService>>> + 'a;

/// Makes the listener of `servers` at `bind`. Without any chain there is none: its port stays closed.
pub(crate) fn build(scope: &mut Scope<'_>, plan: &Plan<'_>, bind: &Bind, servers: &[Arc<Server>]) -> Made {
    let mut made = Made::default();
    let mut builder = Builder {
        scope,
        topology: plan.topology,
        authorization: plan.authorization,
        bound_to: plan.bound_to,
        known: HashMap::new(),
        made: &mut made,
        bind,
        chains: Vec::new(),
        taken: HashSet::new(),
    };
    builder.servers(servers);
    let chains = builder.chains;
    if chains.is_empty() {
        for server in servers {
            made.gateways.entry(server.key.clone()).or_default().push(closed(server));
        }
    } else {
        made.listener = Some(listener(scope, plan.topology, bind, chains, servers));
    }
    made
}

fn closed(server: &Server) -> Finding {
    let port = server.port;
    let message = if server.tls_mode() == Some(ServerTlsMode::AutoPassthrough) {
        format!("port {port} is closed: no service of the mesh has one of this server's hosts")
    } else {
        let rules = if server.is_passthrough() { "tls" } else { "tcp" };
        format!(
            "port {port} is closed: no VirtualService that is bound to this Gateway has a host of this server and \
             {rules} rules for it"
        )
    };
    Finding::at(Topic::NotProgrammed, &server.path(), message)
}

/// `0.0.0.0_8080`, `[::]_8080`
pub(crate) fn listener_name(bind: &Bind) -> String {
    if bind.address.is_ipv6() {
        format!("[{}]_{}", bind.address, bind.port)
    } else {
        format!("{}_{}", bind.address, bind.port)
    }
}

fn listener(
    scope: &Scope<'_>,
    topology: &GatewayTopology,
    bind: &Bind,
    chains: Vec<FilterChain>,
    servers: &[Arc<Server>],
) -> Listener {
    let tls_inspector = chains.iter().any(|chain| chain.tls.is_some() || !chain.matcher.server_names.is_empty());
    let mut origins: Vec<Origin> = Vec::new();
    for origin in servers.iter().map(|server| origin("Gateway", &server.key)) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Listener {
        name: listener_name(bind).into(),
        address: SocketAddr::new(bind.address, bind.port),
        bind_to_port: true,
        additional_addresses: Vec::new(),
        capture: meridian_ir::listener::Capture::default(),
        direction: Direction::Outbound,
        tls_inspector,
        http_inspector: false,
        chains: chains.into_iter().map(Arc::new).collect(),
        default_chain: None,
        access_log: telemetry::listener_logs(scope, Side::Client),
        origins,
        proxy_protocol: topology.proxy_protocol,
        ..Listener::default()
    }
}

/// The connection manager of a gateway's listener of this name, with the routes of this name.
pub(crate) fn http_manager(
    scope: &mut Scope<'_>,
    topology: &GatewayTopology,
    authorization: &Authorization,
    listener: &str,
    routes: &Name,
) -> HttpConnectionManager {
    let mesh = scope.mesh;
    HttpConnectionManager {
        stat_prefix: scope.pool.name(&format!("outbound_{listener}")),
        routes: RouteSource::Named(routes.clone()),
        server_header: ServerHeader::Overwrite("istio-envoy".into()),
        use_remote_address: true,
        xff_num_trusted_hops: topology.num_trusted_proxies,
        path_normalization: mesh.path_normalization,
        upgrades: vec!["websocket".into()],
        accept_http_10: mesh.http10,
        stream_idle_timeout: Duration::ZERO,
        request_headers_timeout: REQUEST_HEADERS_TIMEOUT,
        idle_timeout: IDLE_TIMEOUT,
        access_log: telemetry::access_logs(scope, Side::Client),
        client_cert_header: topology.forward_client_cert_details,
        client_cert_details: topology.client_cert_details(),
        rbac: authorization.http.clone(),
        route_filters: RouteFilters::default(),
    }
}

fn origin(kind: &'static str, key: &Key) -> Origin {
    Origin { kind, namespace: key.namespace.clone(), name: key.name.clone() }
}

struct Builder<'a, 's> {
    scope: &'a mut Scope<'s>,
    topology: &'a GatewayTopology,
    authorization: &'a Authorization,
    bound_to: &'a BoundTo<'a>,
    /// What `bound_to` said of a Gateway.
    known: HashMap<Name, Arc<[BoundRules]>>,
    made: &'a mut Made,
    bind: &'a Bind,
    chains: Vec<FilterChain>,
    /// Server names (`*`: any) with destination ranges that a chain matches already.
    taken: HashSet<(Name, Vec<IpNet>)>,
}

/// A VirtualService with TLS or TCP rules.
struct BoundRules {
    object: Arc<Object<VirtualService>>,
    /// Its hosts, with short names resolved.
    hosts: Vec<Name>,
}

impl Builder<'_, '_> {
    fn servers(&mut self, servers: &[Arc<Server>]) {
        // Servers that terminate TLS claim their names before the rules of VirtualServices do.
        for server in servers.iter().filter(|server| server.is_tls() && !server.is_passthrough()) {
            let names: BTreeSet<&Name> = server.hosts.iter().map(|host| &host.host).collect();
            self.taken.extend(names.into_iter().map(|name| (name.clone(), Vec::new())));
        }
        let mut plain_http = false;
        for server in servers {
            match server.protocol {
                Protocol::Http => {
                    // All plain HTTP servers of a port share one chain and one route configuration.
                    if !std::mem::replace(&mut plain_http, true) {
                        self.http(server, None);
                    }
                }
                Protocol::Tcp if !server.is_tls() => self.tcp(server),
                _ if server.tls_mode() == Some(ServerTlsMode::AutoPassthrough) => self.auto_passthrough(server),
                _ if server.is_passthrough() => self.passthrough(server),
                _ => self.terminate(server),
            }
        }
    }

    fn http(&mut self, server: &Server, tls: Option<DownstreamTls>) {
        let Some(route_name) = &server.route_name else { return };
        let manager =
            http_manager(self.scope, self.topology, self.authorization, &listener_name(self.bind), route_name);
        let server_names = if tls.is_some() { server_names(server) } else { Vec::new() };
        let matcher = ChainMatch { server_names, ..ChainMatch::default() };
        self.chain(server, matcher, tls, Filters::Http(Arc::new(manager)));
    }

    fn chain(&mut self, server: &Server, matcher: ChainMatch, tls: Option<DownstreamTls>, filters: Filters) {
        self.chains.push(FilterChain {
            name: self.scope.pool.name(""),
            matcher,
            tls: tls.map(Arc::new),
            filters,
            origin: Some(origin("Gateway", &server.key)),
        });
    }

    /// TLS that ends here: HTTPS to a route configuration, TLS to what TCP rules say. Without any such rule a server
    /// that only speaks TLS has no chain.
    fn terminate(&mut self, server: &Arc<Server>) {
        let ServerTls { tls, needs, findings } = server_tls::downstream(server, self.scope.mesh);
        self.made.gateways.entry(server.key.clone()).or_default().extend(findings);
        self.made.needs.extend(needs);
        if server.route_name.is_some() {
            self.http(server, Some(tls));
            return;
        }
        // A server that is refused claims its names all the same, so that nothing else serves them.
        let refused = tls.certificates.is_empty();
        let nowhere = || {
            let name = Name::from("BlackHoleCluster");
            (name.clone(), vec![WeightedName { cluster: name, weight: 1 }])
        };
        let destinations = self.tcp_destinations(server).or_else(|| refused.then(nowhere));
        let Some((stat_prefix, clusters)) = destinations else { return };
        let filters = self.tcp_proxy(stat_prefix, clusters);
        let matcher = ChainMatch { server_names: server_names(server), ..ChainMatch::default() };
        self.chain(server, matcher, Some(tls), filters);
    }

    fn tcp(&mut self, server: &Server) {
        if let Some((stat_prefix, clusters)) = self.tcp_destinations(server) {
            let filters = self.tcp_proxy(stat_prefix, clusters);
            self.chain(server, ChainMatch::default(), None, filters);
        }
    }

    /// Where the connections of a server go by the TCP rules of its VirtualServices, of which the first counts.
    fn tcp_destinations(&mut self, server: &Server) -> Option<(Name, Vec<WeightedName>)> {
        let context = context(server);
        let mut found = None;
        for bound in &*self.bound_rules(&server.gateway) {
            let object = &bound.object;
            if found.is_some() || !bound.serves(server) {
                continue;
            }
            let mut collected = Collected::default();
            let mut clusters = l4_route::tcp_destinations(self.scope, object, &context, &mut collected);
            if clusters.is_empty() && server.is_tls() && l4_route::is_tls_route(object) {
                clusters = l4_route::terminated_destinations(self.scope, object, &context, &mut collected);
            } else if object.spec.tcp.is_empty() {
                continue;
            }
            let programmed = !clusters.is_empty();
            self.record(object, collected, programmed);
            if programmed {
                found = Some((stat_prefix(object, &clusters), clusters));
            }
        }
        found
    }

    /// Chains by SNI, one for each alternative of a TLS rule; of two that match equally the older is kept.
    fn passthrough(&mut self, server: &Server) {
        let context = context(server);
        for bound in &*self.bound_rules(&server.gateway) {
            let object = &bound.object;
            if object.spec.tls.is_empty() || !bound.serves(server) {
                continue;
            }
            let mut collected = Collected::default();
            let rules = l4_route::tls_rules(self.scope, object, &context, &mut collected);
            let mut programmed = false;
            for rule in rules {
                let names: BTreeSet<Name> =
                    rule.sni_hosts.iter().map(|host| Name::from(host.to_ascii_lowercase())).collect();
                let claims: Vec<_> = names.iter().map(|name| (name.clone(), rule.prefix_ranges.clone())).collect();
                if let Some((taken, _)) = claims.iter().find(|claim| self.taken.contains(*claim)) {
                    collected.findings.push(already_taken(taken, server));
                    continue;
                }
                self.taken.extend(claims);
                let filters = self.tcp_proxy(stat_prefix(object, &rule.clusters), rule.clusters);
                let (server_names, prefix_ranges) = (names_of(&names), rule.prefix_ranges);
                let matcher = ChainMatch { server_names, prefix_ranges, ..ChainMatch::default() };
                self.chain(server, matcher, None, filters);
                programmed = true;
            }
            self.record(object, collected, programmed);
        }
    }

    /// A chain for every port of every service of the mesh that has one of the server's hosts, and for its subsets:
    /// the cluster is the one that the server name spells. Connections that are not the mesh's mutual TLS find none.
    fn auto_passthrough(&mut self, server: &Server) {
        let mut clusters = Vec::new();
        let (registry, namespace) = (self.scope.registry, &self.scope.node.namespace);
        let mut services: Vec<&Arc<Service>> =
            registry.hosts(namespace).filter_map(|host| registry.service(host, namespace)).collect();
        services.sort_by(|a, b| a.host.cmp(&b.host));
        let own = |service: &Service| !service.is_external() && service.alias.is_none();
        let covered = |service: &Service| server.hosts.iter().any(|own| host::is_subset(&service.host, &own.host));
        for service in services.into_iter().filter(|service| own(service) && covered(service)) {
            let rules = self.scope.rules.of_service(service, self.scope.node, self.scope.mesh);
            let subsets: Vec<&str> = std::iter::once("").chain(rules.subsets()).collect();
            for port in &service.ports {
                let of_subset =
                    |subset: &&str| ClusterId::sni_dnat(self.scope.pool, &service.host, port.number, subset);
                clusters.extend(subsets.iter().map(of_subset));
            }
        }
        for cluster in &clusters {
            if !self.taken.insert((cluster.name.to_ascii_lowercase().into(), Vec::new())) {
                continue;
            }
            let only = vec![WeightedName { cluster: cluster.name.clone(), weight: 1 }];
            let matcher = ChainMatch {
                server_names: ServerName::new(&cluster.name).into_iter().collect(),
                application_protocols: MESH_ALPN.iter().map(|protocol| self.scope.pool.name(protocol)).collect(),
                ..ChainMatch::default()
            };
            let filters = self.tcp_proxy(cluster.name.clone(), only);
            self.chain(server, matcher, None, filters);
        }
        self.made.auto_passthrough.get_or_insert_default().extend(clusters);
    }

    fn bound_rules(&mut self, gateway: &Name) -> Arc<[BoundRules]> {
        if let Some(known) = self.known.get(gateway) {
            return known.clone();
        }
        let mesh = self.scope.mesh;
        let bound = |object: Arc<Object<VirtualService>>| {
            let namespace = &object.meta.namespace;
            let hosts = object.spec.hosts.iter().map(|host| mesh.resolve_host(host, namespace).into()).collect();
            BoundRules { object, hosts }
        };
        let rules: Arc<[BoundRules]> = (self.bound_to)(gateway).into_iter().map(bound).collect();
        self.known.insert(gateway.clone(), rules.clone());
        rules
    }

    fn tcp_proxy(&self, stat_prefix: Name, clusters: Vec<WeightedName>) -> Filters {
        let access_log = telemetry::access_logs(self.scope, Side::Client);
        // As in Istio, of several destinations the first one's DestinationRule counts.
        let policy = clusters.first().map(|first| self.scope.tcp_policy(&first.cluster)).unwrap_or_default();
        Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix,
            clusters,
            idle_timeout: policy.idle_timeout.unwrap_or(IDLE_TIMEOUT),
            access_log,
            hash_source_ip: policy.hash_source_ip,
            rbac: self.authorization.tcp.clone(),
        }))
    }

    fn record(&mut self, object: &Object<VirtualService>, collected: Collected, programmed: bool) {
        let l4 = self.made.virtual_services.entry(Key::of(&object.meta)).or_default();
        l4.findings.extend(collected.findings);
        l4.clusters.extend(collected.clusters);
        l4.programmed |= programmed;
    }
}

impl BoundRules {
    /// Whether it has a host in common with a server.
    fn serves(&self, server: &Server) -> bool {
        !host::intersection(&server.hosts, &self.hosts, &self.object.meta.namespace).is_empty()
    }
}

fn already_taken(host: &Name, server: &Server) -> Finding {
    let message = format!(
        "SNI host {host:?} on port {} of Gateway {} is served by an older VirtualService or a server that terminates \
         TLS; this rule has no effect there",
        server.port, server.gateway
    );
    Finding::at(Topic::Conflicted, "spec.tls", message)
}

fn context(server: &Server) -> ServerContext {
    ServerContext { gateway: server.gateway.clone(), port: server.port, is_tls: server.is_tls() }
}

/// The name of the cluster; of several, the VirtualService's.
fn stat_prefix(object: &Object<VirtualService>, clusters: &[WeightedName]) -> Name {
    match clusters {
        [only] => only.cluster.clone(),
        _ => format!("{}.{}", object.meta.name, object.meta.namespace).into(),
    }
}

fn server_names(server: &Server) -> Vec<ServerName> {
    names_of(&server.hosts.iter().map(|host| host.host.clone()).collect())
}

/// The server names of a chain, sorted; none when `*` is among the hosts, which stands for connections without any.
fn names_of(hosts: &BTreeSet<Name>) -> Vec<ServerName> {
    let names: Option<Vec<ServerName>> = hosts.iter().map(|host| ServerName::new(host)).collect();
    names.unwrap_or_default()
}
