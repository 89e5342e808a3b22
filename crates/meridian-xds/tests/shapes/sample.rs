//! Parts of configurations as Istio's defaults have them, and a configuration with something of everything.

use crate::{gateway_api, mesh, policies};
use meridian_ir::access_log::LogFormat;
use meridian_ir::cluster::{CircuitBreakers, Discovery, LbPolicy, ServiceName};
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName, TransportProtocol};
use meridian_ir::format::Format;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::http::{ClientCertDetails, ClientCertHeader, PathNormalization, RouteSource, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::route::{
    DirectResponse, Forward, HeaderMatch, PathMatch, PathRewrite, QueryMatch, Redirect, RedirectPath, RegexRewrite,
    RetryPolicy, WeightedCluster,
};
use meridian_ir::string_match::FullRegex;
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{
    AccessLog, Action, Cluster, Endpoint, Endpoints, FilterChain, HeaderEdits, HttpConnectionManager, Listener, Name,
    Origin, ProxyConfig, Route, RouteConfig, RouteMatch, Secret, StringMatch, TcpProxy, VirtualHost,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn name(text: &str) -> Name {
    text.into()
}

pub(crate) fn origin(kind: &'static str, namespace: &str, name: &str) -> Origin {
    Origin { kind, namespace: namespace.into(), name: name.into() }
}

pub(crate) fn manager(stat_prefix: &str, routes: RouteSource) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: stat_prefix.into(),
        routes,
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
        client_cert_header: ClientCertHeader::SanitizeSet,
        client_cert_details: ClientCertDetails { subject: true, cert: true, chain: false, dns: true, uri: true },
        ..HttpConnectionManager::default()
    }
}

pub(crate) fn chain(filters: Filters) -> FilterChain {
    FilterChain { name: "".into(), matcher: ChainMatch::default(), tls: None, filters, origin: None }
}

