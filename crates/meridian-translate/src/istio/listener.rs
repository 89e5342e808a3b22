//! Listeners of a gateway with their filter chains.

use crate::condition::{Finding, Topic};
use crate::host;
use crate::istio::cluster::ClusterId;
use crate::istio::destination::{Collected, Scope};
use crate::istio::gateway::{Bind, Merged, Protocol, Server};
use crate::istio::http_route::ServerContext;
use crate::istio::{l4_route, server_tls};
use crate::key::Key;
use crate::mesh::MeshConfig;
use ipnet::IpNet;
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName};
use meridian_ir::http::{HttpConnectionManager, RouteSource, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::tcp::WeightedName;
use meridian_ir::{AccessLog, FilterChain, Listener, Name, Origin, TcpProxy};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Envoy's default for connections without activity, of HTTP and of TCP.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long a client may take for a request head. Envoy's default is to wait for ever, which is no default for an edge.
const REQUEST_HEADERS_TIMEOUT: Duration = Duration::from_secs(60);

/// All listeners of a proxy, and what was found while they were made.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) listeners: BTreeMap<Name, Listener>,
    /// Secrets that chains refer to, with the server that does.
    pub(crate) secrets: Vec<(Arc<Server>, Name)>,
    /// What is to be said of Gateways.
    pub(crate) gateways: BTreeMap<Key, Vec<Finding>>,
    /// What TLS and TCP rules of VirtualServices came to.
    pub(crate) virtual_services: HashMap<Key, L4>,
}

/// What the TLS and TCP rules of a VirtualService came to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct L4 {
    pub(crate) findings: Vec<Finding>,
    pub(crate) clusters: Vec<ClusterId>,
    /// Whether a filter chain was made of them.
    pub(crate) programmed: bool,
}

/// The VirtualServices that are bound to a Gateway (`namespace/name`), oldest first.
pub(crate) type BoundTo<'a> = dyn Fn(&str) -> Vec<Arc<Object<VirtualService>>> + 'a;

/// Makes the listeners of `merged`. A listener without any chain is not made: its port stays closed.
pub(crate) fn build(scope: &mut Scope<'_>, merged: &Merged, bound_to: &BoundTo<'_>) -> Listeners {
    let mut made = Listeners::default();
    for (bind, servers) in &merged.listeners {
        let mut builder = Builder { scope, bound_to, made: &mut made, bind, chains: Vec::new(), taken: HashSet::new() };
        builder.servers(servers);
        let chains = builder.chains;
        if chains.is_empty() {
            for server in servers {
                made.gateways.entry(server.key.clone()).or_default().push(closed(server));
            }
            continue;
        }
        let listener = listener(scope.mesh, bind, chains, servers);
        made.listeners.insert(listener.name.clone(), listener);
    }
    made
}

fn closed(server: &Server) -> Finding {
    let rules = if is_plain_passthrough(server) { "tls" } else { "tcp" };
    let message = format!(
        "port {} is closed: no VirtualService that is bound to this Gateway has a host of this server and {rules} rules \
         for it",
        server.port
    );
    Finding::at(Topic::NotProgrammed, &server.path(), message)
}

/// `0.0.0.0_8080`, `[::]_8080`
fn listener_name(bind: &Bind) -> String {
    if bind.address.is_ipv6() {
        format!("[{}]_{}", bind.address, bind.port)
    } else {
        format!("{}_{}", bind.address, bind.port)
    }
}

fn listener(mesh: &MeshConfig, bind: &Bind, chains: Vec<FilterChain>, servers: &[Arc<Server>]) -> Listener {
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
        access_log: access_log(mesh),
        origins,
        proxy_protocol: false,
    }
}

fn origin(kind: &'static str, key: &Key) -> Origin {
    Origin { kind, namespace: key.namespace.clone(), name: key.name.clone() }
}

fn access_log(mesh: &MeshConfig) -> Vec<AccessLog> {
    if mesh.access_log_file.is_empty() {
        return Vec::new();
    }
    vec![AccessLog {
        path: mesh.access_log_file.clone(),
        format: meridian_ir::access_log::LogFormat::Text(mesh.access_log_format.clone()),
    }]
}

struct Builder<'a, 's> {
    scope: &'a mut Scope<'s>,
    bound_to: &'a BoundTo<'a>,
    made: &'a mut Listeners,
    bind: &'a Bind,
    chains: Vec<FilterChain>,
    /// Server names (`*`: any) with destination ranges that a chain matches already.
    taken: HashSet<(Name, Vec<IpNet>)>,
}

