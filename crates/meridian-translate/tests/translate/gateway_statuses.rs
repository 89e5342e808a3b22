//! Statuses of Gateway API: those that the conformance suite asserts, and those of changes while all is running.
#![allow(clippy::unwrap_used)]

mod assertions;
mod changes;
pub(crate) mod cluster;
mod order;

use crate::shared::shared;
use cluster::{Cluster, INFRA, documents};
use meridian_translate::{GATEWAY_NAME_LABEL, ProxyNode};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::path::Path;

/// Secrets and ConfigMaps that the suite makes when it starts.
const SECRETS: [(&str, &str); 9] = [
    ("gateway-conformance-web-backend", "certificate"),
    (INFRA, "tls-validity-checks-certificate"),
    (INFRA, "tls-validity-checks-client-certificate"),
    (INFRA, "tls-validity-checks-per-port-client-certificate"),
    (INFRA, "tls-checks-certificate"),
    (INFRA, "tls-checks-client-certificate"),
    (INFRA, "tls-passthrough-checks-certificate"),
    ("gateway-conformance-app-backend", "tls-passthrough-checks-certificate"),
    (INFRA, "tls-terminate-checks-certificate"),
];

const AUTHORITIES: [(&str, &str); 5] = [
    ("gateway-conformance-web-backend", "web-backend-cm"),
    (INFRA, "tls-validity-checks-ca-certificate"),
    (INFRA, "tls-validity-checks-per-port-ca-certificate"),
    (INFRA, "tls-checks-ca-certificate"),
    (INFRA, "mismatch-ca-certificate"),
];

/// A certificate and its key as PEM.
pub(crate) fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A proxy of a Gateway of namespace `default`.
pub(crate) fn proxy_of(gateway: &str) -> ProxyNode {
    let labels = [(GATEWAY_NAME_LABEL.to_owned(), gateway.to_owned())];
    ProxyNode::gateway("proxy", "default", labels.into())
}

/// The suite's cluster before its first test.
pub(crate) fn suite_cluster(folder: &Path) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(&std::fs::read_to_string(folder.join("base-manifests.yaml")).unwrap());
    let (certificate, key) = certificate();
    for (namespace, name) in SECRETS {
        cluster.apply_object(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"namespace": namespace, "name": name},
            "stringData": {"tls.crt": certificate, "tls.key": key},
        }));
    }
    for (namespace, name) in AUTHORITIES {
        cluster.apply_object(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name},
            "data": {"ca.crt": certificate},
        }));
    }
    cluster
}

/// Tests that change objects between their assertions, or are about what is not claimed; those of the first sort are in
/// `changes`.
const LEFT_OUT: [&str; 4] = [
    "BackendTLSPolicy",
    "GatewayStaticAddresses",
    "TLSRouteListenerMixedTerminationNotSupported",
    "TLSRouteListenerTerminateNotSupported",
];

/// Assertions that need no translator, or that follow a change.
fn is_left_out(test: &str, assertion: &Value) -> bool {
    let name = assertion["assert"].as_str().unwrap();
    let changes = ["ReferenceGrant", "GatewayModifyListeners", "GatewayListenerUnsupportedProtocol"];
    let follows_a_change = match name {
        "HTTPRouteMustHaveCondition" | "TCPRouteMustHaveCondition" | "UDPRouteMustHaveCondition" => {
            test.ends_with(changes[0]) && !test.contains("Invalid")
        }
        "GatewayStatusMustHaveListeners" => test == changes[1],
        _ => false,
    };
    follows_a_change
        || test.ends_with("MultipleRoutesAttachment")
        || name.ends_with("LatestConditions")
        || name.ends_with("AcceptedConditionAny")
        || name == "MustApplyObjectsWithCleanup"
        || assertion.to_string().contains("$expr")
}

#[test]
fn statuses_are_those_that_the_conformance_suite_asserts() {
    let Some(folder) = shared("oracles/gateway-api-v1.6.1") else { return };
    let text = std::fs::read_to_string(folder.join("expectations.json")).unwrap();
    let tests: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut cluster = suite_cluster(&folder);
    let (mut held, mut failed) = (0, Vec::new());
    for test in tests.iter().filter(|test| test["statusAssertions"].is_array()) {
        let name = test["test"].as_str().unwrap();
        let manifest = test["file"].as_str().unwrap().replace(".go", ".yaml");
        let mut manifests = vec![folder.join("conformance").join(manifest)];
        match name {
            "GatewayWithAttachedRoutesWithPort8080" => {
                manifests = vec![folder.join("conformance/gateway-with-attached-routes-with-port-8080.yaml")];
            }
            "GatewayHTTPListenerIsolation" => {
                let other = "conformance/gateway-http-listener-isolation-with-hostname-intersection.yaml";
                manifests.push(folder.join(other));
            }
            _ => {}
        }
        if LEFT_OUT.contains(&name) || name.starts_with("Mesh") || !manifests.iter().all(|path| path.exists()) {
            continue;
        }
        let yaml: Vec<String> = manifests.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        yaml.iter().for_each(|yaml| cluster.apply(yaml));
        cluster.settle();
        for assertion in test["statusAssertions"].as_array().unwrap() {
            if is_left_out(name, assertion) {
                continue;
            }
            match assertions::check(&cluster, assertion) {
                Ok(()) => held += 1,
                Err(error) => failed.push(format!("{name}: {}: {error}", assertion["assert"])),
            }
        }
        for (object, status, generation) in cluster.all() {
            for condition in conditions_in(status) {
                assert_eq!(condition["observedGeneration"], generation, "{name}: {object}");
            }
        }
        yaml.iter().for_each(|yaml| cluster.delete_all(yaml));
        cluster.settle();
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), held + failed.len(), failed.join("\n"));
    assert!(held > 350, "{held} assertions");
    // Nothing of the tests is left: the base manifests are there, and nothing else.
    let base = documents(&std::fs::read_to_string(folder.join("base-manifests.yaml")).unwrap());
    let gateways = base.iter().filter(|object| object["kind"] == "Gateway").count();
    assert_eq!(cluster.managed.len(), gateways);
}

/// All conditions anywhere in a status.
fn conditions_in(status: &Value) -> Vec<&Value> {
    let own = status["conditions"].as_array().into_iter().flatten();
    let lists = ["listeners", "parents", "ancestors"].into_iter().flat_map(|list| status[list].as_array());
    let entries = lists.flatten().flat_map(|entry| entry["conditions"].as_array().into_iter().flatten());
    own.chain(entries).collect()
}
