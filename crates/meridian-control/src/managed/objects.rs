//! The objects that are made for a Gateway, before any settings are laid over them.

use super::deployment::deployment;
use super::{Installation, Style, names};
use meridian_translate::{GATEWAY_NAME_LABEL, ManagedGateway, Transport};
use serde_json::{Map, Value, json};

/// The label with the class of the Gateway (GEP-1762).
pub(crate) const GATEWAY_CLASS_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";

/// The label of what this controller has made (Istio has it too), and its value.
pub(crate) const MANAGED_LABEL: &str = "gateway.istio.io/managed";
pub(crate) const MANAGED_BY: &str = "meridian.dev-gateway-controller";

/// The labels by which Envoy Gateway's users find what belongs to a Gateway.
const OWNING_GATEWAY_NAME: &str = "gateway.envoyproxy.io/owning-gateway-name";
const OWNING_GATEWAY_NAMESPACE: &str = "gateway.envoyproxy.io/owning-gateway-namespace";

/// Where `/healthz/ready` is, on the Service and in pods of Istio's style.
pub(crate) const STATUS_PORT: u16 = 15021;

/// What is made for one Gateway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Objects {
    pub(crate) service_account: Value,
    pub(crate) deployment: Value,
    pub(crate) service: Value,
    /// A HorizontalPodAutoscaler, where settings ask for one.
    pub(crate) autoscaler: Option<Value>,
    /// A PodDisruptionBudget, where settings ask for one.
    pub(crate) budget: Option<Value>,
}

impl Objects {
    /// What is made without any settings.
    pub(crate) fn of(gateway: &ManagedGateway, installation: &Installation, style: Style) -> Objects {
        Objects {
            service_account: service_account(gateway, style),
            deployment: deployment(gateway, installation, style),
            service: service(gateway, installation, style),
            autoscaler: None,
            budget: None,
        }
    }

    /// All of them, those first that others need.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Value> {
        let always = [self.service_account, self.service, self.deployment];
        always.into_iter().chain(self.budget).chain(self.autoscaler)
    }
}

/// The metadata that all have in common.
pub(super) fn metadata(gateway: &ManagedGateway, style: Style) -> Value {
    json!({
        "name": names::of(&gateway.name, &gateway.class),
        "namespace": *gateway.namespace,
        "labels": labels(gateway, style),
        "annotations": gateway.annotations,
        "ownerReferences": [{
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "name": *gateway.name,
            "uid": *gateway.uid,
            "controller": true,
        }],
    })
}

/// The labels that all have in common: those of the Gateway, and over them those that things are found by.
pub(super) fn labels(gateway: &ManagedGateway, style: Style) -> Map<String, Value> {
    let mut labels: Map<String, Value> =
        gateway.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    labels.insert(GATEWAY_NAME_LABEL.to_owned(), (*gateway.name).into());
    labels.insert(GATEWAY_CLASS_LABEL.to_owned(), (*gateway.class).into());
    labels.insert(MANAGED_LABEL.to_owned(), MANAGED_BY.into());
    if style == Style::EnvoyGateway {
        labels.insert(OWNING_GATEWAY_NAME.to_owned(), (*gateway.name).into());
        labels.insert(OWNING_GATEWAY_NAMESPACE.to_owned(), (*gateway.namespace).into());
    }
    labels
}

/// The label by which Services and Deployments know the pods of a Gateway.
pub(super) fn selector(gateway: &ManagedGateway) -> Value {
    json!({ GATEWAY_NAME_LABEL: *gateway.name })
}

fn service_account(gateway: &ManagedGateway, style: Style) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(gateway, style)})
}

fn service(gateway: &ManagedGateway, installation: &Installation, style: Style) -> Value {
    let mut spec = json!({
        "type": "LoadBalancer",
        "selector": selector(gateway),
        "ports": service_ports(gateway, style),
        "ipFamilyPolicy": "PreferDualStack",
    });
    if style == Style::EnvoyGateway {
        spec["externalTrafficPolicy"] = "Local".into();
    }
    let asked = || gateway.addresses.iter().filter_map(|address| address.value.as_deref()?.parse().ok());
    let external: Vec<String> =
        asked().filter(|address| installation.owns(*address)).map(|address| address.to_string()).collect();
    if !external.is_empty() {
        spec["externalIPs"] = external.into();
    }
    if let Some(address) = asked().find(|address| !installation.owns(*address)) {
        spec["loadBalancerIP"] = address.to_string().into();
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(gateway, style), "spec": spec})
}

/// The ports of the listeners, and the one that load balancers ask for readiness.
pub(super) fn service_ports(gateway: &ManagedGateway, style: Style) -> Vec<Value> {
    let to = |name: String, port: u16, target: u16, protocol: &str| json!({"name": name, "port": port, "targetPort": target, "protocol": protocol});
    let port = |name: String, number: u16, protocol: &str| to(name, number, number, protocol);
    let own = gateway.ports.iter().map(|(number, transport)| match transport {
        // A name without a protocol: sidecars find out what clients in the mesh speak.
        Transport::Tcp => port(format!("port-{number}"), *number, "TCP"),
        Transport::Udp => port(format!("udp-{number}"), *number, "UDP"),
    });
    let status = (!gateway.ports.contains(&(STATUS_PORT, Transport::Tcp)))
        .then(|| to("status-port".to_owned(), STATUS_PORT, style.readiness_port(), "TCP"));
    status.into_iter().chain(own).collect()
}

/// A HorizontalPodAutoscaler that does nothing yet.
pub(super) fn autoscaler(gateway: &ManagedGateway, style: Style, deployment: &Value) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(gateway, style),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]},
            "maxReplicas": 1,
        },
    })
}

/// A PodDisruptionBudget that demands nothing yet.
pub(super) fn budget(gateway: &ManagedGateway, style: Style) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(gateway, style),
        "spec": {"selector": {"matchLabels": selector(gateway)}},
    })
}
