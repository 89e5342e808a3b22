//! The control plane: a Deployment, and a Service by the names and ports of istiod's.

use super::ISTIOD;
use crate::values::Values;
use serde_json::{Value, json};

/// The user that the processes run as; the image needs no user of that number.
pub(super) const USER: u32 = 1337;

/// The name of the webhook's configuration: Istio's for its own namespace, so that nobody injects twice.
pub(super) fn webhook_name(values: &Values) -> String {
    match values.namespace.as_str() {
        "istio-system" => "istio-sidecar-injector".into(),
        namespace => format!("istio-sidecar-injector-{namespace}"),
    }
}

pub(super) fn objects(values: &Values) -> Vec<Value> {
    let mut all = vec![service(values), deployment(values)];
    if values.replicas > 1 {
        all.push(disruption_budget(values));
    }
    all
}

fn labels() -> Value {
    json!({"app": ISTIOD, "istio": "pilot", "app.kubernetes.io/name": ISTIOD})
}

fn service(values: &Values) -> Value {
    let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
    let mut ports = vec![port("https-dns", 15012, 15012), port("http-monitoring", 15014, 15014)];
    if values.injector.enabled {
        ports.push(port("https-webhook", 443, 15017));
    }
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": ISTIOD, "namespace": values.namespace, "labels": labels()},
        "spec": {"selector": {"app": ISTIOD, "istio": "pilot"}, "ports": ports},
    })
}

fn deployment(values: &Values) -> Value {
    let mut ports = vec![
        json!({"name": "https-dns", "containerPort": 15012, "protocol": "TCP"}),
        json!({"name": "http-monitoring", "containerPort": 15014, "protocol": "TCP"}),
    ];
    if values.injector.enabled {
        ports.push(json!({"name": "https-webhook", "containerPort": 15017, "protocol": "TCP"}));
    }
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let mut template = json!({
        "metadata": {
            "labels": {"app": ISTIOD, "istio": "pilot", "sidecar.istio.io/inject": "false"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "15014"},
        },
        "spec": {
            "serviceAccountName": ISTIOD,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "discovery",
                "image": values.image(),
                "imagePullPolicy": values.image.pull_policy,
                "args": arguments(values),
                "env": [field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")],
                "ports": ports,
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 15014},
                    "periodSeconds": 3, "timeoutSeconds": 5,
                },
                "startupProbe": {
                    "httpGet": {"path": "/ready", "port": 15014},
                    "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 120,
                },
                "resources": values.resources,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    });
    super::lay_over_pod(&mut template, &values.pod);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": ISTIOD, "namespace": values.namespace, "labels": labels()},
        "spec": {
            "replicas": values.replicas,
            "selector": {"matchLabels": {"app": ISTIOD, "istio": "pilot"}},
            // Proxies go on without it, but a new one is there before the old one leaves.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
            "template": template,
        },
    })
}

fn arguments(values: &Values) -> Vec<String> {
    let mut all = vec![
        "control-plane".to_owned(),
        format!("--log-level={}", values.log_level),
        "--xds-tls=0.0.0.0:15012".to_owned(),
        "--debug=0.0.0.0:15014".to_owned(),
        format!("--discovery-address={}", values.discovery_address),
        format!("--gateway-image={}", values.image()),
        format!("--gateway-image-pull-policy={}", values.image.pull_policy),
        format!("--gateway-log-level={}", values.log_level),
    ];
    if values.injector.enabled {
        all.push(format!("--injection=0.0.0.0:{}", meridian_inject::webhook::PORT));
    }
    if !values.gateway_addresses.is_empty() {
        all.push(format!("--gateway-addresses={}", values.gateway_addresses.join(",")));
    }
    all
}

fn disruption_budget(values: &Values) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": ISTIOD, "namespace": values.namespace, "labels": labels()},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": ISTIOD, "istio": "pilot"}}},
    })
}
