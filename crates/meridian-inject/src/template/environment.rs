//! The environment of a proxy: who it is and where its control plane is.

use super::Inputs;
use crate::pod;
use serde_json::{Value, json};

/// What the proxy learns of its pod when that starts.
const FIELDS: [(&str, &str); 6] = [
    ("POD_NAME", "metadata.name"),
    ("POD_NAMESPACE", "metadata.namespace"),
    ("INSTANCE_IP", "status.podIPs"),
    ("SERVICE_ACCOUNT", "spec.serviceAccountName"),
    ("HOST_IP", "status.hostIP"),
    ("ISTIO_META_NODE_NAME", "spec.nodeName"),
];

/// The variables, later ones before earlier ones of the same name.
pub(super) fn variables(inputs: &Inputs<'_>) -> Value {
    let mut variables: Vec<Value> = FIELDS
        .iter()
        .map(|(name, field)| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}))
        .collect();
    let mut set = |name: &str, value: &str| {
        variables.retain(|known| pod::name(known) != name);
        variables.push(json!({"name": name, "value": value}));
    };
    let (settings, proxy) = (inputs.settings, &inputs.own.proxy);
    let discovery = proxy.discovery_address.clone().unwrap_or_else(|| settings.discovery());
    set("DISCOVERY_ADDRESS", &discovery);
    if settings.mesh.inbound_to_localhost {
        set("REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", "true");
    }
    set("ISTIO_META_POD_PORTS", &ports(inputs));
    set("ISTIO_META_APP_CONTAINERS", &inputs.containers().join(","));
    set("ISTIO_META_CLUSTER_ID", &settings.cluster);
    set("ISTIO_META_INTERCEPTION_MODE", if inputs.own.capture { "REDIRECT" } else { "NONE" });
    let workload = pod::label(inputs.pod, "service.istio.io/workload-name").unwrap_or(&inputs.workload.name);
    if !workload.is_empty() {
        set("ISTIO_META_WORKLOAD_NAME", workload);
    }
    if let Some(owner) = inputs.workload.owner() {
        set("ISTIO_META_OWNER", &owner);
    }
    let trust_domain = &settings.mesh.trust_domain;
    let mesh = if settings.mesh_id.is_empty() { trust_domain } else { &settings.mesh_id };
    set("ISTIO_META_MESH_ID", proxy.mesh_id.as_ref().unwrap_or(mesh));
    set("TRUST_DOMAIN", trust_domain);
    proxy.metadata.iter().chain(inputs.environment).for_each(|(name, value)| set(name, value));
    if let Some(network) = inputs.network() {
        set("ISTIO_META_NETWORK", network);
    }
    variables.into()
}

/// The ports that the workload's containers declare, as a JSON list.
fn ports(inputs: &Inputs<'_>) -> String {
    let ports = pod::list(inputs.pod, "containers").iter();
    let ports: Vec<&Value> = ports.filter_map(|container| container.get("ports")?.as_array()).flatten().collect();
    json!(ports).to_string()
}
