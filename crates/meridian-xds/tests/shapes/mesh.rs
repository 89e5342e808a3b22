//! The sample's part about sidecars: captured traffic, mutual TLS by endpoint, access control.

use crate::sample::{chain, cluster, endpoint, listener, manager, name, regex, route, tls, virtual_host, weighted};
use ipnet::IpNet;
use meridian_ir::cluster::{Discovery, LbPolicy};
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::endpoint::{Address, Workload};
use meridian_ir::filter_chain::{ChainMatch, Filters, TransportProtocol};
use meridian_ir::http::RouteSource;
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::rbac::{
    Effect, MetadataMatch, PathMatch as AccessPath, PathTemplate, Permission, Policy, Principal, Rbac, Rules,
    ValueMatch,
};
use meridian_ir::route::{Forward, HeaderMatch, PathMatch};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{
    Action, Cluster, Endpoint, Endpoints, FilterChain, HttpConnectionManager, Listener, PortMatch, RouteConfig,
    StringMatch, TcpProxy,
};
use std::sync::Arc;
use std::time::Duration;

const INBOUND: &str = "inbound|8000||";
const MESH: &str = "outbound|8000||mesh.default.svc.cluster.local";

fn one_port(port: u16) -> PortMatch {
    PortMatch::Range { start: port.into(), end: u32::from(port) + 1 }
}

fn range(text: &str) -> IpNet {
    text.parse().expect("a range")
}

fn rules(effect: Effect, permissions: Vec<Permission>, principals: Vec<Principal>) -> Option<Rules> {
    let policy = Policy { name: "ns[default]-policy[sample]-rule[0]".into(), permissions, principals };
    Some(Rules::new(effect, vec![policy]))
}

fn http_access() -> Vec<Arc<Rbac>> {
    let header = |value| HeaderMatch { name: "x-a".into(), value, invert: false };
    let claim = MetadataMatch {
        filter: "envoy.filters.http.jwt_authn".into(),
        path: vec!["payload".into(), "aud".into()],
        value: ValueMatch::OneOf(Box::new(ValueMatch::Or(vec![
            ValueMatch::Text(StringMatch::Prefix("a".into())),
            ValueMatch::Text(StringMatch::Exact("b".into())),
        ]))),
    };
    let permissions = vec![Permission::And(vec![
        Permission::Or(vec![
            Permission::Host(StringMatch::Exact("A.example.com".into())),
            Permission::Path(AccessPath::Text(StringMatch::Prefix("/admin".into()))),
            Permission::Path(AccessPath::Template(PathTemplate::new("/users/*/files/**").expect("a template"))),
        ]),
        Permission::Not(Box::new(Permission::DestinationPort(one_port(8000)))),
        Permission::DestinationPort(PortMatch::Range { start: 9000, end: 9100 }),
        Permission::DestinationIp(range("10.0.0.0/8")),
    ])];
    let principals = vec![Principal::And(vec![
        Principal::Authenticated(StringMatch::Regex(regex(".*/ns/default/.*"))),
        Principal::RemoteIp(range("10.1.0.0/16")),
        Principal::DirectRemoteIp(range("fd00::/8")),
        Principal::Header(header(Some(StringMatch::Suffix("z".into())))),
        Principal::Not(Box::new(Principal::Metadata(claim))),
    ])];
    let deny = Rbac { rules: rules(Effect::Deny, permissions, principals), ..Rbac::default() };
    let allow = Rbac {
        rules: Some(Rules::new(Effect::Allow, Vec::new())),
        shadow_rules: rules(Effect::Allow, vec![Permission::Any], vec![Principal::Any]),
        shadow_rules_stat_prefix: "istio_dry_run_allow_".into(),
        ..Rbac::default()
    };
    vec![Arc::new(deny), Arc::new(allow)]
}

fn network_access() -> Vec<Arc<Rbac>> {
    let permissions = vec![Permission::ServerName(StringMatch::Suffix(".example.com".into()))];
    let rules = rules(Effect::Deny, permissions, vec![Principal::Any]);
    vec![Arc::new(Rbac { rules, stat_prefix: "tcp.".into(), ..Rbac::default() })]
}

fn to(cluster: &str) -> Filters {
    Filters::Tcp(Arc::new(TcpProxy {
        stat_prefix: cluster.into(),
        clusters: vec![WeightedName { cluster: cluster.into(), weight: 1 }],
        ..TcpProxy::default()
    }))
}

fn mutual_tls() -> DownstreamTls {
    let mesh = PeerValidation { authority: Some("ROOTCA".into()), ..PeerValidation::default() };
    DownstreamTls { client_auth: ClientAuth::Required(mesh), ..tls("default") }
}

