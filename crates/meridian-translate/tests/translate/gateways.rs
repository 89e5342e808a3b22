//! Gateways: ports, merging, hosts, TLS servers.

use crate::lab::{BASICS, Lab, http_gateway, virtual_service};
use meridian_ir::Filters;
use meridian_ir::request::PlainRequest;

/// A Gateway with the servers of a YAML flow sequence, created so many seconds after the first.
fn gateway(name: &str, age: u32, servers: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\n\
         metadata: {{name: {name}, creationTimestamp: \"2026-01-01T00:00:{age:02}Z\"}}\n\
         spec: {{selector: {{istio: ingressgateway}}, servers: {servers}}}\n"
    )
}

fn bound(name: &str, gateways: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
         spec: {{gateways: {gateways}, {rest}}}\n"
    )
}

const HTTPS: &str = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], \
                     tls: {mode: SIMPLE, credentialName: a-cert}}";

#[test]
fn the_gateway_listens_on_the_target_ports_of_its_service() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let listener = &lab.config.listeners["0.0.0.0_8080"];
    assert_eq!(listener.address.to_string(), "0.0.0.0:8080");
    assert!(!listener.tls_inspector && !listener.access_log.is_empty());
    let Filters::Http(manager) = &listener.chains[0].filters else { panic!("it speaks HTTP") };
    assert_eq!(&*manager.stat_prefix, "outbound_0.0.0.0_8080");
    assert_eq!(&*lab.config.routes["http.8080"].virtual_hosts[0].name, "blackhole:80");
    lab.assert_well("Gateway default/gateway");

    // Without the Service, the port is that of the Gateway.
    lab.delete("Service istio-system/istio-ingressgateway");
    assert_eq!(lab.config.listeners.keys().map(|name| &**name).collect::<Vec<_>>(), ["0.0.0.0_80"]);
    assert_eq!(lab.config.routes.keys().map(|name| &**name).collect::<Vec<_>>(), ["http.80"]);
    lab.apply(BASICS);
    assert_eq!(lab.config.listeners.keys().map(|name| &**name).collect::<Vec<_>>(), ["0.0.0.0_8080"]);
    lab.delete("Gateway default/gateway");
    assert!(lab.config.listeners.is_empty() && lab.config.routes.is_empty());
}

#[test]
fn a_gateway_that_selects_nobody_says_so() {
    let yaml = http_gateway("['*']").replace("istio: ingressgateway", "istio: nobody");
    let lab = Lab::with(&yaml);
    assert!(lab.config.listeners.is_empty());
    lab.assert_false(
        "Gateway default/gateway",
        "Programmed",
        "NotProgrammed",
        &["{istio: nobody} are the labels of no proxy", "ingressgateway has {istio: ingressgateway}"],
    );
}

#[test]
fn plain_http_servers_share_a_port_and_tcp_does_not_join_them() {
    let servers = "[{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]";
    let tcp = "[{port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*']}]";
    let mut lab = Lab::with(&gateway("first", 1, servers));
    lab.apply(&gateway("second", 2, &servers.replace("a.example", "b.example")));
    lab.apply(&gateway("third", 3, tcp));
    let route = "hosts: ['*.example.com'], http: [{route: [{destination: {host: httpbin}}]}]";
    lab.apply(&bound("both", "[first, second]", route));
    assert_eq!(lab.get("a.example.com", "/"), "outbound|8000||httpbin.default.svc.cluster.local");
    assert_eq!(lab.get("b.example.com", "/"), "outbound|8000||httpbin.default.svc.cluster.local");
    assert_eq!(lab.get("c.example.com", "/"), "404");
    lab.assert_false(
        "Gateway default/third",
        "Accepted",
        "Conflicted",
        &["spec.servers[0]: left out: plain TCP on port 80", "Gateway default/first (spec.servers[0])", "another port"],
    );
    lab.assert_well("Gateway default/first");
    // When the winner goes, the loser comes up by itself, as soon as it has a route.
    lab.delete("Gateway default/first");
    lab.delete("Gateway default/second");
    assert!(lab.config.listeners.is_empty());
    lab.assert_false("Gateway default/third", "Programmed", "NotProgrammed", &["port 80 is closed", "tcp rules"]);
    lab.apply(&bound("tcp", "[third]", "hosts: ['*'], tcp: [{route: [{destination: {host: httpbin}}]}]"));
    let Filters::Tcp(proxy) = &lab.config.listeners["0.0.0.0_8080"].chains[0].filters else { panic!("it speaks TCP") };
    assert_eq!(&*proxy.stat_prefix, "outbound|8000||httpbin.default.svc.cluster.local");
    lab.assert_well("Gateway default/third");
}

