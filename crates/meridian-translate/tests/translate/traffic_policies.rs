//! Traffic policies of DestinationRules: what a cluster is told.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_ir::cluster::{Discovery, LbPolicy, ProxyProtocolVersion, UpstreamProtocol};
use meridian_ir::tls::{UpstreamSni, UpstreamTls};
use meridian_ir::{Cluster, Filters};
use meridian_translate::MeshConfig;
use std::sync::Arc;
use std::time::Duration;

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";
const RULE: &str = "DestinationRule default/dr";

fn lab(policy: &str) -> Lab {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: httpbin}}]}]"));
    lab.apply(&format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: dr}}\n\
         spec: {{host: httpbin, trafficPolicy: {{{policy}}}}}\n"
    ));
    lab
}

fn cluster(policy: &str) -> Arc<Cluster> {
    let lab = lab(policy);
    lab.assert_well(RULE);
    lab.config.clusters[HTTPBIN].clone()
}

#[test]
fn balancing_algorithms() {
    for (settings, expected) in [
        ("simple: ROUND_ROBIN", LbPolicy::RoundRobin),
        ("simple: LEAST_CONN", LbPolicy::LeastRequest),
        ("simple: LEAST_REQUEST", LbPolicy::LeastRequest),
        ("simple: RANDOM", LbPolicy::Random),
        ("simple: UNSPECIFIED", LbPolicy::LeastRequest),
        ("consistentHash: {useSourceIp: true}", LbPolicy::RingHash { minimum_size: 1024 }),
        ("consistentHash: {useSourceIp: true, minimumRingSize: 7}", LbPolicy::RingHash { minimum_size: 7 }),
        ("consistentHash: {useSourceIp: true, ringHash: {minimumRingSize: 9}}", LbPolicy::RingHash { minimum_size: 9 }),
        ("consistentHash: {useSourceIp: true, ringHash: {}}", LbPolicy::RingHash { minimum_size: 1024 }),
        ("consistentHash: {useSourceIp: true, maglev: {tableSize: 17}}", LbPolicy::Maglev { table_size: 17 }),
    ] {
        assert_eq!(cluster(&format!("loadBalancer: {{{settings}}}")).lb_policy, expected, "{settings}");
    }
    let lab = lab("loadBalancer: {simple: PASSTHROUGH}");
    let passthrough = &lab.config.clusters[HTTPBIN];
    assert_eq!((passthrough.discovery, passthrough.lb_policy), (Discovery::OriginalDst, LbPolicy::ClusterProvided));
    assert!(lab.endpoints(HTTPBIN).is_empty());
    lab.assert_false(RULE, "Accepted", "PartiallyInvalid", &["spec.trafficPolicy.loadBalancer.simple: PASSTHROUGH"]);
}

#[test]
fn warm_up() {
    let warm_up = |settings: &str| cluster(&format!("loadBalancer: {{{settings}}}")).warm_up.clone();
    let full = warm_up("warmup: {duration: 60s, minimumPercent: 5, aggression: 2.5}").expect("it warms up");
    assert_eq!((full.duration, full.minimum_percent, full.aggression), (Duration::from_secs(60), 5.0, 2.5));
    let least = warm_up("simple: ROUND_ROBIN, warmup: {duration: 1s}").expect("it warms up");
    assert_eq!((least.minimum_percent, least.aggression), (10.0, 1.0));
    assert_eq!(warm_up("warmupDurationSecs: 3s").expect("it warms up").duration, Duration::from_secs(3));
    assert_eq!(warm_up("simple: LEAST_REQUEST"), None);
    for ineffective in
        ["simple: RANDOM, warmup: {duration: 1s}", "consistentHash: {useSourceIp: true}, warmup: {duration: 1s}"]
    {
        let lab = lab(&format!("loadBalancer: {{{ineffective}}}"));
        assert_eq!(lab.config.clusters[HTTPBIN].warm_up, None);
        lab.assert_false(RULE, "Accepted", "PartiallyInvalid", &["loadBalancer.warmup: has no effect, as in Istio"]);
    }
}

