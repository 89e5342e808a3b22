//! Configurations in code, and a proxy that runs them.

use meridian_ir::access_log::{AccessLog, ISTIO_DEFAULT_FORMAT, LogFormat};
use meridian_ir::endpoint::Address;
use meridian_ir::format::Format;
use meridian_ir::http::{PathNormalization, RouteSource, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::route::{Forward, PathMatch, WeightedCluster};
use meridian_ir::{
    Action, ChainMatch, Cluster, Endpoint, Endpoints, FilterChain, Filters, HeaderEdits, HttpConnectionManager,
    Listener, ProxyConfig, Route, RouteConfig, RouteMatch, VirtualHost,
};
use meridian_proxy::{Proxy, ProxyHandle, ProxyOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Options of a proxy without endpoints of its own.
pub(crate) fn options() -> ProxyOptions {
    ProxyOptions { threads: 2, admin: None, readiness: None, metrics: None, ..ProxyOptions::new("test") }
}

pub(crate) fn start(options: ProxyOptions) -> ProxyHandle {
    Proxy::start(options).expect("a proxy starts")
}

/// Applies `config` and returns where its listener `name` listens.
pub(crate) async fn apply(proxy: &ProxyHandle, config: &ProxyConfig, name: &str) -> SocketAddr {
    let applied = proxy.apply(Arc::new(config.clone())).await.expect("the proxy runs");
    assert!(applied.listener_errors.is_empty(), "{:?}", applied.listener_errors);
    proxy.shared().listener_address(name).expect("the listener listens")
}

/// The connection manager of an Istio gateway.
pub(crate) fn manager(routes: &str) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: "outbound_0.0.0.0_8080".into(),
        routes: RouteSource::Named(routes.into()),
        server_header: ServerHeader::Overwrite("istio-envoy".into()),
        use_remote_address: true,
        xff_num_trusted_hops: 0,
        path_normalization: PathNormalization::Base,
        upgrades: vec!["websocket".into()],
        accept_http_10: false,
        stream_idle_timeout: Duration::ZERO,
        request_headers_timeout: Duration::ZERO,
        idle_timeout: Duration::from_secs(3600),
        access_log: Vec::new(),
        client_cert_header: meridian_ir::http::ClientCertHeader::Sanitize,
        client_cert_details: meridian_ir::http::ClientCertDetails::default(),
        ..HttpConnectionManager::default()
    }
}

/// An access log in Istio's default format.
pub(crate) fn access_log(path: &str) -> AccessLog {
    AccessLog {
        path: path.into(),
        format: LogFormat::Text(Arc::new(Format::parse(ISTIO_DEFAULT_FORMAT).expect("a format"))),
        filter: None,
    }
}

/// A listener on a free port with one chain.
pub(crate) fn listener(name: &str, manager: HttpConnectionManager) -> Listener {
    let filters = Filters::Http(Arc::new(manager));
    let chain = FilterChain { name: "".into(), matcher: ChainMatch::default(), tls: None, filters, origin: None };
    Listener {
        name: name.into(),
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        bind_to_port: true,
        additional_addresses: Vec::new(),
        capture: meridian_ir::listener::Capture::default(),
        direction: Direction::Outbound,
        tls_inspector: false,
        http_inspector: false,
        chains: vec![Arc::new(chain)],
        default_chain: None,
        access_log: Vec::new(),
        origins: Vec::new(),
        proxy_protocol: false,
        ..Listener::default()
    }
}

/// A cluster with fixed endpoints, as Istio sets it up.
pub(crate) fn cluster(name: &str) -> Cluster {
    Cluster { name: name.into(), ..Cluster::default() }
}

pub(crate) fn endpoints(addresses: &[SocketAddr]) -> Endpoints {
    let endpoint = |address: &SocketAddr| endpoint(Address::Socket(*address));
    Endpoints { endpoints: addresses.iter().map(endpoint).collect(), locality_weights: Vec::new() }
}

pub(crate) fn endpoint(address: Address) -> Endpoint {
    Endpoint::new(address)
}

/// A virtual host that forwards everything to one cluster.
pub(crate) fn forward(domain: &str, cluster: &str) -> VirtualHost {
    let destination = WeightedCluster {
        cluster: cluster.into(),
        weight: 1,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    };
    let action = Forward {
        clusters: vec![destination],
        timeout: None,
        retry: None,
        path_rewrite: None,
        host_rewrite: None,
        ..Forward::default()
    };
    let path = PathMatch::Prefix("/".into());
    let route = Route {
        name: "".into(),
        matcher: RouteMatch { path, case_sensitive: true, headers: Vec::new(), query: Vec::new() },
        action: Action::Forward(action),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
        fault: None,
        cors: None,
        ext_authz: None,
    };
    VirtualHost {
        name: format!("{domain}:80").into(),
        domains: vec![domain.into()],
        routes: vec![Arc::new(route)],
        require_tls: false,
    }
}

/// A configuration with these listeners and clusters, and with `hosts` as the routes `http.8080`.
pub(crate) fn config(
    listeners: Vec<Listener>,
    hosts: Vec<VirtualHost>,
    clusters: Vec<(Cluster, Endpoints)>,
) -> ProxyConfig {
    let mut config = ProxyConfig { version: 1, ..ProxyConfig::default() };
    for listener in listeners {
        config.listeners.insert(listener.name.clone(), Arc::new(listener));
    }
    let hosts = hosts.into_iter().map(Arc::new).collect();
    config.routes.insert("http.8080".into(), Arc::new(RouteConfig::new("http.8080", hosts)));
    for (cluster, endpoints) in clusters {
        config.endpoints.insert(cluster.name.clone(), Arc::new(endpoints));
        config.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    }
    config
}

/// The plainest gateway: everything that comes to the listener `http` goes to `origin`.
pub(crate) fn plain(origin: SocketAddr, logs: Vec<AccessLog>) -> ProxyConfig {
    let manager = HttpConnectionManager { access_log: logs, ..manager("http.8080") };
    let clusters = vec![(cluster("origin"), endpoints(&[origin]))];
    config(vec![listener("http", manager)], vec![forward("*", "origin")], clusters)
}