#[test]
fn a_tls_server_that_repeats_a_host_is_left_out_whole() {
    let mut lab = Lab::with(&gateway("first", 1, &format!("[{HTTPS}]")));
    let second = "{port: {number: 443, name: https-b, protocol: HTTPS}, hosts: [b.example.com, a.example.com], \
                  tls: {mode: SIMPLE, credentialName: b-cert}}";
    let third = "{port: {number: 443, name: https-c, protocol: HTTPS}, hosts: [c.example.com], \
                 tls: {mode: SIMPLE, credentialName: c-cert}}";
    lab.apply(&gateway("second", 2, &format!("[{second}, {third}]")));
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.https.first.default kubernetes://a-cert terminated");
    assert_eq!(lab.tls(Some("b.example.com")), "NR");
    assert_eq!(lab.tls(Some("C.example.com")), "https.443.https-c.second.default kubernetes://c-cert terminated");
    assert_eq!(lab.tls(None), "NR");
    lab.assert_false(
        "Gateway default/second",
        "Accepted",
        "Conflicted",
        &["spec.servers[0]: left out, with all its hosts: port 443 of host \"a.example.com\" belongs to Gateway \
           default/first (spec.servers[0])"],
    );
    lab.delete("Gateway default/first");
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.https-b.second.default kubernetes://b-cert terminated");
    assert!(lab.condition("Gateway default/second", "Accepted").status);
}

#[test]
fn hosts_that_differ_in_their_namespace_only_are_one_server_name() {
    let first = HTTPS.replace("[a.example.com]", "[one/a.example.com]");
    let second = HTTPS.replace("[a.example.com]", "[two/a.example.com]");
    let mut lab = Lab::with(&gateway("first", 1, &format!("[{first}]")));
    lab.apply(&gateway("second", 2, &format!("[{second}]")));
    assert_eq!(lab.config.listeners["0.0.0.0_8443"].chains.len(), 1);
    lab.assert_false("Gateway default/second", "Accepted", "Conflicted", &["a.example.com"]);
}

#[test]
fn https_and_http_do_not_share_a_port() {
    let plain = "{port: {number: 443, name: http, protocol: HTTP}, hosts: ['*']}";
    let mut lab = Lab::with(&gateway("first", 1, &format!("[{HTTPS}]")));
    lab.apply(&gateway("second", 2, &format!("[{plain}]")));
    lab.assert_false("Gateway default/second", "Accepted", "Conflicted", &["plain HTTP on port 443", "HTTPS"]);
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.https.first.default kubernetes://a-cert terminated");
}

#[test]
fn each_https_server_has_its_own_hosts() {
    let any = "{port: {number: 443, name: any, protocol: HTTPS}, hosts: ['*'], \
               tls: {mode: SIMPLE, credentialName: any-cert, minProtocolVersion: TLSV1_3}}";
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{HTTPS}, {any}]")));
    let route = |host: &str| format!("hosts: [{host}], http: [{{route: [{{destination: {{host: httpbin}}}}]}}]");
    lab.apply(&bound("a", "[gateway]", &route("a.example.com")));
    lab.apply(&bound("b", "[gateway]", &route("b.example.com")));
    let cluster = "outbound|8000||httpbin.default.svc.cluster.local";
    let answer = |routes: &str, host: &str| lab.answer(routes, &PlainRequest::get(host, "/"));
    assert_eq!(answer("https.443.https.gateway.default", "a.example.com"), cluster);
    assert_eq!(answer("https.443.https.gateway.default", "b.example.com"), "404");
    // A wildcard server has all hosts.
    assert_eq!(answer("https.443.any.gateway.default", "a.example.com"), cluster);
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.https.gateway.default kubernetes://a-cert terminated");
    assert_eq!(lab.tls(Some("x.org")), "https.443.any.gateway.default kubernetes://any-cert terminated");
    assert_eq!(lab.tls(None), "https.443.any.gateway.default kubernetes://any-cert terminated");
    let listener = &lab.config.listeners["0.0.0.0_8443"];
    assert!(listener.tls_inspector);
    let tls = listener.chains[1].tls.as_ref().expect("it terminates TLS");
    assert_eq!(tls.min_version, meridian_ir::tls::TlsVersion::Tls13);
    assert_eq!(tls.alpn.iter().map(|protocol| &**protocol).collect::<Vec<_>>(), ["h2", "http/1.1"]);
}