#[test]
fn outlier_detection_has_envoy_s_values() {
    let of = |settings: &str| {
        let cluster = cluster(&format!("outlierDetection: {{{settings}}}"));
        (cluster.outlier_detection.clone().expect("it is on"), cluster.healthy_panic_percent)
    };
    let (default, panic) = of("interval: 10s");
    assert_eq!((default.consecutive_5xx, default.consecutive_gateway_failure), (5, 0));
    assert_eq!(default.consecutive_local_origin_failure, 0);
    assert_eq!((default.interval, default.base_ejection_time), (Duration::from_secs(10), Duration::from_secs(30)));
    assert_eq!((default.max_ejection_time, default.max_ejection_percent, panic), (Duration::from_secs(300), 10, 0));
    let (full, panic) = of("consecutive5xxErrors: 0, consecutiveGatewayErrors: 3, interval: 1s, \
                            baseEjectionTime: 400s, maxEjectionPercent: 100, minHealthPercent: 40, \
                            splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2");
    assert_eq!((full.consecutive_5xx, full.consecutive_gateway_failure), (0, 3));
    assert_eq!((full.consecutive_local_origin_failure, full.split_external_local_origin_errors), (2, true));
    assert_eq!((full.interval, full.max_ejection_time), (Duration::from_secs(1), Duration::from_secs(400)));
    assert_eq!((full.max_ejection_percent, panic), (100, 40));
    assert_eq!(of("splitExternalLocalOriginErrors: true").0.consecutive_local_origin_failure, 5);
    assert_eq!(cluster("loadBalancer: {simple: RANDOM}").outlier_detection, None);
    let lab = lab("outlierDetection: {consecutiveErrors: 3, outlierDetectionHttpErrorCodes: [429]}");
    let expected = &["outlierDetection.consecutiveErrors: has no effect", "outlierDetectionHttpErrorCodes: is not"];
    lab.assert_false(RULE, "Accepted", "PartiallyInvalid", expected);
}

#[test]
fn connection_pools() {
    let cluster = cluster(
        "connectionPool: {tcp: {maxConnectionDuration: 9s, idleTimeout: 8s, tcpKeepalive: {probes: 3, time: 7200s, \
         interval: 75s}}, http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 50}}",
    );
    assert_eq!(cluster.max_connection_duration, Some(Duration::from_secs(9)));
    assert_eq!(cluster.idle_timeout, Duration::from_secs(8), "that of HTTP would go before it");
    let keepalive = cluster.tcp_keepalive.expect("it is on");
    assert_eq!((keepalive.probes, keepalive.time), (Some(3), Some(Duration::from_secs(7200))));
    assert_eq!(keepalive.interval, Some(Duration::from_secs(75)));
    assert_eq!((cluster.protocol, cluster.max_concurrent_streams), (UpstreamProtocol::Http2, Some(50)));
    let lab = lab("connectionPool: {http: {http2KeepAlive: {interval: 1s, timeout: 1s}, maxConcurrentStreams: 5}}");
    assert_eq!(lab.config.clusters[HTTPBIN].max_concurrent_streams, None, "HTTP/1.1 has no streams");
    lab.assert_false(RULE, "Accepted", "PartiallyInvalid", &["connectionPool.http.http2KeepAlive: is not supported"]);
}

#[test]
fn the_mesh_has_defaults_for_keep_alive_and_http2() {
    let mut lab = lab("connectionPool: {tcp: {tcpKeepalive: {probes: 3}}}");
    let keepalive = meridian_resources::istio::destination_rule::TcpKeepalive {
        probes: 9,
        time: Some(meridian_resources::Duration::from_millis(60_000)),
        interval: None,
    };
    lab.translator.set_mesh(MeshConfig { tcp_keepalive: Some(keepalive), h2_upgrade: true, ..MeshConfig::default() });
    lab.translate();
    let cluster = lab.config.clusters[HTTPBIN].clone();
    let keepalive = cluster.tcp_keepalive.expect("it is on");
    assert_eq!((keepalive.probes, keepalive.time), (Some(3), Some(Duration::from_secs(60))));
    assert_eq!(cluster.protocol, UpstreamProtocol::Http2);
    lab.apply(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dr}\nspec: {host: httpbin, \
         trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}}}\n",
    );
    assert_eq!(lab.config.clusters[HTTPBIN].protocol, UpstreamProtocol::Http1);
}

