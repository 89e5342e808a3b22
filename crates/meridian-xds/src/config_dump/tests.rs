use super::*;
use crate::route::tests::default_retries;
use meridian_ir::access_log::ISTIO_DEFAULT_FORMAT;
use meridian_ir::cluster::{CircuitBreakers, Discovery, LbPolicy};
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::filter_chain::{ServerName, TransportProtocol};
use meridian_ir::format::Format;
use meridian_ir::http::{PathNormalization, ServerHeader};
use meridian_ir::listener::Direction;
use meridian_ir::route::{Forward, PathMatch, WeightedCluster};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{
    AccessLog, Action, ChainMatch, Cluster, Endpoint, Endpoints, HeaderEdits, HttpConnectionManager, Listener, Name,
    Origin, Route, RouteConfig, RouteMatch, Secret, TcpProxy, VirtualHost,
};
use std::process::Command;
use std::time::Duration;

fn log() -> Vec<AccessLog> {
    let format = Arc::new(Format::parse(ISTIO_DEFAULT_FORMAT).unwrap());
    vec![AccessLog { path: "/dev/stdout".into(), format }]
}

fn manager(routes: RouteSource) -> Filters {
    Filters::Http(Arc::new(HttpConnectionManager {
        stat_prefix: "outbound_0.0.0.0_8080".into(),
        routes,
        server_header: ServerHeader::Overwrite("istio-envoy".into()),
        use_remote_address: true,
        xff_num_trusted_hops: 1,
        path_normalization: PathNormalization::DecodeAndMergeSlashes,
        upgrades: vec!["websocket".into()],
        accept_http_10: true,
        stream_idle_timeout: Duration::ZERO,
        request_headers_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(3600),
        access_log: log(),
    }))
}

fn tcp(clusters: &[&str]) -> Filters {
    let clusters = clusters.iter().map(|name| WeightedName { cluster: (*name).into(), weight: 1 }).collect();
    let (stat_prefix, idle_timeout) = ("tcp".into(), Duration::from_secs(3600));
    Filters::Tcp(Arc::new(TcpProxy { stat_prefix, clusters, idle_timeout, access_log: log() }))
}

fn chain(names: &[&str], certificate: Option<&str>, filters: Filters) -> Arc<FilterChain> {
    let tls = certificate.map(|name| {
        Arc::new(DownstreamTls {
            certificates: vec![name.into()],
            alpn: vec!["h2".into(), "http/1.1".into()],
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
        })
    });
    let server_names: Vec<ServerName> = names.iter().filter_map(|name| ServerName::new(name)).collect();
    let transport_protocol = (!names.is_empty()).then_some(TransportProtocol::Tls);
    let matcher = ChainMatch { server_names, transport_protocol, ..ChainMatch::default() };
    Arc::new(FilterChain { name: "".into(), matcher, tls, filters, origin: None })
}

fn listener(port: u16, chains: Vec<Arc<FilterChain>>) -> (Name, Arc<Listener>) {
    let name: Name = format!("0.0.0.0_{port}").into();
    let listener = Listener {
        name: name.clone(),
        address: ([0, 0, 0, 0], port).into(),
        bind_to_port: true,
        direction: Direction::Outbound,
        tls_inspector: chains.iter().any(|chain| chain.matcher.transport_protocol.is_some()),
        http_inspector: false,
        chains,
        default_chain: None,
        access_log: log(),
        origins: vec![],
    };
    (name, Arc::new(listener))
}

fn cluster_of(name: &str, discovery: Discovery) -> (Name, Arc<Cluster>) {
    let origin = |kind, name: &str| Origin { kind, namespace: "default".into(), name: name.into() };
    let cluster = Cluster {
        name: name.into(),
        discovery,
        lb_policy: LbPolicy::LeastRequest,
        connect_timeout: Duration::from_secs(10),
        circuit_breakers: CircuitBreakers::default(),
        max_requests_per_connection: 1,
        idle_timeout: Duration::from_secs(3600),
        origins: vec![origin("Service", "httpbin"), origin("DestinationRule", "rule")],
    };
    (name.into(), Arc::new(cluster))
}

fn endpoint(address: Address, locality: &str, health: Health) -> Endpoint {
    Endpoint { address, weight: 2, health, locality: locality.into() }
}

