//! What becomes of destinations that no service claims: they pass as they are, go to a proxy of the user's choice, or are
//! blocked.

use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::proxy::node::ProxyNode;
use meridian_ir::cluster::{Discovery, LbPolicy, UpstreamProtocol};
use meridian_ir::filter_chain::{ChainMatch, Filters};
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::route::{DirectResponse, Forward, PathMatch, WeightedCluster};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{
    AccessLog, Action, Cluster, Endpoints, FilterChain, HeaderEdits, Listener, Name, Route, RouteMatch, TcpProxy,
    VirtualHost,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Where captured connections arrive.
const OUTBOUND_PORT: u16 = 15001;
/// The cluster that sends to where the client was going.
const PASSTHROUGH_CLUSTER: &str = "PassthroughCluster";
/// The cluster without endpoints.
const BLACK_HOLE_CLUSTER: &str = "BlackHoleCluster";
/// When an unused connection of `PassthroughCluster` is closed.
const PASSTHROUGH_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CatchAll {
    /// To this cluster: where they were going, or the `egressProxy` of a Sidecar.
    Pass(Name),
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
pub(super) fn listener(catch_all: &CatchAll, node: &ProxyNode, access_log: Vec<AccessLog>) -> Listener {
    let to_itself = ChainMatch { destination_port: Some(OUTBOUND_PORT), ..ChainMatch::default() };
    let chains = vec![
        chain("virtualOutbound-blackhole", to_itself, &BLACK_HOLE_CLUSTER.into(), access_log.clone()),
        catch_all.chain("virtualOutbound-catchall-tcp", access_log.clone()),
    ];
    let [first, more @ ..] = &wildcards(node)[..] else { return Listener::default() };
    Listener {
        name: "virtualOutbound".into(),
        address: SocketAddr::new(*first, OUTBOUND_PORT),
        additional_addresses: more.iter().map(|address| SocketAddr::new(*address, OUTBOUND_PORT)).collect(),
        direction: Direction::Outbound,
        capture: Capture { original_dst: true, hand_over: true, ..Capture::default() },
        chains: chains.into_iter().map(Arc::new).collect(),
        access_log,
        ..Listener::default()
    }
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

/// `PassthroughCluster` and `BlackHoleCluster`.
pub(super) fn clusters(mesh: &MeshConfig) -> BTreeMap<Name, (Arc<Cluster>, Option<Arc<Endpoints>>)> {
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
    [
        (passthrough.name.clone(), (Arc::new(passthrough), None)),
        (black_hole.name.clone(), (Arc::new(black_hole), Some(Arc::default()))),
    ]
    .into()
}