#[test]
fn protocols_towards_services() {
    let protocol = |port: &str, policy: &str| {
        let mut lab = lab(policy);
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: httpbin}\nspec: {ports: [{port: 8000, ";
        lab.apply(&format!("{service}{port}}}]}}\n"));
        lab.config.clusters[HTTPBIN].protocol
    };
    let upgrade = "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}";
    let client = "connectionPool: {http: {useClientProtocol: true}}";
    let nothing = "loadBalancer: {simple: RANDOM}";
    for (port, policy, expected) in [
        ("name: http", nothing, UpstreamProtocol::Http1),
        ("name: http2-x", nothing, UpstreamProtocol::Http2),
        ("name: grpc", nothing, UpstreamProtocol::Http2),
        ("name: grpc-web", nothing, UpstreamProtocol::Http2),
        ("name: x, appProtocol: kubernetes.io/h2c", nothing, UpstreamProtocol::Http2),
        ("name: grpc, appProtocol: http", nothing, UpstreamProtocol::Http1),
        ("name: http", upgrade, UpstreamProtocol::Http2),
        ("name: http", client, UpstreamProtocol::Downstream),
        ("name: grpc", client, UpstreamProtocol::Downstream),
    ] {
        assert_eq!(protocol(port, policy), expected, "{port} {policy}");
    }
}

#[test]
fn the_proxy_protocol() {
    assert_eq!(cluster("proxyProtocol: {version: V1}").proxy_protocol, Some(ProxyProtocolVersion::V1));
    assert_eq!(cluster("proxyProtocol: {version: V2}").proxy_protocol, Some(ProxyProtocolVersion::V2));
    let both = cluster("proxyProtocol: {}, tls: {mode: SIMPLE}");
    assert!(both.proxy_protocol == Some(ProxyProtocolVersion::V1) && both.tls.is_some());
}

fn tls(settings: &str) -> Arc<UpstreamTls> {
    lab(&format!("tls: {{{settings}}}")).config.clusters[HTTPBIN].tls.clone().expect("there is TLS")
}

#[test]
fn tls_originates_with_istio_s_defaults() {
    let simple = tls("mode: SIMPLE");
    assert_eq!(simple.validation.authority.as_deref(), Some("file-root:system"));
    assert_eq!((&simple.sni, simple.validate_sni, &simple.certificate), (&UpstreamSni::Host, true, &None));
    assert!(simple.alpn.is_empty());

    let named = tls("mode: SIMPLE, sni: up.test, caCertificates: /ca.pem, caCrl: /crl.pem");
    assert_eq!(named.validation.authority.as_deref(), Some("file-root:/ca.pem"));
    assert_eq!(named.validation.crl_file.as_deref(), Some("/crl.pem"));
    assert_eq!((&named.sni, named.validate_sni), (&UpstreamSni::Fixed("up.test".into()), false));

    let sans = tls("mode: SIMPLE, subjectAltNames: [a.test, spiffe://x/y]");
    assert_eq!((sans.validation.subject_alt_names.len(), sans.validate_sni), (2, false));
    assert_eq!(sans.sni, UpstreamSni::Host);

    let blind = tls("mode: SIMPLE, insecureSkipVerify: true");
    assert_eq!((&blind.validation.authority, blind.validate_sni), (&None, false));

    let secret = tls("mode: SIMPLE, credentialName: cred");
    assert_eq!(secret.validation.authority.as_deref(), Some("kubernetes://cred-cacert"));
    assert_eq!(secret.certificate, None);
}

#[test]
fn tls_shows_certificates() {
    let files = tls("mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem");
    assert_eq!(files.certificate.as_deref(), Some("file-cert:/c.pem~/k.pem"));
    assert_eq!(files.validation.authority.as_deref(), Some("file-root:system"));
    let secret = tls("mode: MUTUAL, credentialName: cred, sni: s");
    assert_eq!(secret.certificate.as_deref(), Some("kubernetes://cred"));
    assert_eq!(secret.validation.authority.as_deref(), Some("kubernetes://cred-cacert"));

    let lab = lab("tls: {mode: ISTIO_MUTUAL}");
    let mesh = lab.config.clusters[HTTPBIN].tls.clone().expect("there is TLS");
    assert_eq!(mesh.certificate.as_deref(), Some("default"));
    assert_eq!(mesh.validation.authority.as_deref(), Some("ROOTCA"));
    assert_eq!(mesh.sni, UpstreamSni::Fixed("outbound_.8000_._.httpbin.default.svc.cluster.local".into()));
    assert_eq!(mesh.alpn.iter().map(|name| &**name).collect::<Vec<_>>(), ["istio-peer-exchange", "istio"]);
    let expected = &["spec.trafficPolicy.tls.mode: this gateway has no certificate of the mesh"];
    lab.assert_false(RULE, "ResolvedRefs", "SecretNotFound", expected);
}

#[test]
fn http2_over_tls_is_offered() {
    let cluster = cluster("tls: {mode: SIMPLE}, connectionPool: {http: {h2UpgradePolicy: UPGRADE}}");
    let tls = cluster.tls.clone().expect("there is TLS");
    assert_eq!(tls.alpn.iter().map(|name| &**name).collect::<Vec<_>>(), ["h2"]);
}

#[test]
fn names_of_a_service_entry_are_verified() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    lab.apply(&virtual_service("vs", "[h.test]", "[{route: [{destination: {host: ext.test}}]}]"));
    lab.apply(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ext}\nspec: {hosts: [ext.test], \
         ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}], resolution: DNS, subjectAltNames: [san.test]}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dr}\n\
         spec: {host: ext.test, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}\n",
    );
    let tls = lab.config.clusters["outbound|80||ext.test"].tls.clone().expect("there is TLS");
    assert!(tls.validation.subject_alt_names[0].is_match(b"san.test"));
    assert_eq!(lab.endpoints("outbound|80||ext.test"), ["ext.test:443"]);
}

