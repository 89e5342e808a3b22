//! Gateways: ports, merging, hosts, TLS servers.

use crate::lab::{BASICS, Lab, http_gateway, virtual_service};
use meridian_ir::Filters;
use meridian_ir::filter_chain::{ConnectionView, TransportProtocol, select as select_chain};
use meridian_ir::http::ClientCertHeader;
use meridian_ir::request::PlainRequest;
use meridian_ir::string_match::StringMatch;
use meridian_ir::tls::{ClientAuth, PeerValidation, TlsVersion};
use meridian_translate::MeshConfig;
use std::sync::Arc;

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

const DIGEST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn tls_that_cannot_be_served_fails_its_handshakes_and_keeps_its_names() {
    let any = "{port: {number: 443, name: any, protocol: HTTPS}, hosts: ['*'], \
               tls: {mode: SIMPLE, credentialName: any-cert}}";
    for (settings, field) in [
        ("{mode: SIMPLE, credentialName: c, maxProtocolVersion: TLSV1_1}", "maxProtocolVersion: TLS below 1.2"),
        (
            "{mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}",
            "maxProtocolVersion: is below minProtocolVersion",
        ),
        (
            "{mode: SIMPLE, credentialName: 'sds://provider'}",
            "credentialName: \"sds://provider\": credentials of \"sds\"",
        ),
        ("{mode: SIMPLE, credentialName: 'configmap://a/b'}", "which holds no private key"),
        ("{mode: MUTUAL, credentialName: c, verifyCertificateSpki: [AAEC]}", "verifyCertificateSpki: found \"AAEC\""),
        ("{mode: MUTUAL, credentialName: c, verifyCertificateHash: [AAEC]}", "verifyCertificateHash: found \"AAEC\""),
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
fn tls_that_has_no_effect_is_said_and_the_rest_is_served() {
    for (settings, expected) in [
        ("minProtocolVersion: TLSV1_0", "minProtocolVersion: TLS below 1.2 is never spoken"),
        (
            "cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, AES128-SHA, NO-SUCH]",
            "cipherSuites: AES128-SHA, NO-SUCH cannot be used; the others are used. Allowed are ECDHE-",
        ),
        ("cipherSuites: [AES128-SHA]", "the default suites are used"),
        ("subjectAltNames: [a]", "subjectAltNames: has no effect, because mode SIMPLE"),
    ] {
        let server = HTTPS.replace("credentialName", &format!("{settings}, credentialName"));
        let lab = Lab::with(&gateway("gateway", 1, &format!("[{server}]")));
        assert_eq!(lab.tls(Some("a.example.com")), "https.443.https.gateway.default kubernetes://a-cert terminated");
        lab.assert_false("Gateway default/gateway", "Accepted", "PartiallyInvalid", &[expected]);
    }
}

#[test]
fn tls_settings_become_those_of_the_chain() {
    let settings = "{mode: MUTUAL, serverCertificate: /a.crt, privateKey: /a.key, caCertificates: /ca.crt, caCrl: /ca.crl, \
                    minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_2, \
                    cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256], subjectAltNames: ['spiffe://a', b], \
                    verifyCertificateSpki: ['SPKI'], verifyCertificateHash: ['HASH']}";
    let colons = (0..32).map(|index| format!("{index:02X}")).collect::<Vec<_>>().join(":");
    let settings = settings.replace("SPKI", DIGEST).replace("HASH", &colons);
    let server = HTTPS.replace("{mode: SIMPLE, credentialName: a-cert}", &settings);
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{server}]")));
    lab.assert_well("Gateway default/gateway");
    let tls = lab.chain("0.0.0.0_8443", "a.example.com").tls.clone().expect("it terminates TLS");
    assert_eq!(tls.certificates, ["file-cert:/a.crt~/a.key".into()]);
    assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls12, TlsVersion::Tls12));
    assert_eq!(tls.cipher_suites, ["ECDHE-RSA-AES128-GCM-SHA256".into()]);
    let digest: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).expect("below 256"));
    let expected = PeerValidation {
        authority: Some("file-root:/ca.crt".into()),
        crl_file: Some("/ca.crl".into()),
        subject_alt_names: vec![StringMatch::Exact("spiffe://a".into()), StringMatch::Exact("b".into())],
        spki: vec![digest],
        hashes: vec![digest],
        accept_untrusted: false,
    };
    assert_eq!(tls.client_auth, ClientAuth::Required(expected.clone()));

    lab.apply(&gateway("gateway", 1, &format!("[{}]", server.replace("MUTUAL", "OPTIONAL_MUTUAL"))));
    let tls = lab.chain("0.0.0.0_8443", "a.example.com").tls.clone().expect("it terminates TLS");
    assert_eq!(tls.client_auth, ClientAuth::Optional(expected.clone()));

    let unverified = server.replace("mode: MUTUAL", "mode: MUTUAL, insecureSkipVerify: true");
    lab.apply(&gateway("gateway", 1, &format!("[{unverified}]")));
    let tls = lab.chain("0.0.0.0_8443", "a.example.com").tls.clone().expect("it terminates TLS");
    assert_eq!(tls.client_auth, ClientAuth::Required(PeerValidation { authority: None, ..expected }));

    let listed = "{mode: SIMPLE, tlsCertificates: [{serverCertificate: /a, privateKey: /b}, \
                  {serverCertificate: /c, privateKey: /d}]}";
    let server = HTTPS.replace("{mode: SIMPLE, credentialName: a-cert}", listed);
    lab.apply(&gateway("gateway", 1, &format!("[{server}]")));
    lab.assert_well("Gateway default/gateway");
    assert_eq!(
        lab.tls(Some("a.example.com")),
        "https.443.https.gateway.default file-cert:/a~/b file-cert:/c~/d terminated"
    );
}

