//! The values of an installation: what a Helm chart would call `values.yaml`.

use crate::set::{SetError, Setting};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Named sets of values, which everything else is laid over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The control plane, injection of sidecars, and an ingress gateway as Istio's default profile has it.
    #[default]
    Default,
    /// The control plane alone; gateways come with the Gateways of Gateway API.
    Minimal,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            "minimal" => Ok(Self::Minimal),
            other => Err(format!("found {other:?}, allowed: default, minimal")),
        }
    }
}

/// Why values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    /// A value is of the wrong type, not known or not allowed.
    #[error("values: {path}: {reason}")]
    Field {
        /// Where.
        path: String,
        /// What was found, and what is allowed.
        reason: String,
    },
    /// A setting leads nowhere.
    #[error(transparent)]
    Set(#[from] SetError),
}

fn field(path: impl Into<String>, reason: impl ToString) -> ValuesError {
    ValuesError::Field { path: path.into(), reason: reason.to_string() }
}

/// The values of an installation, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The namespace, `istio-system` like Istio's.
    pub namespace: String,
    /// The image of the control plane and of gateways.
    pub image: Image,
    /// Secrets in the namespace with which the image is pulled.
    pub image_pull_secrets: Vec<String>,
    /// How many control planes run; one of them writes statuses, all of them serve proxies.
    pub replicas: u32,
    /// `resources` of the control plane's container.
    pub resources: Value,
    /// The level of the control plane's log.
    pub log_level: String,
    /// Where proxies in pods reach the control plane, `HOST:PORT`.
    pub discovery_address: String,
    /// Addresses that Gateways may ask for (`spec.addresses`), in CIDR notation.
    pub gateway_addresses: Vec<String>,
    /// `MeshConfig`, Istio's names.
    pub mesh_config: Value,
    /// More of the control plane's pods.
    pub pod: Pod,
    /// The GatewayClass; `None` installs none.
    pub gateway_class: Option<String>,
    /// Injection of sidecars.
    pub injector: Injector,
    /// Gateways for Istio's API, by name.
    pub gateways: BTreeMap<String, Gateway>,
    /// Whether definitions of the kinds are installed where they are absent.
    pub crds: bool,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Image {
    /// Registry and name.
    pub repository: String,
    /// Tag.
    #[serde(deserialize_with = "text_or_number")]
    pub tag: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
}

/// What is the same for pods everywhere: passed on as it is.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Pod {
    /// Labels beside ours.
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations beside ours.
    pub pod_annotations: BTreeMap<String, String>,
    /// `nodeSelector`
    pub node_selector: BTreeMap<String, String>,
    /// `tolerations`
    pub tolerations: Vec<Value>,
    /// `affinity`
    pub affinity: Option<Value>,
    /// Environment variables by name.
    pub env: BTreeMap<String, String>,
}

/// Injection of sidecars.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Injector {
    /// Whether pods are injected at all.
    pub enabled: bool,
}

/// A gateway for Istio's API, with the Service that leads to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Gateway {
    /// Whether it is there.
    pub enabled: bool,
    /// Pods without an autoscaler.
    pub replicas: u32,
    /// Whether a HorizontalPodAutoscaler sets the number of pods.
    pub autoscale_enabled: bool,
    /// Its least number of pods.
    pub autoscale_min: u32,
    /// Its greatest number of pods.
    pub autoscale_max: u32,
    /// Labels by which Istio's Gateways select it; `istio: NAME` without a leading `istio-` when empty.
    pub labels: BTreeMap<String, String>,
    /// `LoadBalancer`, `NodePort` or `ClusterIP`.
    #[serde(rename = "type")]
    pub service_type: String,
    /// Ports of the Service, as Kubernetes has them; Istio's when empty.
    pub ports: Vec<Value>,
    /// Annotations of the Service.
    pub service_annotations: BTreeMap<String, String>,
    /// `loadBalancerIP` of the Service.
    pub load_balancer_ip: Option<String>,
    /// `externalTrafficPolicy` of the Service.
    pub external_traffic_policy: Option<String>,
    /// `resources` of its container.
    pub resources: Option<Value>,
    /// More of its pods.
    pub pod: Pod,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            enabled: true,
            replicas: 1,
            autoscale_enabled: true,
            autoscale_min: 1,
            autoscale_max: 5,
            labels: BTreeMap::new(),
            service_type: "LoadBalancer".into(),
            ports: Vec::new(),
            service_annotations: BTreeMap::new(),
            load_balancer_ip: None,
            external_traffic_policy: None,
            resources: None,
            pod: Pod::default(),
        }
    }
}

/// What the profiles have in common.
fn defaults(profile: Profile) -> Value {
    let whole = profile == Profile::Default;
    json!({
        "image": {"repository": "meridian", "tag": env!("CARGO_PKG_VERSION"), "pullPolicy": "IfNotPresent"},
        "imagePullSecrets": [],
        "replicas": 1,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "logLevel": "info",
        "discoveryAddress": null,
        "gatewayAddresses": [],
        "meshConfig": {},
        "pod": {},
        "gatewayClass": {"enabled": true, "name": "meridian"},
        "sidecarInjector": {"enabled": true},
        "gateways": if whole { json!({"istio-ingressgateway": {}}) } else { json!({}) },
        "crds": {"enabled": true},
    })
}

