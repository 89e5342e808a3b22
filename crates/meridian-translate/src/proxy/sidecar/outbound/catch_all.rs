//! What becomes of destinations that no service claims: they pass as they are, go to a proxy of the user's choice, or are
//! blocked.

use crate::istio::destination::Scope;
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::proxy::node::ProxyNode;
use meridian_ir::cluster::{Discovery, LbPolicy, UpstreamProtocol};
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::filter_chain::{ChainMatch, Filters};
use meridian_ir::http::{HttpConnectionManager, RouteSource, ServerHeader};
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::route::{DirectResponse, Forward, PathMatch, WeightedCluster};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{
    AccessLog, Action, Cluster, Endpoints, FilterChain, HeaderEdits, Listener, Name, Route, RouteConfig, RouteMatch,
    TcpProxy, VirtualHost,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Where captured connections arrive.
const OUTBOUND_PORT: u16 = 15001;
/// The cluster that sends to where the client was going.
const PASSTHROUGH_CLUSTER: &str = "PassthroughCluster";
/// The cluster that goes to the host that a request names.
const NAMED_CLUSTER: &str = "AllowAnyDynamicDNSCluster";
/// The routes to it.
const NAMED: &str = "allow_any_dynamic_dns";
/// The cluster without endpoints.
const BLACK_HOLE_CLUSTER: &str = "BlackHoleCluster";
/// When an unused connection of `PassthroughCluster` is closed.
const PASSTHROUGH_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CatchAll {
    /// To this cluster: where they were going, or the `egressProxy` of a Sidecar.
    Pass(Name),
    /// Requests to the host that they name, and everything else to where it was going (`ALLOW_ANY_DYNAMIC_DNS`).
    Named,
    /// Nowhere (`REGISTRY_ONLY`).
    Block,
}

impl CatchAll {
    /// Everything goes where it was going.
    pub(super) fn passthrough() -> Self {
        Self::Pass(PASSTHROUGH_CLUSTER.into())
    }

    fn cluster(&self) -> Name {
        match self {
            Self::Pass(cluster) => cluster.clone(),
            Self::Named => PASSTHROUGH_CLUSTER.into(),
            Self::Block => BLACK_HOLE_CLUSTER.into(),
        }
    }

    /// The chain of connections that no other chain of a listener takes.
    pub(super) fn chain(&self, name: &str, access_log: Vec<AccessLog>) -> FilterChain {
        chain(name, ChainMatch::default(), &self.cluster(), access_log)
    }

    /// The virtual host of requests that no other takes.
    pub(super) fn virtual_host(&self, pool: &mut Pool) -> VirtualHost {
        let (name, action) = match self {
            Self::Pass(cluster) => ("allow_any", Action::Forward(forward(cluster))),
            Self::Named => (NAMED, Action::Forward(forward(&pool.name(NAMED_CLUSTER)))),
            Self::Block => ("block_all", Action::Direct(DirectResponse { status: 502, body: Vec::new() })),
        };
        let name = pool.name(name);
        let path = PathMatch::Prefix(pool.name("/"));
        let route = Route {
            name: name.clone(),
            matcher: RouteMatch { path, case_sensitive: true, headers: Vec::new(), query: Vec::new() },
            action,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            fault: None,
            cors: None,
            ext_authz: None,
            origin: None,
        };
        VirtualHost { name, domains: vec![pool.name("*")], routes: vec![Arc::new(route)], require_tls: false }
    }
}

/// Forwarding to one cluster with nothing else about it.
pub(super) fn forward(cluster: &Name) -> Forward {
    let only = WeightedCluster {
        cluster: cluster.clone(),
        weight: 1,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    };
    Forward { clusters: vec![only], ..Forward::default() }
}

fn chain(name: &str, matcher: ChainMatch, cluster: &Name, access_log: Vec<AccessLog>) -> FilterChain {
    let proxy = TcpProxy {
        stat_prefix: cluster.clone(),
        clusters: vec![WeightedName { cluster: cluster.clone(), weight: 1 }],
        access_log,
        ..TcpProxy::default()
    };
    FilterChain { name: name.into(), matcher, tls: None, filters: Filters::Tcp(Arc::new(proxy)), origin: None }
}

/// The listener of captured connections, which hands them to the listener of the address that they were going to. A
/// connection that was going to its own port would come back for ever: it is closed.
pub(super) fn listener(scope: &mut Scope<'_>, catch_all: &CatchAll, access_log: Vec<AccessLog>) -> Listener {
    let to_itself = ChainMatch { destination_port: Some(OUTBOUND_PORT), ..ChainMatch::default() };
    let mut chains =
        vec![chain("virtualOutbound-blackhole", to_itself, &BLACK_HOLE_CLUSTER.into(), access_log.clone())];
    let named = *catch_all == CatchAll::Named;
    if named {
        chains.push(named_chain(scope, catch_all, access_log.clone()));
    }
    chains.push(catch_all.chain("virtualOutbound-catchall-tcp", access_log.clone()));
    let [first, more @ ..] = &wildcards(scope.node)[..] else { return Listener::default() };
    Listener {
        name: "virtualOutbound".into(),
        address: SocketAddr::new(*first, OUTBOUND_PORT),
        additional_addresses: more.iter().map(|address| SocketAddr::new(*address, OUTBOUND_PORT)).collect(),
        direction: Direction::Outbound,
        capture: Capture { original_dst: true, hand_over: true, ..Capture::default() },
        http_inspector: named,
        chains: chains.into_iter().map(Arc::new).collect(),
        access_log,
        ..Listener::default()
    }
}

/// The chain of requests to destinations that no service claims, which go to the host that they name.
fn named_chain(scope: &mut Scope<'_>, catch_all: &CatchAll, access_log: Vec<AccessLog>) -> FilterChain {
    let hosts = vec![Arc::new(catch_all.virtual_host(scope.pool))];
    let manager = HttpConnectionManager {
        stat_prefix: scope.pool.name("outbound_virtualOutbound_allow_any_dynamic_dns"),
        routes: RouteSource::Inline(Arc::new(RouteConfig::new(NAMED, hosts))),
        access_log,
        ..manager(scope)
    };
    let matcher = ChainMatch { application_protocols: http_protocols(scope), ..ChainMatch::default() };
    let filters = Filters::Http(Arc::new(manager));
    FilterChain { name: "virtualOutbound-catchall-tcp-http".into(), matcher, tls: None, filters, origin: None }
}

/// How requests of the workload are served, but for their routes and logs.
pub(super) fn manager(scope: &mut Scope<'_>) -> HttpConnectionManager {
    HttpConnectionManager {
        server_header: ServerHeader::Overwrite(scope.pool.name("envoy")),
        use_remote_address: false,
        path_normalization: scope.mesh.path_normalization,
        accept_http_10: scope.mesh.http10,
        ..HttpConnectionManager::default()
    }
}

/// What the HTTP inspector calls the requests that are served.
pub(super) fn http_protocols(scope: &mut Scope<'_>) -> Vec<Name> {
    let protocols = ["http/1.0", "http/1.1", "h2c"].iter().skip(usize::from(!scope.mesh.http10));
    protocols.map(|protocol| scope.pool.name(protocol)).collect()
}

/// The addresses that stand for all of the proxy's address families, IPv4 first.
pub(super) fn wildcards(node: &ProxyNode) -> Vec<IpAddr> {
    let has = |is_ipv6: bool| node.ip_addresses.iter().any(|address| address.is_ipv6() == is_ipv6);
    let (v4, v6) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED));
    match (has(false), has(true)) {
        (_, false) => vec![v4],
        (true, true) => vec![v4, v6],
        (false, true) => vec![v6],
    }
}

