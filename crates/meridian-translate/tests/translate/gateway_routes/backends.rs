//! What backends of all sorts come to: clusters, filters and chains.

use super::changes::{edge, translated};
use meridian_ir::endpoint::Address;
use meridian_ir::ext_authz::AuthzService;
use meridian_ir::filter_chain::{Filters, ServerName};
use meridian_ir::http::ServerHeader;
use meridian_ir::request::PlainRequest;
use meridian_ir::session::SessionPersistence;
use meridian_ir::{Action, ProxyConfig, Route};
use std::sync::Arc;

const SHOP: &str = "outbound|8080||shop.default.svc.cluster.local";

/// An object of Gateway API in namespace `default`.
fn object(kind: &str, name: &str, spec: &str) -> String {
    let version = if kind.starts_with('X') { "x-k8s.io/v1alpha1" } else { "k8s.io/v1" };
    format!(
        "---\napiVersion: gateway.networking.{version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {spec}\n"
    )
}

/// A route of this kind with one rule, attached to the Gateway `edge`.
fn rule(kind: &str, name: &str, rule: &str) -> String {
    object(kind, name, &format!("{{parentRefs: [{{name: edge}}], rules: [{rule}]}}"))
}

fn route_of(config: &ProxyConfig, request: &PlainRequest) -> Arc<Route> {
    let routes = config.routes["http.80"].virtual_host(request.authority.as_bytes()).expect("a virtual host");
    routes.route(request).expect("a route").clone()
}

#[test]
fn an_envoy_proxy_sends_to_services_and_says_envoy() {
    let (mut cluster, before) = edge(1);
    let header = |config: &ProxyConfig| match &config.listeners["0.0.0.0_80"].chains[0].filters {
        Filters::Http(manager) => manager.server_header.clone(),
        Filters::Tcp(_) => panic!("it speaks HTTP"),
    };
    assert_eq!(header(&before), ServerHeader::Overwrite("istio-envoy".into()));
    assert!(before.endpoints[SHOP].endpoints.is_empty(), "there are no pods");
    cluster.apply(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyProxy\nmetadata: {name: edge, namespace: default}\n\
         spec: {routingType: Service}\n",
    );
    cluster.apply(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: default}\n\
         spec: {gatewayClassName: meridian, listeners: [{name: http, port: 80, protocol: HTTP}], infrastructure: \
         {parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: edge}}}\n",
    );
    let config = translated(&mut cluster).expect("other settings are another configuration");
    assert_eq!(header(&config), ServerHeader::Overwrite("envoy".into()));
    let addresses: Vec<&Address> = config.endpoints[SHOP].endpoints.iter().map(|one| &one.address).collect();
    assert_eq!(addresses, [&Address::Socket("10.1.0.1:8080".parse().unwrap())]);
    assert!(config.clusters[SHOP].auto_tls.is_none());
}

#[test]
fn an_x_backend_is_a_host_outside() {
    let (mut cluster, _) = edge(0);
    cluster.apply(&object(
        "XBackend",
        "outside",
        "{type: ExternalHostname, port: {port: 443}, externalHostname: {hostname: api.example.com}, protocol: HTTP2, \
         tls: {mode: ServerOnly, validation: {hostname: api.example.com, wellKnownCACertificates: System}}}",
    ));
    cluster.apply(&rule(
        "HTTPRoute",
        "out",
        "{backendRefs: [{group: gateway.networking.x-k8s.io, kind: XBackend, name: outside, port: 443}]}",
    ));
    let config = translated(&mut cluster).expect("a route is a new configuration");
    let name = "outbound|443|default/outside|api.example.com";
    let tls = config.clusters[name].tls.as_ref().expect("it is spoken to by TLS");
    assert!(tls.validate_sni && tls.alpn == ["h2".into()]);
    assert_eq!(config.endpoints[name].endpoints[0].address, Address::Dns("api.example.com".into(), 443));
    cluster.delete("XBackend", "default", "outside");
    let without = translated(&mut cluster).expect("what is gone is no cluster");
    assert!(!without.clusters.contains_key(name));
    let route = route_of(&without, &PlainRequest::get("any", "/"));
    assert!(matches!(&route.action, Action::Direct(direct) if direct.status == 500), "{route:?}");
}

#[test]
fn filters_and_sessions_are_compiled() {
    let (mut cluster, _) = edge(0);
    let filters = "filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: shop, port: 8080}, \
                   http: {path: /check, allowedHeaders: [X-User]}, forwardBody: {maxSize: 64}}}, {type: CORS, cors: \
                   {allowOrigins: ['https://*.example.com', '*'], allowMethods: [GET, '*'], maxAge: 9}}]";
    cluster.apply(&rule(
        "HTTPRoute",
        "all",
        &format!(
            "{{{filters}, sessionPersistence: {{sessionName: who, absoluteTimeout: 1h, cookieConfig: {{lifetimeType: \
             Permanent}}}}, retry: {{codes: [503], attempts: 4, backoff: 10ms}}, timeouts: {{request: 3s, \
             backendRequest: 500ms}}, backendRefs: [{{name: shop, port: 8080}}]}}"
        ),
    ));
    let config = translated(&mut cluster).expect("a route is a new configuration");
    let route = route_of(&config, &PlainRequest::get("any", "/"));
    let ext_authz = route.ext_authz.as_ref().expect("someone is asked");
    let AuthzService::Http(http) = &ext_authz.service else { panic!("over HTTP") };
    assert_eq!((&*http.cluster, &*http.path_prefix, ext_authz.max_body_bytes), (SHOP, "/check", 64));
    let cors = route.cors.as_ref().expect("a policy");
    assert!(cors.allow_origins[0].is_match(b"https://a.b.example.com"), "{cors:?}");
    assert!(!cors.allow_origins[0].is_match(b"https://a.example.com:444"), "{cors:?}");
    assert_eq!((cors.allow_methods.as_deref(), cors.max_age.as_deref()), (Some("*"), Some("9")));
    let Action::Forward(forward) = &route.action else { panic!("it forwards") };
    let SessionPersistence::Cookie { name, path, ttl } = &**forward.session.as_ref().unwrap() else {
        panic!("a cookie")
    };
    assert_eq!((&**name, &**path, ttl.map(|ttl| ttl.as_secs())), ("who", "/", Some(3600)));
    let retry = forward.retry.as_ref().expect("it is tried again");
    assert_eq!((retry.attempts, retry.statuses.as_slice(), retry.on_connect_failure), (4, &[503][..], true));
    assert_eq!(retry.per_try_timeout.map(|limit| limit.as_millis()), Some(500));
    assert_eq!(forward.timeout.map(|limit| limit.as_secs()), Some(3));

    // Who cannot be asked lets nobody pass.
    cluster.apply(&rule("HTTPRoute", "all", &format!("{{{}}}", filters.replace("name: shop", "name: nobody"))));
    let config = translated(&mut cluster).expect("a changed route is a new configuration");
    let route = route_of(&config, &PlainRequest::get("any", "/"));
    assert!(matches!(&route.action, Action::Direct(direct) if direct.status == 500), "{route:?}");
}

