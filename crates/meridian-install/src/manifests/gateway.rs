//! A gateway for Istio's API: what `istio-ingressgateway` is in Istio's default profile.

use super::control_plane::USER;
use crate::values::{Gateway, Values};
use meridian_inject::gateway_pod;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a pod goes on accepting after it was told to stop, and how long open requests may take after that.
const DRAIN_DELAY: u32 = 5;
const DRAIN: u32 = 30;

pub(super) fn objects(values: &Values, name: &str, gateway: &Gateway) -> Vec<Value> {
    let of = Of { values, name, gateway };
    let mut all = vec![of.service_account(), of.service(), of.deployment(), of.disruption_budget()];
    if gateway.autoscale_enabled {
        all.push(of.autoscaler());
    }
    all
}

struct Of<'a> {
    values: &'a Values,
    name: &'a str,
    gateway: &'a Gateway,
}

impl Of<'_> {
    fn service_account_name(&self) -> String {
        format!("{}-service-account", self.name)
    }

    /// By these Istio's Gateways select it.
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.gateway.labels.clone();
        if labels.is_empty() {
            labels.insert("istio".into(), self.name.strip_prefix("istio-").unwrap_or(self.name).into());
        }
        labels.insert("app".into(), self.name.into());
        labels
    }

    fn metadata(&self, name: &str) -> Value {
        json!({"name": name, "namespace": self.values.namespace, "labels": self.labels()})
    }

    fn service_account(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": self.metadata(&self.service_account_name()),
            "imagePullSecrets": super::pull_secrets(self.values),
        })
    }

    fn service(&self) -> Value {
        let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
        let istio = || vec![port("status-port", 15021, 15021), port("http2", 80, 8080), port("https", 443, 8443)];
        let ports = if self.gateway.ports.is_empty() { istio() } else { self.gateway.ports.clone() };
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": self.metadata(self.name),
            "spec": {"type": self.gateway.service_type, "selector": self.labels(), "ports": ports},
        });
        if !self.gateway.service_annotations.is_empty() {
            service["metadata"]["annotations"] = json!(self.gateway.service_annotations);
        }
        if let Some(address) = &self.gateway.load_balancer_ip {
            service["spec"]["loadBalancerIP"] = address.as_str().into();
        }
        if let Some(policy) = &self.gateway.external_traffic_policy {
            service["spec"]["externalTrafficPolicy"] = policy.as_str().into();
        }
        service
    }

    fn deployment(&self) -> Value {
        let mut labels = json!(self.labels());
        labels["sidecar.istio.io/inject"] = "false".into();
        labels["service.istio.io/canonical-name"] = self.name.into();
        labels["service.istio.io/canonical-revision"] = "latest".into();
        let mut template = json!({
            "metadata": {
                "labels": labels,
                "annotations": {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/path": "/stats/prometheus",
                    "prometheus.io/port": "15090",
                },
            },
            "spec": {
                "serviceAccountName": self.service_account_name(),
                // The API server is of no concern to a gateway: it gets a token for the control plane alone.
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": DRAIN_DELAY + DRAIN + 10,
                "securityContext": gateway_pod::security_context(USER),
                "containers": [self.container()],
                "volumes": gateway_pod::volumes(),
            },
        });
        super::lay_over_pod(&mut template, &self.gateway.pod);
        let mut deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": self.metadata(self.name),
            "spec": {
                "selector": {"matchLabels": self.labels()},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
                "template": template,
            },
        });
        if !self.gateway.autoscale_enabled {
            deployment["spec"]["replicas"] = self.gateway.replicas.into();
        }
        deployment
    }

    fn container(&self) -> Value {
        let probe = |failures: u32, period: u32| {
            json!({
                "httpGet": {"path": "/healthz/ready", "port": 15021},
                "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 1,
            })
        };
        json!({
            "name": "istio-proxy",
            "image": self.values.image(),
            "imagePullPolicy": self.values.image.pull_policy,
            "args": [
                "gateway",
                format!("--discovery={}", self.values.discovery_address),
                format!("--log-level={}", self.values.log_level),
                format!("--token-file={}", gateway_pod::TOKEN),
                format!("--root-cert={}", gateway_pod::ROOT_CERTIFICATE),
                format!("--labels-file={}", gateway_pod::LABELS),
                format!("--state={}", gateway_pod::STATE),
                format!("--drain-delay={DRAIN_DELAY}"),
                format!("--drain-time={DRAIN}"),
            ],
            "env": gateway_pod::env(),
            "ports": [
                {"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"},
                {"name": "status-port", "containerPort": 15021, "protocol": "TCP"},
            ],
            "readinessProbe": probe(2, 5),
            "startupProbe": probe(600, 1),
            "resources": self.gateway.resources.clone().unwrap_or_else(gateway_pod::resources),
            "securityContext": gateway_pod::container_security_context(),
            "volumeMounts": gateway_pod::volume_mounts(),
        })
    }

    fn disruption_budget(&self) -> Value {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": self.metadata(self.name),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": self.labels()}},
        })
    }

    fn autoscaler(&self) -> Value {
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": self.metadata(self.name),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
                "minReplicas": self.gateway.autoscale_min,
                "maxReplicas": self.gateway.autoscale_max,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
                }}],
            },
        })
    }
}
