//! The sample's part about what Gateway API needs: UDP, sessions, external authorization, lost backends, clients whose
//! certificates need not be good.

use crate::sample::{access_log, chain, forward, listener as plain_listener, manager, route, tls, virtual_host};
use meridian_ir::ext_authz::{AuthzService, ExtAuthz, HttpAuthz};
use meridian_ir::filter_chain::Filters;
use meridian_ir::http::{RouteFilters, RouteSource};
use meridian_ir::route::{Forward, PathMatch};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation};
use meridian_ir::{
    Action, FilterChain, HttpConnectionManager, Listener, Route, RouteConfig, SessionPersistence, StringMatch, UdpProxy,
};
use std::sync::Arc;
use std::time::Duration;

const CLUSTER: &str = "outbound|8000||httpbin.default.svc.cluster.local";

fn at(path: &str, forward: Forward, ext_authz: Option<ExtAuthz>) -> Route {
    let action = Action::Forward(forward);
    Route { ext_authz: ext_authz.map(Arc::new), ..route(PathMatch::PathSeparatedPrefix(path.into()), action) }
}

fn routes() -> RouteConfig {
    let cookie =
        SessionPersistence::Cookie { name: "who".into(), path: "/cookie".into(), ttl: Some(Duration::from_secs(600)) };
    let kept = |session| Forward { session: Some(Arc::new(session)), ..forward(CLUSTER) };
    let lost = Forward { cluster_not_found_status: 500, ..forward("nowhere") };
    let http = HttpAuthz {
        cluster: CLUSTER.into(),
        uri: "http://authz.default:8000".into(),
        path_prefix: "/check".into(),
        allowed_response_headers: None,
    };
    let by_http = ExtAuthz {
        service: AuthzService::Http(http),
        allowed_headers: vec![StringMatch::Exact("x-token".into())],
        max_body_bytes: 1024,
        ..ExtAuthz::default()
    };
    let by_grpc = ExtAuthz {
        service: AuthzService::Grpc { cluster: CLUSTER.into(), authority: Some("authz.default:9000".into()) },
        timeout: Duration::from_secs(2),
        status_on_error: 503,
        ..ExtAuthz::default()
    };
    let routes = vec![
        at("/cookie", kept(cookie), None),
        at("/header", kept(SessionPersistence::Header("x-session".into())), Some(by_http)),
        at("/grpc", forward(CLUSTER), Some(by_grpc)),
        at("/lost", lost, None),
    ];
    RouteConfig::new("gateway-api", vec![virtual_host("gateway-api:443", &["*"], routes)])
}

fn secure_listener() -> Listener {
    let lenient = PeerValidation {
        authority: Some("kubernetes://example-cacert".into()),
        accept_untrusted: true,
        ..PeerValidation::default()
    };
    let manager = HttpConnectionManager {
        route_filters: RouteFilters::ALL,
        ..manager("outbound_127.0.0.5_0", RouteSource::Inline(Arc::new(routes())))
    };
    let tls = DownstreamTls { client_auth: ClientAuth::Optional(lenient), ..tls("kubernetes://example") };
    let chain = FilterChain { tls: Some(Arc::new(tls)), ..chain(Filters::Http(Arc::new(manager))) };
    plain_listener("127.0.0.5_0", "127.0.0.5:0", vec![chain])
}

fn udp(name: &str, address: &str, proxy: UdpProxy) -> Listener {
    Listener {
        name: name.into(),
        address: address.parse().expect("an address"),
        udp: Some(Arc::new(proxy)),
        ..Listener::default()
    }
}

pub(crate) fn listeners() -> Vec<Listener> {
    let share = |cluster: &str, weight| WeightedName { cluster: cluster.into(), weight };
    let plain = UdpProxy { stat_prefix: "dns".into(), clusters: vec![share(CLUSTER, 1)], ..UdpProxy::default() };
    let full = UdpProxy {
        clusters: vec![share(CLUSTER, 70), share("nowhere", 30)],
        idle_timeout: Duration::from_secs(5),
        max_sessions: 100,
        hash_source_ip: true,
        access_log: vec![access_log()],
        ..plain.clone()
    };
    vec![secure_listener(), udp("127.0.0.6_0_udp", "127.0.0.6:0", plain), udp("127.0.0.7_0_udp", "127.0.0.7:0", full)]
}