#[test]
fn passthrough_goes_by_server_name() {
    let server = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: PASSTHROUGH}}";
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{server}]")));
    assert_eq!(lab.tls(Some("a.example.com")), "closed");
    lab.assert_false("Gateway default/gateway", "Programmed", "NotProgrammed", &["port 443 is closed", "tls rules"]);
    let rules = "hosts: [a.example.com, '*.b.example.com'], tls: [\
                 {match: [{port: 443, sniHosts: [a.example.com]}, {port: 444, sniHosts: [no.b.example.com]}], \
                  route: [{destination: {host: httpbin}}]}, \
                 {match: [{sniHosts: ['*.b.example.com']}], route: [\
                  {destination: {host: httpbin, port: {number: 8000}}, weight: 90}, \
                  {destination: {host: other, port: {number: 1}}, weight: 10}]}]";
    lab.apply(&bound("tls", "[gateway]", rules));
    let (httpbin, other) =
        ("outbound|8000||httpbin.default.svc.cluster.local", "outbound|1||other.default.svc.cluster.local");
    assert_eq!(lab.tls(Some("A.example.com")), httpbin);
    assert_eq!(lab.tls(Some("no.b.example.com")), format!("{httpbin} {other}"));
    assert_eq!(lab.tls(Some("c.example.com")), "NR");
    lab.assert_well("Gateway default/gateway");
    lab.assert_false(
        "VirtualService default/tls",
        "ResolvedRefs",
        "BackendNotFound",
        &["spec.tls[1].route[1].destination.host: \"other\" is no known service"],
    );
    assert_eq!(lab.config.clusters.len(), 1);

    // A second one for the same name has no effect and says so.
    lab.apply(&bound("zzz", "[gateway]", &rules.replace("other", "httpbin")));
    assert_eq!(lab.tls(Some("no.b.example.com")), format!("{httpbin} {other}"));
    lab.assert_false("VirtualService default/zzz", "Accepted", "Conflicted", &["\"a.example.com\" on port 443"]);
    lab.delete("VirtualService default/tls");
    lab.delete("VirtualService default/zzz");
    assert!(lab.config.listeners.is_empty() && lab.config.clusters.is_empty());
}

#[test]
fn a_terminating_server_keeps_its_name_from_passthrough_rules() {
    let passthrough = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example.com'], \
                       tls: {mode: PASSTHROUGH}}";
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{passthrough}, {HTTPS}]")));
    let rules = "hosts: ['*.example.com'], tls: [{match: [{sniHosts: [a.example.com]}], \
                 route: [{destination: {host: httpbin}}]}]";
    lab.apply(&bound("tls", "[gateway]", rules));
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.https.gateway.default kubernetes://a-cert terminated");
    assert_eq!(lab.config.listeners["0.0.0.0_8443"].chains.len(), 1);
    lab.assert_false("VirtualService default/tls", "Accepted", "Conflicted", &["terminates TLS"]);
}