#[test]
fn calls_go_by_service_and_method_and_others_go_on() {
    let (mut cluster, _) = edge(0);
    cluster.apply(&rule(
        "GRPCRoute",
        "calls",
        "{matches: [{method: {service: a.B, method: C}}], backendRefs: [{name: shop, port: 8080}]}, {matches: \
         [{method: {service: a.B}}], backendRefs: [{name: nobody, port: 1}]}",
    ));
    cluster.apply(&rule("HTTPRoute", "plain", "{backendRefs: [{name: shop, port: 8080}]}"));
    let config = translated(&mut cluster).expect("routes are a new configuration");
    let call = |path: &str| {
        let request = PlainRequest::get("any", path).header("content-type", "application/grpc+proto");
        route_of(&config, &PlainRequest { method: "POST".into(), ..request })
    };
    let http2 = "outbound|8080|~h2|shop.default.svc.cluster.local";
    let cluster_of = |route: &Route| match &route.action {
        Action::Forward(forward) => forward.clusters[0].cluster.to_string(),
        Action::Direct(direct) => direct.status.to_string(),
        Action::Redirect(_) => panic!("nothing is redirected"),
    };
    assert_eq!(cluster_of(&call("/a.B/C")), http2);
    assert_eq!(cluster_of(&call("/a.B/D")), "503");
    assert_eq!(cluster_of(&call("/other.B/C")), SHOP);
    assert_eq!(cluster_of(&route_of(&config, &PlainRequest::get("any", "/a.B/C"))), SHOP);
    assert_eq!(config.clusters[http2].protocol, meridian_ir::cluster::UpstreamProtocol::Http2);
}

#[test]
fn connections_and_packets_go_by_port_and_server_name() {
    let (mut cluster, _) = edge(0);
    cluster.apply(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: default}\n\
         spec: {gatewayClassName: meridian, listeners: [{name: tcp, port: 53, protocol: TCP}, {name: udp, port: 53, \
         protocol: UDP}, {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}]}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {name: dns, namespace: default}\nspec: {selector: {app: dns}, \
         clusterIP: 10.1.0.2, ports: [{name: tcp, port: 53}, {name: udp, port: 53, protocol: UDP}]}\n",
    );
    cluster.apply(&rule("TCPRoute", "tcp", "{backendRefs: [{name: dns, port: 53}, {name: nobody, port: 53}]}"));
    cluster.apply(&rule("UDPRoute", "udp", "{backendRefs: [{name: dns, port: 53}]}"));
    for (name, host) in [("one", "a.example.com"), ("all", "'*.example.com'")] {
        let spec = format!(
            "{{parentRefs: [{{name: edge}}], hostnames: [{host}], rules: [{{backendRefs: [{{name: shop, port: 8080}}]}}]}}"
        );
        cluster.apply(&object("TLSRoute", name, &spec));
    }
    let config = translated(&mut cluster).expect("other listeners are another configuration");
    let names: Vec<&str> = config.listeners.keys().map(|name| &**name).collect();
    assert_eq!(names, ["0.0.0.0_443", "0.0.0.0_53", "0.0.0.0_53_udp"]);
    let Filters::Tcp(tcp) = &config.listeners["0.0.0.0_53"].chains[0].filters else { panic!("it passes bytes on") };
    let shares: Vec<(&str, u32)> = tcp.clusters.iter().map(|share| (&*share.cluster, share.weight)).collect();
    assert_eq!(shares, [("outbound|53||dns.default.svc.cluster.local", 1), ("BlackHoleCluster", 1)]);
    let udp = config.listeners["0.0.0.0_53_udp"].udp.as_ref().expect("it passes packets on");
    assert_eq!(&*udp.clusters[0].cluster, "outbound|53|~udp|dns.default.svc.cluster.local");
    assert!(config.clusters.contains_key("outbound|53|~udp|dns.default.svc.cluster.local"));
    let chains = &config.listeners["0.0.0.0_443"].chains;
    let server_names: Vec<&ServerName> = chains.iter().flat_map(|chain| &chain.matcher.server_names).collect();
    let suffix = ServerName::Suffix(".example.com".into());
    assert_eq!(server_names, [&suffix, &ServerName::Exact("a.example.com".into())]);
    assert!(chains.iter().all(|chain| chain.tls.is_none()));
}
