//! The form of an Ingress in `networking.k8s.io/v1beta1`, which Kubernetes served until 1.21: a backend is
//! `serviceName` and `servicePort`, the default one is `spec.backend`, and a path needs no type.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{IngressStatus, IngressTls, KIND, PathType, TypedLocalObjectReference};
use crate::int_or_string::IntOrString;
use crate::kind::converted::ConvertedVersion;
use crate::schema;

/// The version and its conversion to and from `v1`, as the Kubernetes API server converts.
pub(crate) static VERSION: ConvertedVersion = ConvertedVersion {
    version: "v1beta1",
    schema: published,
    compiled,
    to_preferred: to_v1,
    from_preferred: from_v1,
    path: path_of_v1,
    deprecation: "networking.k8s.io/v1beta1 Ingress is deprecated in v1.19+, unavailable in v1.22+; use \
                  networking.k8s.io/v1 Ingress",
};

schema::forms!(schema::of_types::<Ingress, IngressStatus>(&KIND, false));

/// Ingress exposes Services to clients outside, by the host and path of their HTTP requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingress {
    /// Where requests go that no rule takes. Istio ignores it.
    pub backend: Option<IngressBackend>,
    /// The IngressClass, which names the controller that serves this Ingress.
    pub ingress_class_name: Option<String>,
    /// Rules by host.
    pub rules: Vec<IngressRule>,
    /// Certificates by host.
    pub tls: Vec<IngressTls>,
}

/// The paths of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// The host: a DNS name, also with `*` as its first label; empty for all hosts.
    pub host: String,
    /// The paths.
    pub http: Option<HttpIngressRuleValue>,
}

/// Paths and where their requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpIngressRuleValue {
    /// The paths.
    pub paths: Vec<HttpIngressPath>,
}

/// One path and where its requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["backend"]))]
pub struct HttpIngressPath {
    /// Where the requests go.
    pub backend: IngressBackend,
    /// The path.
    pub path: String,
    /// How the path is compared; `ImplementationSpecific` when absent.
    pub path_type: Option<PathType>,
}

/// Where requests go: a Service or another object, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressBackend {
    /// Another object of the Ingress's namespace.
    pub resource: Option<TypedLocalObjectReference>,
    /// A Service of the Ingress's namespace.
    pub service_name: String,
    /// The Service's port, by number or by name.
    pub service_port: Option<IntOrString>,
}

/// Rewrites an object of `v1beta1` to `v1`. What has the wrong type stays as it is.
fn to_v1(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(mut backend) = spec.remove("backend") {
        backend_to_v1(&mut backend);
        spec.insert("defaultBackend".to_owned(), backend);
    }
    for path in paths(spec) {
        if path.get("pathType").is_none_or(Value::is_null) {
            path.insert("pathType".to_owned(), "ImplementationSpecific".into());
        }
        path.get_mut("backend").into_iter().for_each(backend_to_v1);
    }
}

/// Rewrites an object of `v1` to `v1beta1`.
fn from_v1(object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(mut backend) = spec.remove("defaultBackend") {
        backend_from_v1(&mut backend);
        spec.insert("backend".to_owned(), backend);
    }
    for path in paths(spec) {
        path.get_mut("backend").into_iter().for_each(backend_from_v1);
    }
}

/// Every path of every rule.
fn paths(spec: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let rules = spec.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten();
    let paths = rules.filter_map(|rule| rule.pointer_mut("/http/paths")?.as_array_mut()).flatten();
    paths.filter_map(Value::as_object_mut)
}

fn backend_to_v1(backend: &mut Value) {
    let Some(fields) = backend.as_object_mut() else { return };
    let (name, port) = (fields.remove("serviceName"), fields.remove("servicePort"));
    if name.is_none() && port.is_none() {
        return;
    }
    let port = match port {
        Some(Value::String(name)) => json!({ "name": name }),
        Some(number @ Value::Number(_)) => json!({ "number": number }),
        _ => json!({}),
    };
    fields.insert("service".to_owned(), json!({ "name": name.unwrap_or_default(), "port": port }));
}

fn backend_from_v1(backend: &mut Value) {
    let Some(fields) = backend.as_object_mut() else { return };
    let Some(mut service) = fields.remove("service") else { return };
    fields.insert("serviceName".to_owned(), service["name"].take());
    let port = &mut service["port"];
    let port = [port["name"].take(), port["number"].take()].into_iter().find(|port| !port.is_null());
    if let Some(port) = port {
        fields.insert("servicePort".to_owned(), port);
    }
}

/// The place in an object of `v1beta1` of what `path` names in its `v1` form.
fn path_of_v1(path: &str) -> String {
    let mut path = path.replacen("spec.defaultBackend", "spec.backend", 1);
    for (new, old) in [
        (".service.port.number", ".servicePort"),
        (".service.port.name", ".servicePort"),
        (".service.port", ".servicePort"),
        (".service.name", ".serviceName"),
    ] {
        if let Some(start) = path.strip_suffix(new) {
            path = format!("{start}{old}");
        }
    }
    path
}

#[cfg(test)]
mod tests;