/// `PassthroughCluster`, `BlackHoleCluster`, and the cluster of named hosts where there is one.
pub(super) fn clusters(
    mesh: &MeshConfig,
    catch_all: &CatchAll,
) -> BTreeMap<Name, (Arc<Cluster>, Option<Arc<Endpoints>>)> {
    let passthrough = Cluster {
        name: PASSTHROUGH_CLUSTER.into(),
        discovery: Discovery::OriginalDst,
        lb_policy: LbPolicy::ClusterProvided,
        connect_timeout: mesh.connect_timeout,
        idle_timeout: PASSTHROUGH_IDLE_TIMEOUT,
        protocol: UpstreamProtocol::Downstream,
        ..Cluster::default()
    };
    let black_hole = Cluster {
        name: BLACK_HOLE_CLUSTER.into(),
        discovery: Discovery::Static,
        connect_timeout: mesh.connect_timeout,
        ..Cluster::default()
    };
    let mut clusters = BTreeMap::from([(black_hole.name.clone(), (Arc::new(black_hole), Some(Arc::default())))]);
    if *catch_all == CatchAll::Named {
        // What the workload can reach by itself is not its sidecar's to refuse.
        let anywhere = DynamicForward { allow_private: true, ..DynamicForward::default() };
        let named = Cluster {
            name: NAMED_CLUSTER.into(),
            discovery: Discovery::DynamicForward,
            dynamic_forward: Some(Arc::new(anywhere)),
            ..passthrough.clone()
        };
        clusters.insert(named.name.clone(), (Arc::new(named), None));
    }
    clusters.insert(passthrough.name.clone(), (Arc::new(passthrough), None));
    clusters
}
