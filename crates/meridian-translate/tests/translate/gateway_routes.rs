//! What the proxies of Gateways do with requests: the decisions that the conformance suite of Gateway API expects.
#![allow(clippy::unwrap_used)]

mod backends;
mod changes;
mod decision;

use crate::gateway_statuses::cluster::INFRA;
use crate::gateway_statuses::suite_cluster;
use crate::shared::shared;
use decision::{Decision, Gateways};
use serde_json::Value;

/// Tests whose requests are not told apart by what the data says: several Gateways, steps between them, or TLS.
const LEFT_OUT: [(&str, &str); 15] = [
    ("BackendTLSPolicy", "it changes objects between its checks"),
    ("BackendTLSPolicySANValidation", "certificates decide, not routes"),
    ("BackendTLSPolicyInvalidCACertificateRef", "certificates decide, not routes"),
    ("GatewayFrontendClientCertificateValidation", "its server names are not in the data"),
    ("GatewayFrontendClientCertificateValidationInsecureFallback", "its server names are not in the data"),
    ("GatewayModifyListeners", "it changes objects between its checks"),
    ("GatewayStaticAddresses", "it changes objects between its checks"),
    ("GatewayTLSBackendClientCertificate", "its Gateway is not in the data"),
    ("HTTPRouteHTTPSListener", "its server names are not in the data"),
    ("HTTPRouteHTTPSListenerDetectMisdirectedRequests", "its server names are not in the data"),
    ("HTTPRouteMultipleGateways", "its Gateways are not in the data"),
    ("HTTPRouteObservedGenerationBump", "it changes objects between its checks"),
    ("HTTPRouteRedirectPortAndScheme", "its Gateways are not in the data"),
    ("HTTPRouteReferenceGrant", "it changes objects between its checks"),
    ("HTTPRouteServiceTypes", "its paths are not in the data"),
];

/// The Gateway that the requests of a test go to.
fn gateway_of(test: &Value) -> Option<(String, String)> {
    let assertions = test["statusAssertions"].as_array()?;
    let arguments = assertions.iter().flat_map(|assertion| assertion["args"].as_array().into_iter().flatten());
    let gateway = arguments.map(|argument| &argument["gateway"]).find(|gateway| gateway.is_object())?;
    let text = |field: &str| gateway[field].as_str().map(str::to_owned);
    Some((text("Namespace")?, text("Name")?))
}

#[test]
fn requests_are_decided_as_the_conformance_suite_expects() {
    let Some(folder) = shared("oracles/gateway-api-v1.6.1") else { return };
    let text = std::fs::read_to_string(folder.join("expectations.json")).unwrap();
    let tests: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut cluster = suite_cluster(&folder);
    let (mut held, mut failed) = (0, Vec::new());
    for test in tests.iter().filter(|test| test["http"].is_array()) {
        let name = test["test"].as_str().unwrap();
        let manifest = folder.join("conformance").join(test["file"].as_str().unwrap().replace(".go", ".yaml"));
        let is_http = ["TCP", "TLS", "UDP", "Mesh"].iter().all(|layer| !name.starts_with(layer));
        if !is_http || LEFT_OUT.iter().any(|(left, _)| *left == name) || !manifest.exists() {
            continue;
        }
        let Some((namespace, gateway)) = gateway_of(test) else { continue };
        let yaml = std::fs::read_to_string(manifest).unwrap();
        cluster.apply(&yaml);
        cluster.settle();
        let gateways = Gateways::new(&mut cluster, &[(&namespace, &gateway)]);
        // The last of them go to another Gateway.
        let count = if name == "HTTPRouteHostnameIntersection" { 27 } else { usize::MAX };
        for (index, case) in test["http"].as_array().unwrap().iter().enumerate().take(count) {
            match decision::check(&gateways, case) {
                Ok(()) => held += 1,
                Err(error) => failed.push(format!("{name} [{index}]: {error}\n  {}", case["Request"])),
            }
        }
        cluster.delete_all(&yaml);
        gateways.remove(&mut cluster);
        cluster.settle();
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), held + failed.len(), failed.join("\n"));
    assert!(held > 200, "{held} requests");
}

/// The rows that the suite has for an HTTPS listener: what connections ask for by SNI, the host of the request, and the
/// answer.
#[test]
fn requests_for_another_listener_are_misdirected() {
    let Some(folder) = shared("oracles/gateway-api-v1.6.1") else { return };
    let manifest = folder.join("conformance/httproute-https-listener-detect-misdirected-requests.yaml");
    let yaml = std::fs::read_to_string(manifest).unwrap();
    let mut cluster = suite_cluster(&folder);
    cluster.apply(&yaml);
    cluster.settle();
    let name = cluster
        .objects("HTTPRoute", INFRA)
        .find_map(|route| Some(route["spec"]["parentRefs"][0]["name"].as_str()?.to_owned()))
        .unwrap();
    let gateways = Gateways::new(&mut cluster, &[(INFRA, &name)]);
    for (server_name, host, expected) in [
        ("example.org", "example.org", "infra-backend-v1"),
        ("example.org", "second-example.org", "421"),
        ("example.org", "unknown-example.org", "404"),
        ("second-example.org", "second-example.org", "infra-backend-v2"),
        ("second-example.org", "example.org", "421"),
        ("second-example.org", "unknown-example.org", "421"),
        ("third-example.wildcard.org", "third-example.wildcard.org", "infra-backend-v3"),
        ("third-example.wildcard.org", "fith-example.wildcard.org", "infra-backend-v3"),
        ("third-example.wildcard.org", "fourth-example.wildcard.org", "421"),
        ("third-example.wildcard.org", "unknown-example.org", "421"),
        ("fourth-example.wildcard.org", "fith-example.wildcard.org", "421"),
        ("unknown-example.org", "example.org", "infra-backend-v1"),
        ("unknown-example.org", "unknown-example.org", "404"),
    ] {
        let decision = gateways.https(server_name, host, "/detect-misdirected-requests");
        let found = match &decision {
            Decision::Forward { backends, .. } => backends[0].0.split('.').next().unwrap().to_owned(),
            Decision::Answer(status) => status.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{server_name} {host}: {decision:?}");
    }
    gateways.remove(&mut cluster);
}
