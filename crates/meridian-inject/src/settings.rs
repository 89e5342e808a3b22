//! What an installation settles for all pods: images, ports, resources, policies. The documents have Istio's names.

mod read;
#[cfg(test)]
mod tests;

pub use read::{Remarks, SettingError};

use crate::proxy_config::ProxyConfig;
use crate::selector::Selector;
use crate::template::Template;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether pods are injected that say nothing themselves (`policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Yes, in namespaces that are selected.
    #[default]
    Enabled,
    /// Only those that ask for it.
    Disabled,
}

/// Where the image of the proxy comes from (`global.hub`, `global.tag`, `global.proxy.image`, `global.proxy_init.image`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The registry and folder; empty for the node's own default.
    pub hub: String,
    /// The tag; empty for none.
    pub tag: String,
    /// The image of the proxy, or with a `/` the whole reference.
    pub proxy: String,
    /// The image of the init container, likewise.
    pub init: String,
    /// When nodes pull it (`global.imagePullPolicy`); empty for Kubernetes' default.
    pub pull_policy: String,
    /// Secrets of the pod's namespace to pull it with (`global.imagePullSecrets`).
    pub pull_secrets: Vec<String>,
}

impl Images {
    /// The reference of an image: whole where it has a `/` or a `:`, else within the hub.
    pub(crate) fn reference(&self, image: &str) -> String {
        if image.contains(['/', ':']) {
            return image.to_owned();
        }
        let hub = if self.hub.is_empty() { String::new() } else { format!("{}/", self.hub) };
        let tag = if self.tag.is_empty() { String::new() } else { format!(":{}", self.tag) };
        format!("{hub}{image}{tag}")
    }
}

/// What is captured where a pod's annotations say nothing (`global.proxy.includeIPRanges` and so on).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Destinations that are captured.
    pub include_ip_ranges: String,
    /// Destinations that are not.
    pub exclude_ip_ranges: String,
    /// Ports on which the pod's connections are captured.
    pub include_inbound_ports: String,
    /// Ports on which they are not, where all others are.
    pub exclude_inbound_ports: String,
    /// Ports to which connections are captured whatever the address.
    pub include_outbound_ports: String,
    /// Ports to which they are not.
    pub exclude_outbound_ports: String,
}

/// How Kubernetes asks whether the proxy is ready, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// `global.proxy.readinessInitialDelaySeconds`
    pub initial_delay: u32,
    /// `global.proxy.readinessPeriodSeconds`
    pub period: u32,
    /// `global.proxy.readinessFailureThreshold`
    pub failure_threshold: u32,
    /// How often it may fail at the start, once each second (`global.proxy.startupProbe.failureThreshold`); `None`: it is not asked
    /// then.
    pub startup: Option<u32>,
}

/// The part of the mesh configuration that injection reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// `defaultConfig`
    pub(crate) proxy: ProxyConfig,
    /// `trustDomain`
    pub trust_domain: String,
    /// Whether the sidecar serves the workload's metrics with its own (`enablePrometheusMerge`).
    pub merge_metrics: bool,
    /// Whether workloads are reached on their loopback address (`inboundTrafficPolicy.mode: LOCALHOST`).
    pub inbound_to_localhost: bool,
}

/// The settings of an installation. The default is what it has without any document.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The revision of the control plane; empty for the default one.
    pub revision: String,
    /// Whether pods that say nothing are injected.
    pub policy: Policy,
    /// Pods that never are, unless they ask for it.
    pub never_inject: Vec<Selector>,
    /// Pods that always are, unless they ask not to.
    pub always_inject: Vec<Selector>,
    /// The templates of pods that name none.
    pub default_templates: Vec<Template>,
    /// Annotations that every injected pod gets.
    pub annotations: BTreeMap<String, String>,
    /// Images.
    pub images: Images,
    /// The namespace of the control plane (`global.istioNamespace`).
    pub namespace: String,
    /// Where the control plane is, if not at its own Service (`global.remotePilotAddress`, `global.caAddress`).
    pub discovery_address: String,
    /// `global.multiCluster.clusterName`
    pub cluster: String,
    /// `global.network`
    pub network: String,
    /// `global.meshID`; empty for the trust domain.
    pub mesh_id: String,
    /// Level of the proxy's log (`global.proxy.logLevel`).
    pub log_level: String,
    /// Requests and limits of both containers (`global.proxy.resources`).
    pub resources: Value,
    /// Whether the containers are privileged (`global.proxy.privileged`).
    pub privileged: bool,
    /// The containers' `seccompProfile`; an empty object for none.
    pub seccomp: Value,
    /// The proxy's `lifecycle`; an empty object for ours.
    pub lifecycle: Value,
    /// What is captured.
    pub capture: Capture,
    /// The port of the sidecar for probes and merged metrics (`global.proxy.statusPort`); 0: none.
    pub status_port: u16,
    /// How readiness is asked for.
    pub readiness: Readiness,
    /// Whether workloads wait for the proxy (`global.proxy.holdApplicationUntilProxyStarts`).
    pub hold_application: bool,
    /// Whether the proxy is an init container that keeps running (Kubernetes 1.29 and later), or one beside the others.
    pub native_sidecar: bool,
    /// Whether the kubelet's probes go by way of the sidecar (`sidecarInjectorWebhook.rewriteAppHTTPProbe`).
    pub rewrite_probes: bool,
    /// The `securityContext` of gateway pods (`gateways.securityContext`); an empty object for ours.
    pub gateway_security_context: Value,
    /// Of the mesh configuration.
    pub mesh: Mesh,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            revision: String::new(),
            policy: Policy::Enabled,
            never_inject: Vec::new(),
            always_inject: Vec::new(),
            default_templates: vec![Template::Sidecar],
            annotations: BTreeMap::new(),
            images: Images {
                hub: String::new(),
                tag: env!("CARGO_PKG_VERSION").to_owned(),
                proxy: "meridian".to_owned(),
                init: "meridian".to_owned(),
                pull_policy: String::new(),
                pull_secrets: Vec::new(),
            },
            namespace: "istio-system".to_owned(),
            discovery_address: String::new(),
            cluster: "Kubernetes".to_owned(),
            network: String::new(),
            mesh_id: String::new(),
            log_level: "info".to_owned(),
            resources: json!({
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "2000m", "memory": "1024Mi"},
            }),
            privileged: false,
            seccomp: json!({}),
            lifecycle: json!({}),
            capture: Capture {
                include_ip_ranges: "*".to_owned(),
                exclude_ip_ranges: String::new(),
                include_inbound_ports: "*".to_owned(),
                exclude_inbound_ports: String::new(),
                include_outbound_ports: String::new(),
                exclude_outbound_ports: String::new(),
            },
            status_port: 15020,
            readiness: Readiness { initial_delay: 0, period: 15, failure_threshold: 4, startup: Some(600) },
            hold_application: false,
            native_sidecar: true,
            rewrite_probes: true,
            gateway_security_context: json!({}),
            mesh: Mesh {
                proxy: ProxyConfig::default(),
                trust_domain: "cluster.local".to_owned(),
                merge_metrics: true,
                inbound_to_localhost: false,
            },
        }
    }
}

impl Settings {
    /// The revision's name, `default` for the default one.
    #[must_use]
    pub fn revision_name(&self) -> &str {
        if self.revision.is_empty() { "default" } else { &self.revision }
    }

    /// The name of the control plane's Service.
    #[must_use]
    pub fn service(&self) -> String {
        if self.revision.is_empty() || self.revision == "default" {
            "istiod".to_owned()
        } else {
            format!("istiod-{}", self.revision)
        }
    }

    /// Where proxies find the control plane.
    pub(crate) fn discovery(&self) -> String {
        if self.discovery_address.is_empty() {
            format!("{}.{}.svc:15012", self.service(), self.namespace)
        } else {
            self.discovery_address.clone()
        }
    }
}