impl Builder<'_, '_> {
    fn servers(&mut self, servers: &[Arc<Server>]) {
        // Servers that terminate TLS claim their names before the rules of VirtualServices do.
        for server in servers.iter().filter(|server| server.is_tls() && !is_plain_passthrough(server)) {
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
                _ if is_plain_passthrough(server) => self.passthrough(server),
                _ => self.terminate(server),
            }
        }
    }

    fn http(&mut self, server: &Server, tls: Option<meridian_ir::tls::DownstreamTls>) {
        let Some(route_name) = &server.route_name else { return };
        let mesh = self.scope.mesh;
        let manager = HttpConnectionManager {
            stat_prefix: self.scope.pool.name(&format!("outbound_{}", listener_name(self.bind))),
            routes: RouteSource::Named(route_name.clone()),
            server_header: ServerHeader::Overwrite("istio-envoy".into()),
            use_remote_address: true,
            xff_num_trusted_hops: mesh.num_trusted_proxies,
            path_normalization: mesh.path_normalization,
            upgrades: vec!["websocket".into()],
            accept_http_10: mesh.http10,
            stream_idle_timeout: Duration::ZERO,
            request_headers_timeout: REQUEST_HEADERS_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            access_log: access_log(mesh),
            client_cert_header: meridian_ir::http::ClientCertHeader::Sanitize,
            client_cert_details: meridian_ir::http::ClientCertDetails::default(),
        };
        let server_names = if tls.is_some() { server_names(server) } else { Vec::new() };
        self.chain(server, server_names, Vec::new(), tls, Filters::Http(Arc::new(manager)));
    }

    fn chain(
        &mut self,
        server: &Server,
        server_names: Vec<ServerName>,
        prefix_ranges: Vec<IpNet>,
        tls: Option<meridian_ir::tls::DownstreamTls>,
        filters: Filters,
    ) {
        self.chains.push(FilterChain {
            name: self.scope.pool.name(""),
            matcher: ChainMatch { server_names, prefix_ranges, ..ChainMatch::default() },
            tls: tls.map(Arc::new),
            filters,
            origin: Some(origin("Gateway", &server.key)),
        });
    }

    /// TLS that ends here: HTTPS to a route configuration, TLS to what TCP rules say. Without any such rule a server
    /// that only speaks TLS has no chain.
    fn terminate(&mut self, server: &Arc<Server>) {
        let findings = self.made.gateways.entry(server.key.clone()).or_default();
        let tls = server_tls::downstream(server, self.scope.mesh, findings);
        self.made.secrets.extend(tls.certificates.iter().map(|name| (server.clone(), name.clone())));
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
        self.chain(server, server_names(server), Vec::new(), Some(tls), filters);
    }

    fn tcp(&mut self, server: &Server) {
        if let Some((stat_prefix, clusters)) = self.tcp_destinations(server) {
            let filters = self.tcp_proxy(stat_prefix, clusters);
            self.chain(server, Vec::new(), Vec::new(), None, filters);
        }
    }

    /// Where the connections of a server go by the TCP rules of its VirtualServices, of which the first counts.
    fn tcp_destinations(&mut self, server: &Server) -> Option<(Name, Vec<WeightedName>)> {
        let context = context(server);
        let mut found = None;
        for object in (self.bound_to)(&server.gateway) {
            if object.spec.tcp.is_empty() || found.is_some() || !self.serves_hosts(server, &object) {
                continue;
            }
            let mut collected = Collected::default();
            let clusters = l4_route::tcp_destinations(self.scope, &object, &context, &mut collected);
            let programmed = !clusters.is_empty();
            self.record(&object, collected, programmed);
            if programmed {
                found = Some((stat_prefix(&object, &clusters), clusters));
            }
        }
        found
    }

    /// Chains by SNI, one for each alternative of a TLS rule; of two that match equally the older is kept.
    fn passthrough(&mut self, server: &Server) {
        let context = context(server);
        for object in (self.bound_to)(&server.gateway) {
            if object.spec.tls.is_empty() || !self.serves_hosts(server, &object) {
                continue;
            }
            let mut collected = Collected::default();
            let rules = l4_route::tls_rules(self.scope, &object, &context, &mut collected);
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
                let filters = self.tcp_proxy(stat_prefix(&object, &rule.clusters), rule.clusters);
                self.chain(server, names_of(&names), rule.prefix_ranges, None, filters);
                programmed = true;
            }
            self.record(&object, collected, programmed);
        }
    }

    /// Whether a VirtualService has a host in common with a server.
    fn serves_hosts(&self, server: &Server, object: &Object<VirtualService>) -> bool {
        let namespace = &object.meta.namespace;
        let hosts: Vec<Name> =
            object.spec.hosts.iter().map(|host| self.scope.mesh.resolve_host(host, namespace).into()).collect();
        !host::intersection(&server.hosts, &hosts, namespace).is_empty()
    }

    fn tcp_proxy(&self, stat_prefix: Name, clusters: Vec<WeightedName>) -> Filters {
        let access_log = access_log(self.scope.mesh);
        Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix,
            clusters,
            idle_timeout: IDLE_TIMEOUT,
            access_log,
            hash_source_ip: false,
        }))
    }

    fn record(&mut self, object: &Object<VirtualService>, collected: Collected, programmed: bool) {
        let l4 = self.made.virtual_services.entry(Key::of(&object.meta)).or_default();
        l4.findings.extend(collected.findings);
        l4.clusters.extend(collected.clusters);
        l4.programmed |= programmed;
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

/// TLS that is passed on, as far as it is supported.
fn is_plain_passthrough(server: &Server) -> bool {
    use meridian_resources::istio::gateway::ServerTlsMode;
    server.is_tls() && server.tls.as_ref().is_some_and(|tls| tls.mode == ServerTlsMode::Passthrough)
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