/// What comes to the workload, and what it sends.
pub(crate) fn listeners() -> Vec<Listener> {
    let forward = Forward { clusters: vec![weighted(INBOUND, 1)], ..Forward::default() };
    let all = route(PathMatch::Prefix("/".into()), Action::Forward(forward));
    let routes = RouteConfig::new(INBOUND, vec![virtual_host("inbound|http|8000", &["*"], vec![all])]);
    let manager = HttpConnectionManager {
        rbac: http_access(),
        use_remote_address: false,
        ..manager("inbound_0.0.0.0_8000", RouteSource::Inline(Arc::new(routes)))
    };
    let matching = |transport, protocols: &[&str]| ChainMatch {
        destination_port: Some(8000),
        transport_protocol: Some(transport),
        application_protocols: protocols.iter().map(|one| name(one)).collect(),
        ..ChainMatch::default()
    };
    let mesh = FilterChain {
        name: "0.0.0.0_8000".into(),
        matcher: matching(TransportProtocol::Tls, &["istio", "istio-peer-exchange", "istio-http/1.1"]),
        tls: Some(Arc::new(mutual_tls())),
        ..chain(Filters::Http(Arc::new(manager.clone())))
    };
    let plain = FilterChain {
        name: "0.0.0.0_8000_plain".into(),
        matcher: matching(TransportProtocol::RawBuffer, &[]),
        ..chain(Filters::Http(Arc::new(manager)))
    };
    let guarded = TcpProxy {
        stat_prefix: "InboundPassthroughCluster".into(),
        clusters: vec![WeightedName { cluster: "InboundPassthroughCluster".into(), weight: 1 }],
        rbac: network_access(),
        ..TcpProxy::default()
    };
    let default_chain =
        FilterChain { name: "virtualInbound-catchall".into(), ..chain(Filters::Tcp(Arc::new(guarded))) };
    let inbound = Listener {
        direction: Direction::Inbound,
        tls_inspector: true,
        http_inspector: true,
        capture: Capture {
            original_dst: true,
            http_inspector_disabled: PortMatch::Or(vec![one_port(3306), one_port(15006)]),
            ..Capture::default()
        },
        inspect_timeout: Some(Duration::ZERO),
        continue_on_inspect_timeout: true,
        default_chain: Some(Arc::new(default_chain)),
        ..listener("virtualInbound", "127.0.0.21:0", vec![mesh, plain])
    };
    let outbound = Listener {
        capture: Capture { hand_over: true, ..Capture::default() },
        default_chain: Some(Arc::new(FilterChain {
            name: "virtualOutbound-catchall-tcp".into(),
            ..chain(to("PassthroughCluster"))
        })),
        ..listener("virtualOutbound", "127.0.0.22:0", Vec::new())
    };
    let behind = Listener {
        bind_to_port: false,
        inspect_timeout: Some(Duration::from_millis(100)),
        continue_on_inspect_timeout: true,
        ..listener("10.0.0.1_9000", "10.0.0.1:9000", vec![chain(to(MESH))])
    };
    vec![inbound, outbound, behind]
}

/// Where the client was going.
fn captured(name: &str) -> Cluster {
    Cluster { lb_policy: LbPolicy::ClusterProvided, ..cluster(name, Discovery::OriginalDst) }
}

pub(crate) fn clusters() -> Vec<Cluster> {
    let mesh_tls = UpstreamTls {
        certificate: Some("default".into()),
        validation: PeerValidation {
            authority: Some("ROOTCA".into()),
            subject_alt_names: vec![StringMatch::Exact("spiffe://cluster.local/ns/default/sa/httpbin".into())],
            ..PeerValidation::default()
        },
        validate_sni: false,
        sni: UpstreamSni::Fixed("outbound_.8000_._.mesh.default.svc.cluster.local".into()),
        alpn: vec!["istio-peer-exchange".into(), "istio".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    };
    let to_workload = Some("127.0.0.6".parse().expect("an address"));
    vec![
        Cluster { auto_tls: Some(Arc::new(mesh_tls)), ..cluster(MESH, Discovery::Eds) },
        Cluster { bind_source: to_workload, ..captured(INBOUND) },
        Cluster { bind_source: to_workload, ..captured("InboundPassthroughCluster") },
        Cluster {
            lb_policy: LbPolicy::ClusterProvided,
            dynamic_forward: Some(Arc::new(DynamicForward {
                hosts: vec!["*.example.org".into()],
                ..DynamicForward::default()
            })),
            ..cluster("outbound|443||*.example.org", Discovery::DynamicForward)
        },
    ]
}

pub(crate) fn endpoints() -> Vec<(&'static str, Endpoints)> {
    let address = |text: &str| Address::Socket(text.parse().expect("an address"));
    let workload = Workload {
        name: "httpbin".into(),
        namespace: "default".into(),
        canonical_name: "httpbin".into(),
        canonical_revision: "v1".into(),
        cluster: "Kubernetes".into(),
    };
    let inside = Endpoint { mesh_tls: true, workload: Some(Arc::new(workload)), ..endpoint(address("127.0.0.1:8000")) };
    let endpoints = vec![inside, endpoint(address("127.0.0.1:8001"))];
    vec![(MESH, Endpoints { endpoints, locality_weights: Vec::new() })]
}