/// A gateway with one of everything.
fn gateway() -> ProxyConfig {
    let clusters = vec![WeightedCluster {
        cluster: "outbound|8000|v1|httpbin.default.svc.cluster.local".into(),
        weight: 1,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    }];
    let forward =
        Forward { clusters, timeout: None, retry: Some(default_retries()), path_rewrite: None, host_rewrite: None };
    let route = Route {
        name: "get".into(),
        matcher: RouteMatch {
            path: PathMatch::PathSeparatedPrefix("/get".into()),
            case_sensitive: true,
            headers: vec![],
            query: vec![],
        },
        action: Action::Forward(forward),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    };
    let host = VirtualHost {
        name: "httpbin.example.com:80".into(),
        domains: vec!["httpbin.example.com".into()],
        routes: vec![Arc::new(route)],
        require_tls: true,
    };
    let routes = Arc::new(RouteConfig::new("http.8080", vec![Arc::new(host)]));
    let (eds, dns) = ("outbound|8000|v1|httpbin.default.svc.cluster.local", "outbound|443||www.example.com");
    let httpbin = Endpoints {
        endpoints: vec![
            endpoint(Address::Socket(([10, 0, 0, 1], 80).into()), "r/z", Health::Healthy),
            endpoint(Address::Socket(([10, 0, 0, 2], 80).into()), "r/z", Health::Draining),
            endpoint(Address::Socket("[2001:db8::1]:80".parse().unwrap()), "", Health::Unhealthy),
        ],
    };
    let external =
        Endpoints { endpoints: vec![endpoint(Address::Dns("www.example.com".into(), 443), "", Health::Healthy)] };
    let credential = "kubernetes://httpbin-credential";
    let secret = Secret { name: credential.into(), certificate_chain: b"PEM".to_vec(), private_key: b"KEY".to_vec() };
    ProxyConfig {
        version: 7,
        listeners: [
            listener(8080, vec![chain(&[], None, manager(RouteSource::Named("http.8080".into())))]),
            listener(
                8443,
                vec![
                    chain(&["a.example.com"], Some(credential), manager(RouteSource::Inline(routes.clone()))),
                    chain(&["*.missing.example.com"], Some("kubernetes://missing"), tcp(&[dns])),
                    chain(&["nginx.example.com"], None, tcp(&[dns, eds])),
                ],
            ),
        ]
        .into(),
        routes: [("http.8080".into(), routes)].into(),
        clusters: [cluster_of(eds, Discovery::Eds), cluster_of(dns, Discovery::StrictDns)].into(),
        endpoints: [(eds.into(), Arc::new(httpbin)), (dns.into(), Arc::new(external))].into(),
        secrets: [(credential.into(), Arc::new(secret))].into(),
    }
}

fn node() -> Node {
    Node { id: "router~10.0.0.1~a.b~b".to_owned(), cluster: "a.b".to_owned(), version: "0.1.0".to_owned() }
}

fn section<'d>(dump: &'d Value, kind: &str) -> &'d Value {
    let kind = format!("type.googleapis.com/envoy.admin.v3.{kind}");
    dump["configs"].as_array().unwrap().iter().find(|section| section["@type"] == kind).unwrap()
}

#[test]
fn sections_have_envoys_names() {
    let dump = config_dump(&gateway(), &node());
    assert_eq!(section(&dump, "BootstrapConfigDump")["bootstrap"]["node"]["id"], "router~10.0.0.1~a.b~b");
    let listeners = &section(&dump, "ListenersConfigDump")["dynamic_listeners"];
    assert_eq!(listeners[0]["name"], "0.0.0.0_8080");
    assert_eq!(listeners[0]["active_state"]["version_info"], "7");
    let active = &listeners[0]["active_state"]["listener"];
    assert_eq!(active["@type"], "type.googleapis.com/envoy.config.listener.v3.Listener");
    let manager = &active["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(manager["rds"]["route_config_name"], "http.8080");
    assert_eq!(manager["http_protocol_options"]["accept_http_10"], true);
    let clusters = &section(&dump, "ClustersConfigDump")["dynamic_active_clusters"];
    assert_eq!(clusters[0]["cluster"]["name"], "outbound|443||www.example.com");
    assert_eq!(clusters[1]["cluster"]["metadata"]["filter_metadata"]["istio"]["subset"], "v1");
    let options = &clusters[0]["cluster"]["typed_extension_protocol_options"];
    assert!(options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].is_object(), "{options}");
    let routes = section(&dump, "RoutesConfigDump");
    assert_eq!(routes["dynamic_route_configs"][0]["route_config"]["virtual_hosts"][0]["require_tls"], "ALL");
    assert_eq!(routes["static_route_configs"][0]["route_config"]["name"], "http.8080");
    let endpoints = section(&dump, "EndpointsConfigDump");
    let discovered = &endpoints["dynamic_endpoint_configs"][0]["endpoint_config"];
    assert_eq!(discovered["endpoints"][0]["locality"], json!({"region": "r", "zone": "z"}));
    assert_eq!(discovered["endpoints"][0]["lb_endpoints"][1]["health_status"], "DRAINING");
    assert_eq!(
        endpoints["static_endpoint_configs"][0]["endpoint_config"]["cluster_name"],
        "outbound|443||www.example.com"
    );
}