impl Values {
    /// The values of a profile with files laid over it, in order, and settings over those.
    ///
    /// # Errors
    /// A field is not known, of the wrong type, or its value is not allowed.
    pub fn new(profile: Profile, namespace: &str, files: &[Value], settings: &[Setting]) -> Result<Self, ValuesError> {
        let mut all = defaults(profile);
        for file in files {
            if !file.is_object() {
                return Err(field("(the whole file)", format!("found {file}, allowed: an object")));
            }
            lay_over(&mut all, file);
        }
        for setting in settings {
            setting.lay_over(&mut all)?;
        }
        Self::read(namespace, all)
    }

    fn read(namespace: &str, values: Value) -> Result<Self, ValuesError> {
        if !is_name(namespace, 63) {
            return Err(field("namespace", format!("found {namespace:?}, allowed: lowercase letters, digits and '-'")));
        }
        let mut fields = Fields(match values {
            Value::Object(fields) => fields,
            other => return Err(field("(all)", format!("found {other}, allowed: an object"))),
        });
        let discovery: Option<String> = fields.take("discoveryAddress")?;
        let class: GatewayClass = fields.take("gatewayClass")?;
        let crds: Enabled = fields.take("crds")?;
        let values = Self {
            namespace: namespace.to_owned(),
            image: fields.take("image")?,
            image_pull_secrets: fields.take("imagePullSecrets")?,
            replicas: fields.take("replicas")?,
            resources: fields.take("resources")?,
            log_level: fields.take("logLevel")?,
            discovery_address: discovery.unwrap_or_else(|| format!("istiod.{namespace}.svc:15012")),
            gateway_addresses: fields.take("gatewayAddresses")?,
            mesh_config: fields.take("meshConfig")?,
            pod: fields.take("pod")?,
            gateway_class: class.enabled.then_some(class.name),
            injector: fields.take("sidecarInjector")?,
            gateways: fields.gateways()?,
            crds: crds.enabled,
        };
        fields.must_be_empty()?;
        values.check()?;
        Ok(values)
    }

    fn check(&self) -> Result<(), ValuesError> {
        one_of("image.pullPolicy", &self.image.pull_policy, &["Always", "IfNotPresent", "Never"])?;
        one_of("logLevel", &self.log_level, &["error", "warn", "info", "debug", "trace"])?;
        if !self.mesh_config.is_object() {
            return Err(field("meshConfig", format!("found {}, allowed: an object", self.mesh_config)));
        }
        let port = self.discovery_address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        if !matches!(port, Some((host, Ok(_))) if !host.is_empty()) {
            let reason = format!("found {:?}, allowed: HOST:PORT", self.discovery_address);
            return Err(field("discoveryAddress", reason));
        }
        for (name, gateway) in &self.gateways {
            let path = |part: &str| format!("gateways.{name}.{part}");
            if !is_name(name, 50) {
                let reason = "allowed: at most 50 lowercase letters, digits and '-'";
                return Err(field(format!("gateways.{name}"), reason));
            }
            one_of(&path("type"), &gateway.service_type, &["LoadBalancer", "NodePort", "ClusterIP"])?;
            if gateway.autoscale_enabled && gateway.autoscale_min > gateway.autoscale_max {
                let reason = format!(
                    "found {}, allowed: at most autoscaleMax, {}",
                    gateway.autoscale_min, gateway.autoscale_max
                );
                return Err(field(path("autoscaleMin"), reason));
            }
        }
        Ok(())
    }

    /// The image with its tag.
    pub fn image(&self) -> String {
        format!("{}:{}", self.image.repository, self.image.tag)
    }
}

/// The fields of the values that are not read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ValuesError> {
        let value = self.0.remove(name).unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| field(name, error))
    }

    fn gateways(&mut self) -> Result<BTreeMap<String, Gateway>, ValuesError> {
        let all: BTreeMap<String, Value> = self.take("gateways")?;
        let read = all.into_iter().map(|(name, value)| {
            let gateway = serde_json::from_value::<Gateway>(value);
            gateway.map_err(|reason| field(format!("gateways.{name}"), reason)).map(|gateway| (name, gateway))
        });
        let all: BTreeMap<_, _> = read.collect::<Result<_, _>>()?;
        Ok(all.into_iter().filter(|(_, gateway)| gateway.enabled).collect())
    }

    fn must_be_empty(&self) -> Result<(), ValuesError> {
        let Some(name) = self.0.keys().next() else { return Ok(()) };
        let known: Vec<_> = defaults(Profile::Default).as_object().into_iter().flat_map(Map::keys).cloned().collect();
        Err(field(name, format!("no such value; there are {}", known.join(", "))))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayClass {
    enabled: bool,
    name: String,
}

/// Objects are laid over objects field by field, as Helm does; everything else replaces what was there.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

fn one_of(path: &str, found: &str, allowed: &[&str]) -> Result<(), ValuesError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(field(path, format!("found {found:?}, allowed: {}", allowed.join(", "))))
}

/// Whether a text is a label of DNS (RFC 1123) of at most so many letters.
fn is_name(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("found {other}, allowed: text"))),
    }
}

#[cfg(test)]
mod tests;
