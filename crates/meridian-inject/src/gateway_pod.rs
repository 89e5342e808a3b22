//! What the pods of gateways have in common, whoever makes them: how `meridian gateway` learns who it is, whom it
//! trusts and what it may do.

use serde_json::{Value, json};

/// The file with the token of the pod's service account, for the control plane (Istio's path).
pub const TOKEN: &str = "/var/run/secrets/tokens/istio-token";
/// The file with what the control plane's certificate is verified against.
pub const ROOT_CERTIFICATE: &str = "/var/run/secrets/istio/root-cert.pem";
/// The file with the pod's labels.
pub const LABELS: &str = "/etc/istio/pod/labels";
/// Where a configuration outlives the container.
pub const STATE: &str = "/var/lib/istio/data";

/// `securityContext` of the pod: a user without rights, and port 80 is 80 without root and without a capability.
#[must_use]
pub fn security_context(user: u32) -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
    })
}

/// `securityContext` of its container.
#[must_use]
pub fn container_security_context() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    })
}

/// `env` of its container: who it is.
#[must_use]
pub fn env() -> Value {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    json!([
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("INSTANCE_IP", "status.podIP"),
        field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
    ])
}

/// `resources` of its container, where nobody says others.
#[must_use]
pub fn resources() -> Value {
    json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}})
}

/// `volumes` of the pod.
#[must_use]
pub fn volumes() -> Value {
    json!([
        {"name": "istio-token", "projected": {"sources": [{
            "serviceAccountToken": {"audience": "istio-ca", "path": "istio-token", "expirationSeconds": 43200},
        }]}},
        {"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}},
        {"name": "istio-podinfo", "downwardAPI": {"items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        ]}},
        {"name": "istio-data", "emptyDir": {}},
    ])
}

/// `volumeMounts` of its container: where the files of this module are.
#[must_use]
pub fn volume_mounts() -> Value {
    json!([
        {"name": "istio-token", "mountPath": "/var/run/secrets/tokens", "readOnly": true},
        {"name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio", "readOnly": true},
        {"name": "istio-podinfo", "mountPath": "/etc/istio/pod", "readOnly": true},
        {"name": "istio-data", "mountPath": STATE},
    ])
}
