//! The two templates: what is laid over a pod.

mod environment;
mod gateway;
pub(crate) mod sidecar;
mod volumes;

use crate::annotations::PodSettings;
use crate::settings::Settings;
use crate::workload::Workload;
use crate::{PROXY_CONTAINER, pod};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A template by its name (annotation `inject.istio.io/templates`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// A proxy beside the workload, with the rules that lead its traffic there.
    Sidecar,
    /// The pod is a gateway: its container `istio-proxy` becomes one.
    Gateway,
}

impl Template {
    /// The names that there are.
    pub const NAMES: &str = "sidecar, gateway";

    /// The template of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sidecar" => Some(Self::Sidecar),
            "gateway" => Some(Self::Gateway),
            _ => None,
        }
    }
}

/// What templates are made of.
pub(crate) struct Inputs<'a> {
    /// The pod as the user wrote it.
    pub(crate) pod: &'a Value,
    /// What it belongs to.
    pub(crate) workload: &'a Workload,
    /// The installation's settings.
    pub(crate) settings: &'a Settings,
    /// The pod's own, over them.
    pub(crate) own: &'a PodSettings,
    /// Environment variables of the proxy that the webhook's path sets.
    pub(crate) environment: &'a BTreeMap<String, String>,
}

impl Inputs<'_> {
    /// The partial pod of a template.
    pub(crate) fn render(&self, template: Template) -> Value {
        match template {
            Template::Sidecar => sidecar::render(self),
            Template::Gateway => gateway::render(self),
        }
    }

    /// The names of the workload's own containers.
    fn containers(&self) -> Vec<&str> {
        pod::list(self.pod, "containers").iter().map(pod::name).filter(|name| *name != PROXY_CONTAINER).collect()
    }

    /// The labels and annotations that both templates set.
    fn metadata(&self) -> Value {
        let first = |names: &[&str], last: &str| {
            let found = names.iter().find_map(|name| pod::label(self.pod, name)).filter(|found| !found.is_empty());
            found.unwrap_or(last).to_owned()
        };
        let canonical = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
        let revision = ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];
        let name: String = first(&canonical, &self.workload.name).chars().take(63).collect();
        let mut annotations = Map::new();
        annotations.insert("istio.io/rev".into(), self.settings.revision_name().into());
        if let Some(container) = self.containers().first() {
            for name in ["kubectl.kubernetes.io/default-logs-container", "kubectl.kubernetes.io/default-container"] {
                if pod::annotation(self.pod, name).is_none() {
                    annotations.insert(name.into(), (*container).into());
                }
            }
        }
        let mut metadata = json!({
            "labels": {
                "service.istio.io/canonical-name": name.trim_matches(['-', '_', '.']),
                "service.istio.io/canonical-revision": first(&revision, "latest"),
            },
            "annotations": annotations,
        });
        if let Some(network) = self.network() {
            metadata["labels"]["topology.istio.io/network"] = network.into();
        }
        metadata
    }

    /// The network that the pod is in: its label says it, else the webhook's path, else the settings.
    fn network(&self) -> Option<&str> {
        let told = self.environment.get("ISTIO_META_NETWORK").unwrap_or(&self.settings.network);
        let network = pod::label(self.pod, "topology.istio.io/network").unwrap_or(told);
        Some(network).filter(|network| !network.is_empty())
    }

    /// The image of the proxy.
    fn image(&self) -> String {
        let images = &self.settings.images;
        self.own.image.clone().unwrap_or_else(|| images.reference(&images.proxy))
    }

    /// Requests and limits of the containers.
    fn resources(&self) -> Value {
        self.own.resources.clone().unwrap_or_else(|| self.settings.resources.clone())
    }

    /// What every proxy is started with, after the name of its command.
    fn arguments(&self, command: &str) -> Vec<String> {
        let mut arguments: Vec<String> = [
            command,
            "--token-file=/var/run/secrets/tokens/istio-token",
            "--root-cert=/var/run/secrets/istio/root-cert.pem",
            "--state=/var/lib/istio/data/meridian",
            "--labels-file=/etc/istio/pod/labels",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--log-level={}", self.own.log_level));
        if let Some(threads) = self.own.proxy.concurrency.filter(|threads| *threads > 0) {
            arguments.push(format!("--threads={threads}"));
        }
        if let Some(drain) = self.own.proxy.termination_drain {
            arguments.push(format!("--drain-time={}", drain.as_secs_f64()));
        }
        if let Some(port) = self.own.proxy.admin_port {
            arguments.push(format!("--admin=127.0.0.1:{port}"));
        }
        arguments
    }

    /// `/healthz/ready` as Kubernetes asks for it.
    fn readiness(&self) -> Value {
        let readiness = self.own.readiness;
        json!({
            "httpGet": {"path": "/healthz/ready", "port": 15021},
            "initialDelaySeconds": readiness.initial_delay,
            "periodSeconds": readiness.period,
            "timeoutSeconds": 3,
            "failureThreshold": readiness.failure_threshold,
        })
    }

    /// The parts of a container that both templates have alike.
    fn proxy(&self) -> Value {
        let mut proxy = json!({
            "name": PROXY_CONTAINER,
            "image": self.image(),
            "ports": [{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}],
            "env": environment::variables(self),
            "resources": self.resources(),
            "volumeMounts": volumes::mounts(self),
        });
        if !self.settings.images.pull_policy.is_empty() {
            proxy["imagePullPolicy"] = self.settings.images.pull_policy.as_str().into();
        }
        if self.settings.lifecycle.as_object().is_some_and(|hooks| !hooks.is_empty()) {
            proxy["lifecycle"] = self.settings.lifecycle.clone();
        }
        proxy
    }

    /// Adds what the pod itself needs: volumes, and secrets for images.
    fn finish(&self, spec: &mut Value) {
        spec["volumes"] = volumes::volumes(self);
        let secrets: Vec<Value> = self.settings.images.pull_secrets.iter().map(|name| json!({"name": name})).collect();
        if !secrets.is_empty() {
            spec["imagePullSecrets"] = secrets.into();
        }
    }
}
