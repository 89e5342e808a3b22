//! The objects of an installation.

mod control_plane;
mod gateway;
mod rbac;

use crate::values::{Pod, Values};
use crate::{OWNER, kinds};
use meridian_resources::crd;
use serde_json::{Map, Value, json};

/// The objects of an installation with these values, in the order in which they are applied.
pub fn manifests(values: &Values) -> Vec<Value> {
    let mut all = vec![namespace(values)];
    if values.crds {
        all.extend(crd::kinds().filter_map(crd::document));
    }
    all.extend(rbac::objects(values));
    all.push(mesh_config(values));
    all.extend(control_plane::objects(values));
    all.extend(values.injector.enabled.then(|| webhook(values)));
    all.extend(values.gateways.iter().flat_map(|(name, gateway)| gateway::objects(values, name, gateway)));
    all.extend(values.gateway_class.as_deref().map(gateway_class));
    for object in &mut all {
        own(object, &values.namespace);
    }
    // Stable: what is of one kind stays in its order.
    all.sort_by_key(|object| kinds::of(object).map(|(place, _)| place));
    all
}

/// Who the control plane is, and what its objects are called: Istio's name, which scripts and dashboards know.
const ISTIOD: &str = "istiod";

fn namespace(values: &Values) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": values.namespace}})
}

/// What `istioctl` and the control plane itself read as the configuration of the mesh.
fn mesh_config(values: &Values) -> Value {
    let mesh = match values.mesh_config.as_object() {
        Some(fields) if !fields.is_empty() => meridian_resources::yaml::emit(&values.mesh_config),
        _ => "{}\n".to_owned(),
    };
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": values.namespace},
        "data": {"mesh": mesh},
    })
}

/// By which the API server has pods injected; the control plane adds the authority of its certificate.
fn webhook(values: &Values) -> Value {
    let settings = meridian_inject::Settings { namespace: values.namespace.clone(), ..Default::default() };
    meridian_inject::webhook::configuration(&settings, &meridian_inject::webhook::Options::default())
}

fn gateway_class(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {
            "controllerName": "meridian.dev/gateway-controller",
            "description": "Gateways of Meridian: a Deployment and a Service for each",
        },
    })
}

/// Marks an object as ours.
fn own(object: &mut Value, namespace: &str) {
    let labels = &mut object["metadata"]["labels"];
    if labels.is_null() {
        *labels = Value::Object(Map::new());
    }
    labels["app.kubernetes.io/part-of"] = "meridian".into();
    labels[OWNER] = namespace.into();
}

/// Puts what the values say of all pods into the template of a Deployment.
fn lay_over_pod(template: &mut Value, pod: &Pod) {
    let put = |object: &mut Value, name: &str, more: &std::collections::BTreeMap<String, String>| {
        for (key, value) in more {
            object[name][key] = value.as_str().into();
        }
    };
    put(&mut template["metadata"], "labels", &pod.pod_labels);
    put(&mut template["metadata"], "annotations", &pod.pod_annotations);
    let spec = &mut template["spec"];
    put(spec, "nodeSelector", &pod.node_selector);
    if !pod.tolerations.is_empty() {
        spec["tolerations"] = pod.tolerations.clone().into();
    }
    if let Some(affinity) = &pod.affinity {
        spec["affinity"] = affinity.clone();
    }
    let container = &mut spec["containers"][0];
    let mut env = container["env"].as_array().cloned().unwrap_or_default();
    env.extend(pod.env.iter().map(|(name, value)| json!({"name": name, "value": value})));
    if !env.is_empty() {
        container["env"] = env.into();
    }
}

fn pull_secrets(values: &Values) -> Vec<Value> {
    values.image_pull_secrets.iter().map(|name| json!({"name": name})).collect()
}

#[cfg(test)]
mod tests;