#[test]
fn keys_are_never_shown_and_missing_secrets_are_warming() {
    let dump = config_dump(&gateway(), &node());
    let secrets = section(&dump, "SecretsConfigDump");
    let certificate = &secrets["dynamic_active_secrets"][0]["secret"]["tls_certificate"];
    assert_eq!(certificate["certificate_chain"]["inline_bytes"], BASE64_STANDARD_PEM);
    assert_eq!(certificate["private_key"]["inline_bytes"], "W3JlZGFjdGVkXQ==");
    assert!(!dump.to_string().contains("S0VZ"), "the key, in base64");
    assert_eq!(secrets["dynamic_warming_secrets"][0]["name"], "kubernetes://missing");
}

/// `PEM` in base64.
const BASE64_STANDARD_PEM: &str = "UEVN";

/// Compares with what Istio itself generated, where the reference data are.
#[test]
fn routes_and_endpoints_are_what_istio_generates() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var("MERIDIAN_SHARED").unwrap_or_else(|_| root.to_owned());
    let path = format!("{shared}/oracles/istio-simulation/xds/ff4d42b86ac266e1.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "{path} is needed for this test");
        eprintln!("SKIPPED: {path} is not there");
        return;
    };
    let istio: Value = serde_json::from_str(&text).unwrap();
    let origin = Origin { kind: "VirtualService", namespace: "default".into(), name: "a".into() };
    let mut route = (*gateway().routes["http.8080"].virtual_hosts[0].routes[0]).clone();
    (route.name, route.origin) = ("".into(), Some(origin));
    route.matcher.path = PathMatch::Prefix("/".into());
    if let Action::Forward(forward) = &mut route.action {
        forward.clusters[0].cluster = "outbound|80||a.default".into();
    }
    let host = VirtualHost {
        name: "80.example.com:80".into(),
        domains: vec!["80.example.com".into()],
        routes: vec![Arc::new(route)],
        require_tls: false,
    };
    assert_eq!(route_config(&RouteConfig::new("http.8080", vec![Arc::new(host)])), istio["routes"][0]);
    let mut endpoint = endpoint(Address::Socket(([1, 1, 1, 1], 8080).into()), "", Health::Healthy);
    endpoint.weight = 1;
    let mut expected = istio["endpoints"][0].clone();
    let members = expected["endpoints"][0]["lbEndpoints"][0].as_object_mut().unwrap();
    members.remove("metadata").expect("the workload's name, which is not known here");
    let name = expected["clusterName"].as_str().unwrap();
    assert_eq!(load_assignment(name, &Endpoints { endpoints: vec![endpoint] }), expected);
}

/// A real Envoy reads everything: names, types and values of all fields.
#[test]
fn envoy_accepts_what_is_written() {
    let envoy = std::env::var("MERIDIAN_ENVOY").unwrap_or_else(|_| "envoy".to_owned());
    if Command::new(&envoy).arg("--version").output().is_err() {
        eprintln!("SKIPPED: no Envoy; set MERIDIAN_ENVOY to its path");
        return;
    }
    let config = gateway();
    let listeners: Vec<Value> = config.listeners.values().map(|one| crate::listener::listener(one)).collect();
    let mut clusters: Vec<Value> = config
        .clusters
        .values()
        .map(|one| cluster(one, config.endpoints.get(&one.name).map(|endpoints| &**endpoints)))
        .collect();
    clusters.push(json!({"name": "xds", "type": "STATIC", "connectTimeout": "1s", "typedExtensionProtocolOptions": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicitHttpConfig": {"http2ProtocolOptions": {}}
        }
    }}));
    let ads = json!({"apiType": "GRPC", "transportApiVersion": "V3", "grpcServices": [{"envoyGrpc": {"clusterName": "xds"}}]});
    let bootstrap = json!({
        "node": {"id": "test", "cluster": "test"},
        "dynamicResources": {"adsConfig": ads},
        "staticResources": {"listeners": listeners, "clusters": clusters}
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.json");
    std::fs::write(&path, bootstrap.to_string()).unwrap();
    let output =
        Command::new(&envoy).args(["--mode", "validate", "--base-id", "4711", "-c"]).arg(&path).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