pub(crate) fn tls(secret: &str) -> DownstreamTls {
    DownstreamTls {
        certificates: vec![secret.into()],
        alpn: vec!["h2".into(), "http/1.1".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        client_auth: meridian_ir::tls::ClientAuth::None,
        cipher_suites: Vec::new(),
    }
}

pub(crate) fn listener(name: &str, address: &str, chains: Vec<FilterChain>) -> Listener {
    Listener {
        name: name.into(),
        address: address.parse().expect("an address"),
        bind_to_port: true,
        additional_addresses: Vec::new(),
        capture: meridian_ir::listener::Capture::default(),
        direction: Direction::Outbound,
        tls_inspector: chains.iter().any(|chain| !chain.matcher.server_names.is_empty()),
        http_inspector: false,
        chains: chains.into_iter().map(Arc::new).collect(),
        default_chain: None,
        access_log: Vec::new(),
        origins: Vec::new(),
        proxy_protocol: false,
        ..Listener::default()
    }
}

/// Istio's default.
pub(crate) fn retry_policy() -> RetryPolicy {
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

pub(crate) fn weighted(cluster: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: cluster.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    }
}

pub(crate) fn forward(cluster: &str) -> Forward {
    Forward {
        clusters: vec![weighted(cluster, 1)],
        timeout: None,
        retry: Some(retry_policy().into()),
        path_rewrite: None,
        host_rewrite: None,
        ..Forward::default()
    }
}

pub(crate) fn route(path: PathMatch, action: Action) -> Route {
    Route {
        name: "".into(),
        matcher: RouteMatch { path, case_sensitive: true, headers: Vec::new(), query: Vec::new() },
        action,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
        fault: None,
        cors: None,
        ext_authz: None,
    }
}

pub(crate) fn virtual_host(name: &str, domains: &[&str], routes: Vec<Route>) -> Arc<VirtualHost> {
    Arc::new(VirtualHost {
        name: name.into(),
        domains: domains.iter().map(|domain| Name::from(*domain)).collect(),
        routes: routes.into_iter().map(Arc::new).collect(),
        require_tls: false,
    })
}

pub(crate) fn cluster(name: &str, discovery: Discovery) -> Cluster {
    Cluster {
        name: name.into(),
        discovery,
        lb_policy: LbPolicy::LeastRequest,
        connect_timeout: Duration::from_secs(10),
        circuit_breakers: CircuitBreakers::default(),
        max_requests_per_connection: 0,
        idle_timeout: Duration::from_secs(3600),
        origins: Vec::new(),
        ..Cluster::default()
    }
}

pub(crate) fn endpoint(address: Address) -> Endpoint {
    Endpoint::new(address)
}

fn header(name: &str, value: &str, action: AppendAction) -> HeaderValue {
    HeaderValue { name: name.into(), value: Format::parse(value).expect("a format"), action }
}

fn edits() -> HeaderEdits {
    HeaderEdits {
        remove: vec!["x-gone".into()],
        write: vec![
            header("x-set", "100%% %PROTOCOL%", AppendAction::Overwrite),
            header("x-add", "a", AppendAction::Append),
        ],
    }
}

pub(crate) fn regex(pattern: &str) -> FullRegex {
    FullRegex::new(pattern).expect("a pattern")
}

pub(crate) fn access_log() -> AccessLog {
    let format = Format::parse(meridian_ir::access_log::ISTIO_DEFAULT_FORMAT).expect("Istio's format");
    AccessLog { path: "/dev/stdout".into(), format: LogFormat::Text(Arc::new(format)), filter: None }
}

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";

fn matches() -> RouteMatch {
    let header = |name: &str, value, invert| HeaderMatch { name: name.into(), value, invert };
    let query = |name: &str, value| QueryMatch { name: name.into(), value };
    RouteMatch {
        path: PathMatch::Prefix("/get".into()),
        case_sensitive: false,
        headers: vec![
            header(":method", Some(StringMatch::Exact("GET".into())), false),
            header("x-absent", None, true),
            header("x-not", Some(StringMatch::Prefix("no".into())), true),
            header("x-present", None, false),
            header("x-regex", Some(StringMatch::Regex(regex("a.*b"))), false),
            header("x-suffix", Some(StringMatch::Suffix("end".into())), false),
        ],
        query: vec![query("debug", None), query("page", Some(StringMatch::Exact("1".into())))],
    }
}

fn matching_route() -> Route {
    let forward = Forward {
        clusters: vec![
            WeightedCluster {
                request_headers: edits(),
                response_headers: edits(),
                host_rewrite: Some("other.example.com".into()),
                ..weighted("outbound|8000|v1|httpbin.default.svc.cluster.local", 25)
            },
            weighted(HTTPBIN, 75),
        ],
        timeout: Some(Duration::from_millis(1500)),
        retry: Some(Arc::new(RetryPolicy {
            on_5xx: true,
            statuses: vec![503, 429],
            per_try_timeout: Some(Duration::from_secs(2)),
            avoid_previous_hosts: false,
            avoid_previous_priorities: false,
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_millis(400),
            ..retry_policy()
        })),
        path_rewrite: Some(Box::new(PathRewrite::Prefix("/anything".into()))),
        ..Forward::default()
    };
    Route {
        name: "get".into(),
        matcher: matches(),
        request_headers: edits(),
        response_headers: edits(),
        origin: Some(origin("VirtualService", "default", "httpbin")),
        ..route(PathMatch::Prefix("/".into()), Action::Forward(forward))
    }
}

fn rewriting_routes() -> Vec<Route> {
    let rewrite = |path, rewrite| {
        let forward = Forward { path_rewrite: Some(Box::new(rewrite)), retry: None, ..forward(HTTPBIN) };
        route(path, Action::Forward(forward))
    };
    vec![
        rewrite(PathMatch::Regex(regex("/r/[0-9]+")), PathRewrite::Full("/whole".into())),
        rewrite(PathMatch::Exact("/exact".into()), PathRewrite::Full(r"/back\slash".into())),
        rewrite(
            PathMatch::PathSeparatedPrefix("/old".into()),
            PathRewrite::Regex(RegexRewrite::new("^/old/(.*)$", r"/new/\1").expect("a pattern")),
        ),
    ]
}

fn answering_routes() -> Vec<Route> {
    let path = |path: &str| PathMatch::Exact(path.into());
    let redirect = |status, target| {
        Action::Redirect(Redirect {
            status,
            scheme: None,
            host: Some("new.example.com".into()),
            port: None,
            path: target,
        })
    };
    let direct = |body: &[u8]| Action::Direct(DirectResponse { status: 418, body: body.to_vec() });
    vec![
        route(path("/301"), redirect(301, None)),
        route(path("/302"), redirect(302, Some(RedirectPath::Full("/x".into())))),
        route(path("/308"), redirect(308, Some(RedirectPath::Prefix("/y".into())))),
        route(path("/tea"), direct(b"I am a teapot\n")),
        route(path("/empty"), direct(b"")),
        route(path("/binary"), direct(&[0xff, 0xfe])),
        route(PathMatch::Prefix("/".into()), Action::Forward(forward(HTTPBIN))),
    ]
}

fn http_listener() -> Listener {
    let manager = HttpConnectionManager {
        xff_num_trusted_hops: 1,
        path_normalization: PathNormalization::DecodeAndMergeSlashes,
        accept_http_10: true,
        request_headers_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(75),
        access_log: vec![access_log()],
        ..manager("outbound_127.0.0.1_0", RouteSource::Named("http.8080".into()))
    };
    Listener {
        access_log: vec![access_log()],
        ..listener("127.0.0.1_0", "127.0.0.1:0", vec![chain(Filters::Http(Arc::new(manager)))])
    }
}

fn tcp(clusters: &[(&str, u32)]) -> Filters {
    let clusters =
        clusters.iter().map(|(cluster, weight)| WeightedName { cluster: (*cluster).into(), weight: *weight });
    Filters::Tcp(Arc::new(TcpProxy {
        stat_prefix: "outbound|443||wiki".into(),
        clusters: clusters.collect(),
        idle_timeout: Duration::from_secs(30),
        access_log: vec![access_log()],
        hash_source_ip: false,
        ..TcpProxy::default()
    }))
}

fn tls_listener() -> Listener {
    let inline = RouteConfig::new(
        "inline",
        vec![virtual_host(
            "inline:443",
            &["*"],
            vec![route(PathMatch::Prefix("/".into()), Action::Forward(forward(HTTPBIN)))],
        )],
    );
    let terminated = FilterChain {
        matcher: ChainMatch { server_names: vec![ServerName::Exact("example.com".into())], ..ChainMatch::default() },
        tls: Some(Arc::new(DownstreamTls {
            certificates: vec!["kubernetes://example".into(), "kubernetes://missing".into()],
            min_version: TlsVersion::Tls13,
            ..tls("")
        })),
        ..chain(Filters::Http(Arc::new(HttpConnectionManager {
            server_header: ServerHeader::PassThrough,
            use_remote_address: false,
            ..manager("outbound_127.0.0.2_0", RouteSource::Inline(Arc::new(inline)))
        })))
    };
    let passed_on = FilterChain {
        name: "wiki".into(),
        matcher: ChainMatch {
            destination_port: Some(443),
            prefix_ranges: vec!["10.0.0.0/8".parse().expect("an address"), "::1/128".parse().expect("an address")],
            server_names: vec![ServerName::Suffix(".wikipedia.org".into())],
            transport_protocol: Some(TransportProtocol::Tls),
            application_protocols: vec!["h2".into()],
        },
        ..chain(tcp(&[("outbound|443||*.wikipedia.org", 1)]))
    };
    Listener {
        bind_to_port: false,
        direction: Direction::Inbound,
        http_inspector: true,
        default_chain: Some(Arc::new(chain(tcp(&[("outbound|443|v1|a", 10), ("outbound|443|v2|a", 90)])))),
        ..listener("127.0.0.2_0", "127.0.0.2:0", vec![terminated, passed_on])
    }
}

fn clusters() -> Vec<Cluster> {
    let service = origin("Service", "default", "httpbin");
    let rule = origin("DestinationRule", "default", "httpbin-rule");
    vec![
        Cluster { origins: vec![service.clone()], ..cluster(HTTPBIN, Discovery::Eds) },
        Cluster {
            origins: vec![service, rule],
            lb_policy: LbPolicy::RoundRobin,
            circuit_breakers: CircuitBreakers { max_connections: 7, ..CircuitBreakers::default() },
            max_requests_per_connection: 9,
            idle_timeout: Duration::from_secs(300),
            ..cluster("outbound|8000|v1|httpbin.default.svc.cluster.local", Discovery::Eds)
        },
        Cluster {
            origins: vec![origin("ServiceEntry", "default", "localhost")],
            lb_policy: LbPolicy::Random,
            connect_timeout: Duration::from_millis(1500),
            ..cluster("outbound|80||localhost", Discovery::StrictDns)
        },
        cluster("outbound|81||localhost", Discovery::LogicalDns),
        Cluster {
            lb_policy: LbPolicy::ClusterProvided,
            ..cluster("outbound|443||*.wikipedia.org", Discovery::OriginalDst)
        },
        cluster("BlackHoleCluster", Discovery::Static),
    ]
}

fn endpoints() -> Vec<(&'static str, Endpoints)> {
    let socket = |text: &str| Address::Socket(text.parse().expect("an address"));
    let known = Endpoints {
        endpoints: vec![
            Endpoint { locality: "region/zone/subzone".into(), ..endpoint(socket("127.0.0.1:8000")) },
            Endpoint { health: Health::Unhealthy, weight: 3, ..endpoint(socket("[::1]:8000")) },
            Endpoint {
                health: Health::Draining,
                locality: "region/zone/subzone".into(),
                ..endpoint(socket("127.0.0.3:8000"))
            },
        ],
        locality_weights: Vec::new(),
    };
    let by_name = |port| Endpoints {
        endpoints: vec![endpoint(Address::Dns("localhost".into(), port))],
        locality_weights: Vec::new(),
    };
    vec![
        (HTTPBIN, known.clone()),
        ("outbound|8000|v1|httpbin.default.svc.cluster.local", known),
        ("outbound|80||localhost", by_name(80)),
        ("outbound|81||localhost", by_name(81)),
    ]
}

/// Metrics name the service that a cluster was made from.
fn with_service(cluster: Cluster) -> Cluster {
    let host = cluster.name.splitn(4, '|').nth(3).unwrap_or_default();
    let service = cluster.origins.iter().find(|origin| matches!(origin.kind, "Service" | "ServiceEntry"));
    let service = service.map(|origin| ServiceName {
        host: host.into(),
        name: if origin.kind == "Service" { origin.name.clone() } else { host.into() },
        namespace: origin.namespace.clone(),
    });
    Cluster { service: service.map(Arc::new), ..cluster }
}

/// A configuration with something of everything.
pub(crate) fn everything() -> ProxyConfig {
    let mut routes = vec![matching_route()];
    routes.extend(policies::routes());
    routes.extend(rewriting_routes());
    routes.extend(answering_routes());
    let secure =
        VirtualHost { require_tls: true, ..(*virtual_host("secure:80", &["secure.example.com"], Vec::new())).clone() };
    let table = RouteConfig::new(
        "http.8080",
        vec![
            virtual_host("httpbin.example.com:80", &["httpbin.example.com", "*.example.org"], routes),
            Arc::new(secure),
        ],
    );
    let secret = Secret {
        name: "kubernetes://example".into(),
        certificate_chain: include_bytes!("data/example.crt").to_vec(),
        private_key: include_bytes!("data/example.key").to_vec(),
    };
    let listeners = [http_listener(), tls_listener(), policies::listener()].into_iter();
    let listeners = listeners.chain(mesh::listeners()).chain(gateway_api::listeners());
    ProxyConfig {
        version: 7,
        listeners: listeners.map(|one| (one.name.clone(), Arc::new(one))).collect(),
        routes: [(table.name.clone(), Arc::new(table))].into(),
        clusters: clusters()
            .into_iter()
            .chain(policies::clusters())
            .chain(mesh::clusters())
            .map(with_service)
            .map(|one| (one.name.clone(), Arc::new(one)))
            .collect(),
        endpoints: endpoints()
            .into_iter()
            .chain(policies::endpoints())
            .chain(mesh::endpoints())
            .map(|(cluster, all)| (name(cluster), Arc::new(all)))
            .collect(),
        secrets: [(secret.name.clone(), Arc::new(secret))].into(),
        authorities: policies::authorities(),
        ..ProxyConfig::default()
    }
}
