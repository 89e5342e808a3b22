//! What the tests of the running proxy share: configurations in code, and a proxy that runs them.

pub(crate) mod client;
pub(crate) mod gateway;
pub(crate) mod origin;

use meridian_ir::access_log::{AccessLog, ISTIO_DEFAULT_FORMAT, LogFormat};
use meridian_ir::endpoint::Address;
use meridian_ir::format::Format;
use meridian_ir::http::{PathNormalization, RouteSource, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::route::{Forward, PathMatch, RetryPolicy, WeightedCluster};
use meridian_ir::{
    Action, ChainMatch, Cluster, Endpoint, Endpoints, FilterChain, Filters, HeaderEdits, HttpConnectionManager,
    Listener, ProxyConfig, Route, RouteConfig, RouteMatch, VirtualHost,
};
use meridian_proxy::{Proxy, ProxyHandle, ProxyOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A proxy without admin endpoints, with `threads` workers.
pub(crate) fn start(threads: usize) -> ProxyHandle {
    start_with(ProxyOptions { threads, ..options() })
}

/// Options of a proxy for tests: no endpoints of its own.
pub(crate) fn options() -> ProxyOptions {
    ProxyOptions { threads: 1, admin: None, readiness: None, metrics: None, ..ProxyOptions::new("test") }
}

pub(crate) fn start_with(options: ProxyOptions) -> ProxyHandle {
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
    Listener {
        name: name.into(),
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        bind_to_port: true,
        additional_addresses: Vec::new(),
        capture: meridian_ir::listener::Capture::default(),
        direction: Direction::Outbound,
        tls_inspector: false,
        http_inspector: false,
        chains: vec![Arc::new(FilterChain {
            name: "".into(),
            matcher: ChainMatch::default(),
            tls: None,
            filters: Filters::Http(Arc::new(manager)),
            origin: None,
        })],
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
    let endpoint = |address: &SocketAddr| Endpoint::new(Address::Socket(*address));
    Endpoints { endpoints: addresses.iter().map(endpoint).collect(), locality_weights: Vec::new() }
}

/// Istio's default retry policy.
pub(crate) fn istio_retries() -> RetryPolicy {
    RetryPolicy {
        attempts: 2,
        on_connect_failure: true,
        on_refused_stream: true,
        on_reset: false,
        on_reset_before_request: false,
        on_5xx: false,
        on_gateway_error: false,
        on_retriable_4xx: false,
        statuses: Vec::new(),
        grpc_statuses: vec![14, 1],
        per_try_timeout: None,
        avoid_previous_hosts: true,
        avoid_previous_priorities: false,
        backoff_base: Duration::from_millis(25),
        backoff_max: Duration::from_millis(250),
    }
}

/// Forwarding to one cluster under Istio's defaults.
pub(crate) fn forward(cluster: &str) -> Forward {
    Forward {
        clusters: vec![WeightedCluster {
            cluster: cluster.into(),
            weight: 100,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            host_rewrite: None,
        }],
        timeout: None,
        retry: Some(istio_retries().into()),
        path_rewrite: None,
        host_rewrite: None,
        ..Forward::default()
    }
}

/// A route for everything below `prefix`.
pub(crate) fn route(prefix: &str, action: Action) -> Route {
    Route {
        name: "".into(),
        matcher: RouteMatch {
            path: PathMatch::Prefix(prefix.into()),
            case_sensitive: true,
            headers: Vec::new(),
            query: Vec::new(),
        },
        action,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
        fault: None,
        cors: None,
        ext_authz: None,
    }
}

pub(crate) fn virtual_host(domain: &str, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: format!("{domain}:80").into(),
        domains: vec![domain.into()],
        routes: routes.into_iter().map(Arc::new).collect(),
        require_tls: false,
    }
}

/// A configuration of one listener `http` whose routes are `hosts`.
pub(crate) fn config(hosts: Vec<VirtualHost>, clusters: Vec<(Cluster, Endpoints)>) -> ProxyConfig {
    let mut config = ProxyConfig { version: 1, ..ProxyConfig::default() };
    config.listeners.insert("http".into(), Arc::new(listener("http", manager("http.8080"))));
    let hosts = hosts.into_iter().map(Arc::new).collect();
    config.routes.insert("http.8080".into(), Arc::new(RouteConfig::new("http.8080", hosts)));
    for (cluster, endpoints) in clusters {
        config.endpoints.insert(cluster.name.clone(), Arc::new(endpoints));
        config.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    }
    config
}

/// The plainest gateway: everything goes to `origin`.
pub(crate) fn plain(origin: SocketAddr) -> ProxyConfig {
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("origin")))])];
    config(hosts, vec![(cluster("origin"), endpoints(&[origin]))])
}
