//! What the Kubernetes API fills in objects of its own kinds when they are stored.

use serde_json::{Map, Value, json};

use crate::base64;

/// The object at a field, put there when absent; `None` when something else is there.
fn object<'v>(value: &'v mut Value, field: &str) -> Option<&'v mut Map<String, Value>> {
    let slot = value.as_object_mut()?.entry(field).or_insert(Value::Null);
    if slot.is_null() {
        *slot = json!({});
    }
    slot.as_object_mut()
}

/// Puts a value at a field that is absent, `null`, or an empty text.
fn fill(fields: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    let slot = fields.entry(field).or_insert(Value::Null);
    if slot.is_null() || slot == "" {
        *slot = value.into();
    }
}

fn items<'v>(value: &'v mut Value, field: &str) -> impl Iterator<Item = &'v mut Map<String, Value>> {
    let list = value.get_mut(field).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

pub(crate) fn namespace(namespace: &mut Value) {
    let name = namespace.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(labels) = namespace.get_mut("metadata").and_then(|metadata| object(metadata, "labels")) {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
    if let Some(spec) = object(namespace, "spec") {
        fill(spec, "finalizers", json!(["kubernetes"]));
    }
    if let Some(status) = object(namespace, "status") {
        fill(status, "phase", "Active");
    }
}

/// Writes `stringData` over `data`, in base64.
pub(crate) fn secret(secret: &mut Value) {
    let Some(fields) = secret.as_object_mut() else { return };
    fill(fields, "type", "Opaque");
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let Some(data) = object(secret, "data") else { return };
    for (key, text) in texts {
        let encoded = base64::encode(text.as_str().unwrap_or_default().as_bytes());
        data.insert(key, encoded.into());
    }
}

pub(crate) fn service(service: &mut Value) {
    let Some(spec) = object(service, "spec") else { return };
    fill(spec, "type", "ClusterIP");
    fill(spec, "sessionAffinity", "None");
    let type_ = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if type_ != "ExternalName" {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if matches!(type_.as_str(), "NodePort" | "LoadBalancer") {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
    if type_ == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    let Some(spec) = service.get_mut("spec") else { return };
    for port in items(spec, "ports") {
        fill(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_default();
        let target = port.entry("targetPort").or_insert(Value::Null);
        if target.is_null() || target == "" || *target == 0 {
            *target = number;
        }
    }
    if let Some(status) = object(service, "status") {
        fill(status, "loadBalancer", json!({}));
    }
}

pub(crate) fn endpoints(endpoints: &mut Value) {
    let subsets = endpoints.get_mut("subsets").and_then(Value::as_array_mut);
    for subset in subsets.into_iter().flatten() {
        for port in items(subset, "ports") {
            fill(port, "protocol", "TCP");
        }
    }
}

pub(crate) fn endpoint_slice(slice: &mut Value) {
    for port in items(slice, "ports") {
        fill(port, "protocol", "TCP");
        fill(port, "name", "");
    }
}