#[test]
fn what_cannot_be_done_is_not_sent_without() {
    let mut tunnel = lab("tunnel: {targetHost: proxy.test, targetPort: 3128}");
    assert!(tunnel.config.clusters.is_empty() && tunnel.config.endpoints.is_empty());
    tunnel.assert_false(RULE, "Accepted", "PartiallyInvalid", &["spec.trafficPolicy.tunnel: ", "503 (NC)"]);
    tunnel.delete(RULE);
    assert!(tunnel.config.clusters.contains_key(HTTPBIN));
    let lab = lab("retryBudget: {percent: 10}, tls: {mode: DISABLE}");
    assert!(lab.config.clusters[HTTPBIN].tls.is_none());
    lab.assert_false(RULE, "Accepted", "PartiallyInvalid", &["spec.trafficPolicy.retryBudget: is not supported"]);
}

#[test]
fn a_credential_that_is_missing_is_named_until_it_is_there() {
    let mut lab = lab("portLevelSettings: [{port: {number: 8000}, tls: {mode: MUTUAL, credentialName: cred}}]");
    let expected = &[
        "spec.trafficPolicy.portLevelSettings[0].tls.credentialName: Secret istio-system/cred does not exist",
        "until then, connections of outbound|8000||httpbin.default.svc.cluster.local fail",
    ];
    lab.assert_false(RULE, "ResolvedRefs", "SecretNotFound", expected);
    lab.apply(&crate::secrets::pair_with_authority("cred"));
    lab.assert_well(RULE);
    assert!(lab.config.secrets.contains_key("kubernetes://cred"));
    assert!(lab.config.authorities.contains_key("kubernetes://cred-cacert"));
    lab.delete("Secret istio-system/cred");
    lab.assert_false(RULE, "ResolvedRefs", "SecretNotFound", expected);
    assert!(lab.config.secrets.is_empty() && lab.config.authorities.is_empty());
}

#[test]
fn credentials_of_another_kind_are_refused() {
    for (settings, expected) in [
        ("mode: MUTUAL, credentialName: 'sds://provider'", "credentials of \"sds\" are not supported"),
        ("mode: MUTUAL, credentialName: 'configmap://default/ca'", "is a ConfigMap, which holds no private key"),
    ] {
        let lab = lab(&format!("tls: {{{settings}}}"));
        assert!(lab.config.clusters.is_empty(), "{settings}");
        lab.assert_false(RULE, "Accepted", "PartiallyInvalid", &[expected, "503 (NC)"]);
    }
    let map = tls("mode: SIMPLE, credentialName: 'configmap://default/ca'");
    assert_eq!(map.validation.authority.as_deref(), Some("configmap://default/ca"));
}

#[test]
fn connections_of_tcp_servers_have_a_policy_too() {
    let mut lab = Lab::with(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gateway}\nspec: {selector: {istio: \
         ingressgateway}, servers: [{port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}]}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\nspec: {hosts: ['*'], \
         gateways: [gateway], tcp: [{route: [{destination: {host: httpbin, port: {number: 8000}}}]}]}\n",
    );
    let proxy = |lab: &Lab| match &lab.config.listeners["0.0.0.0_9000"].chains[0].filters {
        Filters::Tcp(proxy) => (proxy.idle_timeout, proxy.hash_source_ip),
        other => panic!("{other:?}"),
    };
    assert_eq!(proxy(&lab), (Duration::from_secs(3600), false));
    let rule = |idle: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: dr}}\nspec: {{host: httpbin, \
             trafficPolicy: {{connectionPool: {{tcp: {{idleTimeout: {idle}}}}}, loadBalancer: {{consistentHash: \
             {{useSourceIp: true}}}}}}}}\n"
        )
    };
    lab.apply(&rule("7s"));
    assert_eq!(proxy(&lab), (Duration::from_secs(7), true));
    lab.apply(&rule("0s"));
    assert_eq!(proxy(&lab), (Duration::ZERO, true));
}
