//! Faults, mirrors, CORS, retries and hash policies of HTTP rules.

use crate::lab::{Lab, http_gateway, virtual_service};
use meridian_ir::cors::Cors;
use meridian_ir::fault::{AbortStatus, Fault};
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::request::PlainRequest;
use meridian_ir::route::Forward;
use meridian_ir::{Action, Route, StringMatch};
use meridian_translate::MeshConfig;
use std::sync::Arc;
use std::time::Duration;

const HTTPBIN: &str = "outbound|8000||httpbin.default.svc.cluster.local";

fn lab(fields: &str) -> Lab {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let http = format!("[{{{fields}, route: [{{destination: {{host: httpbin}}}}]}}]");
    lab.apply(&virtual_service("vs", "[h.test]", &http));
    lab
}

fn route(lab: &Lab) -> Arc<Route> {
    lab.route("http.8080", &PlainRequest::get("h.test", "/")).expect("there is a route")
}

fn forward(lab: &Lab) -> Forward {
    match &route(lab).action {
        Action::Forward(forward) => forward.clone(),
        other => panic!("{other:?}"),
    }
}

fn destination_rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: dr}}\n\
         spec: {{host: httpbin, {policy}}}\n"
    )
}

fn fault(fields: &str) -> Option<Arc<Fault>> {
    let lab = lab(&format!("fault: {{{fields}}}"));
    lab.assert_well("VirtualService default/vs");
    route(&lab).fault.clone()
}

#[test]
fn faults_have_shares_of_a_million() {
    let delay = fault("delay: {fixedDelay: 1.5s, percentage: {value: 0.5}}").expect("a fault").delay.clone();
    let delay = delay.expect("a delay");
    assert_eq!((delay.duration, delay.fraction.millionths()), (Duration::from_millis(1500), 5_000));
    let deprecated = fault("delay: {fixedDelay: 5s, percent: 30}").expect("a fault").delay.clone();
    assert_eq!(deprecated.expect("a delay").fraction.millionths(), 300_000);
    for (fields, status, share) in [
        ("httpStatus: 555, percentage: {value: 100}", AbortStatus::Http(555), 1_000_000),
        ("grpcStatus: UNAVAILABLE, percentage: {value: 10}", AbortStatus::Grpc(14), 100_000),
    ] {
        let abort = fault(&format!("abort: {{{fields}}}")).expect("a fault").abort.clone().expect("an abort");
        assert_eq!((abort.status, abort.fraction.millionths()), (status, share));
    }
    assert_eq!(fault("abort: {httpStatus: 500, percentage: {value: 0}}"), None);
}

#[test]
fn a_fault_without_percentage_never_happens_and_says_so() {
    let lab = lab("fault: {abort: {httpStatus: 500}, delay: {fixedDelay: 1s, percentage: {value: 1}}}");
    let fault = route(&lab).fault.clone().expect("the delay stays");
    assert!(fault.abort.is_none() && fault.delay.is_some());
    let expected = &["spec.http[0].fault.abort.percentage.value: is not given, so that no request is aborted"];
    lab.assert_false("VirtualService default/vs", "Accepted", "PartiallyInvalid", expected);
}

#[test]
fn faults_and_cors_are_there_for_direct_responses_too() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let http = "[{directResponse: {status: 200}, corsPolicy: {allowOrigins: [{exact: a}]}}]";
    lab.apply(&virtual_service("vs", "[h.test]", http));
    assert!(route(&lab).cors.is_some() && route(&lab).fault.is_none());
}

fn cors(fields: &str) -> Arc<Cors> {
    let lab = lab(&format!("corsPolicy: {{{fields}}}"));
    lab.assert_well("VirtualService default/vs");
    route(&lab).cors.clone().expect("a policy")
}

#[test]
fn cors_is_what_istio_gives_to_envoy() {
    let full = cors(
        "allowOrigins: [{exact: 'https://a.test'}, {prefix: 'https://b'}, {regex: '.*c'}], allowMethods: [GET, PUT], \
         allowHeaders: [x-a, x-b], exposeHeaders: [x-c], maxAge: 24h, allowCredentials: true, \
         unmatchedPreflights: IGNORE",
    );
    let matches = |origin: &str| full.allow_origins.iter().any(|allowed| allowed.is_match(origin.as_bytes()));
    assert!(matches("https://a.test") && matches("https://b.any") && matches("abc") && !matches("https://A.test"));
    assert_eq!(full.allow_methods.as_deref(), Some("GET,PUT"));
    assert_eq!((full.allow_headers.as_deref(), full.expose_headers.as_deref()), (Some("x-a,x-b"), Some("x-c")));
    assert_eq!(full.max_age.as_deref(), Some("86400"));
    assert!(full.allow_credentials && !full.forward_unmatched_preflights);

    let least = cors("allowOrigin: ['*']");
    assert_eq!(least.allow_origins, [StringMatch::Exact("*".into())]);
    assert!(least.allow_methods.is_none() && least.max_age.is_none() && !least.allow_credentials);
    assert!(least.forward_unmatched_preflights);
    // The deprecated list counts only without the other one.
    assert_eq!(cors("allowOrigin: [x], allowOrigins: [{exact: z}]").allow_origins.len(), 1);
    assert!(cors("allowOrigin: [x], unmatchedPreflights: FORWARD").forward_unmatched_preflights);
}

