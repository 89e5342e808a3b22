//! The volumes of Istio's proxies, and where they are mounted.

use super::Inputs;
use serde_json::{Value, json};

/// Volumes that begin empty: sockets and certificates that others bring, the proxy's own state.
const EMPTY: [&str; 4] = ["workload-socket", "credential-socket", "workload-certs", "istio-data"];

/// Every volume, and what of it is mounted where.
const MOUNTS: [(&str, &str); 8] = [
    ("workload-socket", "/var/run/secrets/workload-spiffe-uds"),
    ("credential-socket", "/var/run/secrets/credential-uds"),
    ("workload-certs", "/var/run/secrets/workload-spiffe-credentials"),
    ("istiod-ca-cert", "/var/run/secrets/istio"),
    ("istio-data", "/var/lib/istio/data"),
    ("istio-envoy", "/etc/istio/proxy"),
    ("istio-token", "/var/run/secrets/tokens"),
    ("istio-podinfo", "/etc/istio/pod"),
];

/// The pod's volumes.
pub(super) fn volumes(inputs: &Inputs<'_>) -> Value {
    let mut volumes: Vec<Value> = EMPTY.iter().map(|name| json!({"name": name, "emptyDir": {}})).collect();
    let field = |name: &str| json!({"path": name, "fieldRef": {"fieldPath": format!("metadata.{name}")}});
    volumes.extend([
        json!({"name": "istio-envoy", "emptyDir": {"medium": "Memory"}}),
        json!({"name": "istio-podinfo", "downwardAPI": {"items": [field("labels"), field("annotations")]}}),
        json!({"name": "istio-token", "projected": {"sources": [
            {"serviceAccountToken": {"path": "istio-token", "expirationSeconds": 43200, "audience": "istio-ca"}},
        ]}}),
        json!({"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}}),
    ]);
    volumes.extend(inputs.own.volumes.iter().map(|(name, source)| with(source, "name", name)));
    volumes.into()
}

/// The proxy's mounts.
pub(super) fn mounts(inputs: &Inputs<'_>) -> Value {
    let own = inputs.own.volume_mounts.iter().map(|(name, mount)| with(mount, "name", name));
    MOUNTS.iter().map(|(name, path)| json!({"name": name, "mountPath": path})).chain(own).collect()
}

fn with(object: &Value, field: &str, value: &str) -> Value {
    let mut object = object.clone();
    object[field] = value.into();
    object
}
