//! What Kubernetes' API server fills in by itself for its own kinds, beyond what a schema can say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kinds;
use crate::resource::ApiResource;
use crate::values::{absent, default, drop_nulls, items_mut, object_at};

/// The label with a namespace's own name, by which selectors find it.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

/// Completes a new object.
pub(super) fn new_object(resource: &ApiResource, object: &mut Value) {
    match (resource.group, resource.plural) {
        ("", "namespaces") => {
            namespace_label(object);
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        ("", "services") => {
            service(object);
            object["status"] = json!({"loadBalancer": {}});
        }
        ("", "secrets") => secret(object),
        ("networking.k8s.io", "ingresses") => object["status"] = json!({"loadBalancer": {}}),
        ("discovery.k8s.io", "endpointslices") => endpoint_slice(object),
        ("", "pods") => {
            // Where pods are only described, their status may come with them.
            if absent(object.get("status")) {
                object["status"] = json!({});
            }
            default(&mut object["status"], "phase", json!("Pending"));
            kinds::defaults::pods::pod(object_at(object, "spec"));
            kinds::defaults::pods::amounts(object);
            let quality = kinds::defaults::pods::quality(&object["spec"]);
            default(&mut object["status"], "qosClass", json!(quality));
        }
        _ => stored_kind(resource, object),
    }
}

/// Completes a changed object with what the old one had.
pub(super) fn changed_object(resource: &ApiResource, old: &Value, object: &mut Value) {
    match (resource.group, resource.plural) {
        ("", "namespaces") => {
            namespace_label(object);
            object["spec"] = old["spec"].clone();
        }
        ("", "services") => {
            wipe_fields_of_old_type(old, object);
            service(object);
        }
        ("", "secrets") => secret(object),
        ("discovery.k8s.io", "endpointslices") => endpoint_slice(object),
        ("", "pods") => kinds::defaults::pods::pod(object_at(object, "spec")),
        _ => stored_kind(resource, object),
    }
}

/// Kinds that are only stored.
fn stored_kind(resource: &ApiResource, object: &mut Value) {
    if resource.typed.is_none() {
        drop_nulls(object);
        kinds::defaults::fill(resource, object);
    }
}

/// What the old type of a Service was given, and the new one has no use for, goes, unless the client changed it
/// (`dropTypeDependentFields`).
fn wipe_fields_of_old_type(old: &Value, object: &mut Value) {
    let (old, spec) = (&old["spec"], &mut object["spec"]);
    let unchanged = spec.get("externalTrafficPolicy") == old.get("externalTrafficPolicy");
    if is_external(old) && !is_external(spec) && unchanged {
        super::remove(spec, "externalTrafficPolicy");
    }
    let kind = spec["type"].as_str().unwrap_or_default();
    if kind.is_empty() || old["type"] == kind {
        return;
    }
    let useless = [
        ("healthCheckNodePort", kind != "LoadBalancer"),
        ("allocateLoadBalancerNodePorts", kind != "LoadBalancer"),
        ("loadBalancerClass", kind != "LoadBalancer"),
        ("internalTrafficPolicy", kind == "ExternalName"),
        ("clusterIP", kind == "ExternalName"),
        ("clusterIPs", kind == "ExternalName"),
    ];
    for (field, useless) in useless {
        if useless && spec.get(field) == old.get(field) {
            super::remove(spec, field);
        }
    }
}

/// Whether a Service is reached from outside (`ExternallyAccessible`).
fn is_external(spec: &Value) -> bool {
    match spec["type"].as_str() {
        Some("NodePort" | "LoadBalancer") => true,
        Some("ExternalName") => false,
        _ => spec["externalIPs"].as_array().is_some_and(|addresses| !addresses.is_empty()),
    }
}

fn namespace_label(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    let labels = &mut object["metadata"]["labels"];
    if !labels.is_object() {
        *labels = json!({});
    }
    labels[NAMESPACE_LABEL] = name;
}

/// `SetDefaults_Service`.
fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_null() {
        *spec = json!({});
    }
    if !spec.is_object() {
        return;
    }
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    if spec["sessionAffinity"] == "None" {
        super::remove(spec, "sessionAffinityConfig");
    }
    if spec["sessionAffinity"] == "ClientIP" && spec["sessionAffinityConfig"].is_null() {
        spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": 10_800}});
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if is_external(spec) {
        default(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for port in items_mut(spec, "ports").filter(|port| port.is_object()) {
        default(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        let target = &port["targetPort"];
        if !number.is_null() && (target.is_null() || *target == 0 || *target == "") {
            port["targetPort"] = number;
        }
    }
}

/// Conditions are never left out, and ports have a protocol and a name.
fn endpoint_slice(object: &mut Value) {
    for endpoint in object["endpoints"].as_array_mut().into_iter().flatten().filter(|endpoint| endpoint.is_object()) {
        default(endpoint, "conditions", json!({}));
    }
}

/// A type, and `stringData` folded into `data`.
fn secret(object: &mut Value) {
    default(object, "type", json!("Opaque"));
    // What is not a map of texts stays for the validator to refuse.
    let folded: Option<Vec<(String, String)>> = match object.get("stringData") {
        Some(Value::Object(texts)) => {
            texts.iter().map(|(name, text)| text.as_str().map(|text| (name.clone(), STANDARD.encode(text)))).collect()
        }
        _ => None,
    };
    let Some(folded) = folded else { return };
    super::remove(object, "stringData");
    let data = &mut object["data"];
    if data.is_null() {
        *data = json!({});
    }
    if let Value::Object(data) = data {
        data.extend(folded.into_iter().map(|(name, value)| (name, value.into())));
    }
}