#[test]
fn tls_that_is_not_supported_fails_its_handshakes_and_keeps_its_names() {
    let any = "{port: {number: 443, name: any, protocol: HTTPS}, hosts: ['*'], \
               tls: {mode: SIMPLE, credentialName: any-cert}}";
    for (settings, field) in [
        ("{mode: MUTUAL, credentialName: c}", "spec.servers[0].tls.mode: MUTUAL is not supported yet"),
        ("{mode: OPTIONAL_MUTUAL, credentialName: c}", "OPTIONAL_MUTUAL"),
        ("{mode: ISTIO_MUTUAL}", "ISTIO_MUTUAL"),
        ("{mode: AUTO_PASSTHROUGH}", "AUTO_PASSTHROUGH"),
        ("{mode: SIMPLE, serverCertificate: /a, privateKey: /b}", "certificates from files"),
        ("{mode: SIMPLE, credentialName: c, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}", "cipherSuites"),
        ("{mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_0}", "TLS below 1.2"),
    ] {
        let server = HTTPS.replace("{mode: SIMPLE, credentialName: a-cert}", settings);
        let lab = Lab::with(&gateway("gateway", 1, &format!("[{server}, {any}]")));
        // Not the wildcard server, which asks for no client certificate.
        let chosen = lab.tls(Some("a.example.com"));
        assert!(chosen.ends_with("terminated") && !chosen.contains("any") && !chosen.contains("://"), "{chosen}");
        assert_eq!(lab.tls(Some("b")), "https.443.any.gateway.default kubernetes://any-cert terminated");
        lab.assert_false("Gateway default/gateway", "Accepted", "PartiallyInvalid", &[field, "handshakes"]);
    }
}

#[test]
fn tls_can_end_at_the_gateway_before_tcp() {
    let server = "{port: {number: 443, name: tls, protocol: TLS}, hosts: [db.example.com], \
                  tls: {mode: SIMPLE, credentialName: db}}";
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{server}]")));
    assert_eq!(lab.tls(Some("db.example.com")), "closed");
    lab.apply(&bound("db", "[gateway]", "hosts: ['*'], tcp: [{route: [{destination: {host: httpbin}}]}]"));
    assert_eq!(
        lab.tls(Some("db.example.com")),
        "outbound|8000||httpbin.default.svc.cluster.local kubernetes://db terminated"
    );
}

#[test]
fn plain_http_can_be_sent_to_https() {
    let server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com], tls: {httpsRedirect: true}}";
    let plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com, b.example.com]}";
    let mut lab = Lab::with(&gateway("first", 1, &format!("[{server}]")));
    let require_tls = |lab: &Lab, host: &str| {
        lab.config.routes["http.8080"].virtual_host(host.as_bytes()).map(|found| found.require_tls)
    };
    assert_eq!(require_tls(&lab, "a.example.com"), Some(true));
    assert_eq!(require_tls(&lab, "b.example.com"), None);
    lab.apply(&gateway("second", 2, &format!("[{plain}]")));
    let route = "hosts: ['*.example.com'], http: [{route: [{destination: {host: httpbin}}]}]";
    lab.apply(&bound("all", "[second]", route));
    assert_eq!(require_tls(&lab, "a.example.com"), Some(true));
    assert_eq!(require_tls(&lab, "b.example.com"), Some(false));
    lab.delete("Gateway default/first");
    assert_eq!(require_tls(&lab, "a.example.com"), Some(false));
}

#[test]
fn hosts_can_be_reserved_for_a_namespace() {
    let mut lab = Lab::with(&http_gateway("[./a.example.com, other/b.example.com, '*/c.example.com']"));
    let rule = "[{route: [{destination: {host: httpbin}}]}]";
    lab.apply(&virtual_service("all", "[a.example.com, b.example.com, c.example.com]", rule));
    for (host, served) in [("a.example.com", true), ("b.example.com", false), ("c.example.com", true)] {
        assert_eq!(lab.get(host, "/") != "404", served, "{host}");
    }
}

#[test]
fn what_a_server_cannot_be_is_said() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let unix = "{bind: 'unix:///tmp/s', port: {number: 0, name: http, protocol: HTTP}, hosts: ['*']}";
    let own = "{bind: 127.0.0.2, port: {number: 80, name: own, protocol: HTTP}, hosts: ['*']}";
    lab.apply(&gateway("odd", 1, &format!("[{unix}, {own}]")));
    assert!(!lab.condition("Gateway default/odd", "Accepted").status);
    assert_eq!(lab.config.listeners.keys().map(|n| &**n).collect::<Vec<_>>(), ["0.0.0.0_8080", "127.0.0.2_8080"]);
    assert!(lab.config.routes.contains_key("http.8080.127.0.0.2"));
    lab.assert_well("Gateway default/gateway");
}