#[test]
fn servers_take_the_mesh_s_tls_defaults() {
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{HTTPS}]")));
    let settings = serde_json::json!({"tlsDefaults": {
        "minProtocolVersion": "TLSV1_3", "cipherSuites": ["ECDHE-RSA-AES128-GCM-SHA256"],
    }});
    let (mesh, problems) = MeshConfig::default().with_document(&settings);
    assert!(problems.is_empty());
    lab.translator.set_mesh(mesh);
    lab.translate();
    let tls = lab.chain("0.0.0.0_8443", "a.example.com").tls.clone().expect("it terminates TLS");
    assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls13, TlsVersion::Tls13));
    assert_eq!(tls.cipher_suites, ["ECDHE-RSA-AES128-GCM-SHA256".into()]);
    lab.apply(&gateway(
        "gateway",
        1,
        &format!("[{}]", HTTPS.replace("credentialName", "minProtocolVersion: TLSV1_2, credentialName")),
    ));
    let tls = lab.chain("0.0.0.0_8443", "a.example.com").tls.clone().expect("it terminates TLS");
    assert_eq!(tls.min_version, TlsVersion::Tls12);
}

#[test]
fn a_pod_s_annotation_says_what_is_in_front_of_its_gateway() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let seen = |lab: &Lab| {
        let listener = &lab.config.listeners["0.0.0.0_8080"];
        let Filters::Http(manager) = &listener.chains[0].filters else { panic!("it speaks HTTP") };
        (
            listener.proxy_protocol,
            manager.xff_num_trusted_hops,
            manager.client_cert_header,
            manager.client_cert_details.cert,
        )
    };
    assert_eq!(seen(&lab), (false, 0, ClientCertHeader::SanitizeSet, true));
    let pod = |settings: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: ingressgateway\n  namespace: istio-system\n  annotations:\n    \
             proxy.istio.io/config: '{settings}'\nspec: {{containers: []}}\n"
        )
    };
    let output = lab.apply(&pod(
        "{gatewayTopology: {proxyProtocol: {}, numTrustedProxies: 1, forwardClientCertDetails: FORWARD_ONLY}, concurrency: 2}",
    ));
    assert_eq!(seen(&lab), (true, 1, ClientCertHeader::ForwardOnly, false));
    assert_eq!(output.notes.len(), 1);
    assert!(
        output.notes[0].starts_with("Pod istio-system/ingressgateway, annotation proxy.istio.io/config: concurrency:"),
        "{:?}",
        output.notes
    );
    lab.delete("Pod istio-system/ingressgateway");
    assert_eq!(seen(&lab), (false, 0, ClientCertHeader::SanitizeSet, true));
}