#[test]
fn mirrors_have_their_share() {
    for (fields, expected) in [
        ("mirror: {host: httpbin}", vec![(HTTPBIN, 1_000_000)]),
        ("mirror: {host: httpbin}, mirrorPercentage: {value: 12.5}", vec![(HTTPBIN, 125_000)]),
        ("mirror: {host: httpbin}, mirrorPercent: 20", vec![(HTTPBIN, 200_000)]),
        ("mirror: {host: httpbin}, mirrorPercentage: {value: 0}", vec![]),
        ("mirror: {host: httpbin}, mirrorPercent: 0", vec![]),
        (
            "mirrors: [{destination: {host: httpbin}, percentage: {value: 1}}, {destination: {host: httpbin}}, \
             {destination: {host: httpbin}, percentage: {value: 0}}]",
            vec![(HTTPBIN, 10_000), (HTTPBIN, 1_000_000)],
        ),
    ] {
        let lab = lab(fields);
        lab.assert_well("VirtualService default/vs");
        let forward = forward(&lab);
        let mirrors: Vec<_> = forward.mirrors.iter().map(|m| (&*m.cluster, m.fraction.millionths())).collect();
        assert_eq!(mirrors, expected, "{fields}");
    }
}

#[test]
fn a_mirror_alone_has_its_cluster_and_a_missing_one_is_named() {
    let mut lab = lab("mirror: {host: shadow, port: {number: 7000}}");
    let cluster = "outbound|7000||shadow.default.svc.cluster.local";
    let expected = &["spec.http[0].mirror.host: \"shadow\" is no known service"];
    lab.assert_false("VirtualService default/vs", "ResolvedRefs", "BackendNotFound", expected);
    assert_eq!(&*forward(&lab).mirrors[0].cluster, cluster);
    lab.apply("apiVersion: v1\nkind: Service\nmetadata: {name: shadow}\nspec: {ports: [{port: 7000}]}\n");
    lab.assert_well("VirtualService default/vs");
    assert!(lab.config.clusters.contains_key(cluster));
}

#[test]
fn requests_are_hashed_as_the_destination_s_rule_says() {
    for (policy, expected) in [
        ("httpHeaderName: X-User", HashPolicy::Header("x-user".into())),
        ("useSourceIp: true", HashPolicy::SourceIp),
        ("httpQueryParameterName: Q", HashPolicy::Query("Q".into())),
        (
            "httpCookie: {name: who, path: /, ttl: 60s, attributes: [{name: SameSite, value: Lax}, {name: Secure}]}",
            HashPolicy::Cookie {
                name: "who".into(),
                path: "/".into(),
                ttl: Some(Duration::from_secs(60)),
                attributes: vec![("SameSite".into(), "Lax".into()), ("Secure".into(), "".into())],
            },
        ),
        (
            "httpCookie: {name: who, ttl: 0s}",
            HashPolicy::Cookie { name: "who".into(), path: "".into(), ttl: Some(Duration::ZERO), attributes: vec![] },
        ),
        (
            "httpCookie: {name: who}",
            HashPolicy::Cookie { name: "who".into(), path: "".into(), ttl: None, attributes: vec![] },
        ),
    ] {
        let mut lab = lab("name: hashed");
        assert!(forward(&lab).retry.expect("retries").avoid_previous_hosts);
        lab.apply(&destination_rule(&format!("trafficPolicy: {{loadBalancer: {{consistentHash: {{{policy}}}}}}}")));
        assert_eq!(forward(&lab).hash_policies, [expected]);
        // Requests with the same hash stay together, retries too.
        assert!(!forward(&lab).retry.expect("retries").avoid_previous_hosts);
        lab.delete("DestinationRule default/dr");
        assert!(forward(&lab).hash_policies.is_empty());
    }
}

#[test]
fn every_destination_brings_its_hash() {
    let mut lab = Lab::with(&http_gateway("['*']"));
    let http = "[{route: [{destination: {host: httpbin, subset: v1}, weight: 1}, \
                {destination: {host: httpbin, subset: v2}, weight: 1}, {destination: {host: httpbin}, weight: 0}]}]";
    lab.apply(&virtual_service("vs", "[h.test]", http));
    let hash = |header: &str| format!("{{loadBalancer: {{consistentHash: {{httpHeaderName: {header}}}}}}}");
    lab.apply(&destination_rule(&format!(
        "trafficPolicy: {{portLevelSettings: [{{port: {{number: 8000}}, loadBalancer: {{consistentHash: \
         {{httpHeaderName: port}}}}}}]}}, subsets: [{{name: v1, trafficPolicy: {}}}, {{name: v2}}]",
        hash("one")
    )));
    let expected = [HashPolicy::Header("one".into()), HashPolicy::Header("port".into())];
    assert_eq!(forward(&lab).hash_policies, expected);
    assert!(forward(&lab).retry.expect("retries").avoid_previous_hosts, "as Istio has it for several destinations");
}

#[test]
fn retries_of_the_mesh_are_those_of_rules_without_their_own() {
    let mut lab = lab("name: any");
    let retries = |lab: &Lab| forward(lab).retry.map(|retry| (retry.attempts, retry.on_5xx));
    assert_eq!(retries(&lab), Some((2, false)));
    let policy = meridian_resources::istio::virtual_service::HttpRetry {
        attempts: 5,
        retry_on: "5xx".into(),
        ..Default::default()
    };
    let mesh = MeshConfig { default_http_retry_policy: Some(policy), ..MeshConfig::default() };
    lab.translator.set_mesh(mesh);
    lab.translate();
    assert_eq!(retries(&lab), Some((5, true)));
    let http = "[{retries: {attempts: 1, retryRemoteLocalities: true}, route: [{destination: {host: httpbin}}]}]";
    lab.apply(&virtual_service("vs", "[h.test]", http));
    assert_eq!(retries(&lab), Some((1, false)));
    assert!(forward(&lab).retry.expect("retries").avoid_previous_priorities);
    lab.assert_well("VirtualService default/vs");
}