#[test]
fn rules_of_one_port_leave_other_listeners_and_chains_alone() {
    let tcp = "{port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}";
    let tls = |host: &str| {
        format!(
            "{{port: {{number: 443, name: {host}, protocol: TLS}}, hosts: [{host}.example.com], tls: {{mode: PASSTHROUGH}}}}"
        )
    };
    let mut lab = Lab::with(&gateway("tcp", 1, &format!("[{tcp}]")));
    lab.apply(&gateway("tls", 2, &format!("[{}, {}]", tls("a"), tls("b"))));
    lab.apply(&bound("tcp", "[tcp]", "hosts: ['*'], tcp: [{route: [{destination: {host: httpbin}}]}]"));
    let rule = |host: &str, port: u16| {
        let rule = format!(
            "hosts: [{host}.example.com], tls: [{{match: [{{sniHosts: [{host}.example.com]}}], \
             route: [{{destination: {{host: httpbin, port: {{number: {port}}}}}}}]}}]"
        );
        bound(host, "[tls]", &rule)
    };
    lab.apply(&rule("a", 8000));
    lab.apply(&rule("b", 8000));
    let before = lab.config.clone();
    lab.apply(&rule("b", 8001));
    let (old, new) = (&before.listeners, &lab.config.listeners);
    assert!(Arc::ptr_eq(&old["0.0.0.0_9000"], &new["0.0.0.0_9000"]));
    assert!(Arc::ptr_eq(&old["0.0.0.0_8443"].chains[0], &new["0.0.0.0_8443"].chains[0]));
    assert!(!Arc::ptr_eq(&old["0.0.0.0_8443"].chains[1], &new["0.0.0.0_8443"].chains[1]));
    assert_eq!(lab.tls(Some("b.example.com")), "outbound|8001||httpbin.default.svc.cluster.local");
    lab.assert_false("VirtualService default/b", "ResolvedRefs", "PortNotFound", &["has no port 8001"]);
    lab.assert_well("VirtualService default/a");
}

#[test]
fn auto_passthrough_leads_to_the_service_that_the_server_name_spells() {
    let server = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}";
    let mut lab = Lab::with(&gateway("gateway", 1, &format!("[{server}]")));
    let cluster = "outbound_.8000_._.httpbin.default.svc.cluster.local";
    let select = |lab: &Lab, name: &str, protocol: &[u8]| {
        let Some(listener) = lab.config.listeners.get("0.0.0.0_8443") else { return "closed".to_owned() };
        let connection = ConnectionView {
            destination: listener.address,
            server_name: Some(name),
            transport_protocol: TransportProtocol::Tls,
            application_protocols: &[protocol],
        };
        let Some(chain) = select_chain(listener, &connection).chain() else { return "NR".to_owned() };
        let Filters::Tcp(proxy) = &chain.filters else { panic!("it passes bytes on") };
        assert!(chain.tls.is_none());
        proxy.clusters[0].cluster.to_string()
    };
    assert_eq!(select(&lab, cluster, b"istio"), cluster);
    assert_eq!(select(&lab, cluster, b"istio-h2"), cluster);
    // Other TLS than the mesh's, and other names, find nothing.
    assert_eq!(select(&lab, cluster, b"http/1.1"), "NR");
    assert_eq!(select(&lab, "httpbin.default.svc.cluster.local", b"istio"), "NR");
    assert!(lab.config.clusters.contains_key(cluster) && lab.config.clusters[cluster].tls.is_none());
    assert_eq!(lab.endpoints(cluster), ["10.0.0.1:80", "10.0.0.2:80"]);
    // Subsets come with their DestinationRule.
    let subset = "outbound_.8000_.v1_.httpbin.default.svc.cluster.local";
    assert_eq!(select(&lab, subset, b"istio"), "NR");
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: httpbin}\n\
                spec: {host: httpbin, subsets: [{name: v1}]}\n";
    lab.apply(rule);
    assert_eq!(select(&lab, subset, b"istio"), subset);
    // Services outside the mesh are left out, others come and go.
    let entry = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: se}\n\
                 spec: {hosts: [se.local], location: LOCATION, resolution: STATIC, ports: [{number: 1, name: tcp, protocol: TCP}]}\n";
    lab.apply(&entry.replace("LOCATION", "MESH_EXTERNAL"));
    assert_eq!(select(&lab, "outbound_.1_._.se.local", b"istio"), "NR");
    lab.apply(&entry.replace("LOCATION", "MESH_INTERNAL"));
    assert_eq!(select(&lab, "outbound_.1_._.se.local", b"istio"), "outbound_.1_._.se.local");
    lab.assert_well("Gateway default/gateway");
    lab.apply(&gateway("gateway", 1, &format!("[{}]", server.replace("*.local", "*.else"))));
    assert_eq!(select(&lab, cluster, b"istio"), "closed");
    assert!(lab.config.clusters.is_empty());
    let expected = ["port 443 is closed: no service of the mesh has one of this server's hosts"];
    lab.assert_false("Gateway default/gateway", "Programmed", "NotProgrammed", &expected);
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
