//! Pods and pod templates.

use serde_json::{Map, Value, json};

use super::quantity;
use crate::values::{absent, default, items_mut, object_at};

/// Completes the template of pods.
pub(crate) fn template(template: &mut Value) {
    spec(object_at(template, "spec"));
}

/// Completes a Pod.
pub(crate) fn pod(spec_of_pod: &mut Value) {
    spec(spec_of_pod);
    default(spec_of_pod, "enableServiceLinks", json!(true));
    if absent(spec_of_pod.get("priorityClassName")) {
        default(spec_of_pod, "priority", json!(0));
        default(spec_of_pod, "preemptionPolicy", json!("PreemptLowerPriority"));
    }
    bear_failures_of_nodes(spec_of_pod);
}

/// Pods stay for five minutes on a node that is not ready or cannot be reached, unless they say otherwise.
fn bear_failures_of_nodes(spec: &mut Value) {
    default(spec, "tolerations", json!([]));
    let Some(Value::Array(tolerations)) = spec.get_mut("tolerations") else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let bears = |toleration: &Value| {
            let is = |field: &str, wanted: &str| absent(toleration.get(field)) || toleration[field] == wanted;
            is("key", key) && is("effect", "NoExecute")
        };
        if !tolerations.iter().any(bears) {
            let seconds = 300;
            let effect = "NoExecute";
            tolerations.push(json!({"effect": effect, "key": key, "operator": "Exists", "tolerationSeconds": seconds}));
        }
    }
}

/// The class of a Pod by what its containers ask for: `Guaranteed` when each has limits of processor and memory and
/// asks for no less, `BestEffort` when none says anything.
pub(crate) fn quality(spec: &Value) -> &'static str {
    let containers = || ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array()).flatten();
    let says = |container: &Value, kind: &str| {
        ["cpu", "memory"].map(|name| container["resources"][kind][name].as_str().map(str::to_owned))
    };
    let nothing = [None, None];
    if containers().all(|one| says(one, "limits") == nothing && says(one, "requests") == nothing) {
        return "BestEffort";
    }
    let guaranteed = |one: &Value| {
        let limits = says(one, "limits");
        limits.iter().all(Option::is_some) && limits == says(one, "requests")
    };
    if containers().all(guaranteed) { "Guaranteed" } else { "Burstable" }
}

fn spec(spec: &mut Value) {
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    mirror(spec, "serviceAccountName", "serviceAccount");
    for list in ["containers", "initContainers"] {
        for one in items_mut(spec, list) {
            container(one);
        }
    }
    for one in items_mut(spec, "volumes") {
        volume(one);
    }
}

/// The newer and the older name of a field say the same.
fn mirror(spec: &mut Value, newer: &str, older: &str) {
    if !absent(spec.get(newer)) {
        spec[older] = spec[newer].clone();
    } else if !absent(spec.get(older)) {
        spec[newer] = spec[older].clone();
    }
}

fn container(container: &mut Value) {
    if !container.is_object() {
        return;
    }
    let latest = is_latest(container["image"].as_str().unwrap_or_default());
    default(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    default(container, "resources", json!({}));
    requests_from_limits(&mut container["resources"]);
    for port in items_mut(container, "ports") {
        default(port, "protocol", json!("TCP"));
    }
    for variable in items_mut(container, "env") {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            default(field, "apiVersion", json!("v1"));
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = container.get_mut(name).filter(|probe| probe.is_object()) {
            probe(found);
        }
    }
    for hook in ["/lifecycle/postStart/httpGet", "/lifecycle/preStop/httpGet"] {
        if let Some(action) = container.pointer_mut(hook) {
            http_get(action);
        }
    }
}

/// Whether an image is asked for by the tag `latest`, or by none.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn requests_from_limits(resources: &mut Value) {
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    let requests = object_at(resources, "requests");
    for (name, amount) in limits {
        default(requests, &name, amount);
    }
}

fn probe(probe: &mut Value) {
    default(probe, "timeoutSeconds", json!(1));
    default(probe, "periodSeconds", json!(10));
    default(probe, "successThreshold", json!(1));
    default(probe, "failureThreshold", json!(3));
    if let Some(action) = probe.get_mut("httpGet") {
        http_get(action);
    }
    if let Some(Value::Object(grpc)) = probe.get_mut("grpc") {
        grpc.entry("service").or_insert("".into());
    }
}

fn http_get(action: &mut Value) {
    default(action, "path", json!("/"));
    default(action, "scheme", json!("HTTP"));
}

fn volume(volume: &mut Value) {
    const MODE: i32 = 0o644;
    let Value::Object(fields) = volume else { return };
    if fields.len() == 1 && fields.contains_key("name") {
        fields.insert("emptyDir".to_owned(), json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = fields.get_mut(source) {
            default(source, "defaultMode", json!(MODE));
        }
    }
    if let Some(Value::Object(path)) = fields.get_mut("hostPath") {
        path.entry("type").or_insert("".into());
    }
    let sources = fields.get_mut("projected").and_then(|projected| projected.get_mut("sources"));
    for source in sources.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(token) = source.get_mut("serviceAccountToken") {
            default(token, "expirationSeconds", json!(3600));
        }
    }
}

/// Amounts (`resource.Quantity`) are texts, also where a client wrote a number.
pub(crate) fn amounts(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::Object(inner) if is_amounts(name, inner) => {
                        inner.values_mut().for_each(amount);
                    }
                    other => amounts(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(amounts),
        _ => {}
    }
}

/// Where amounts stand by the names of resources.
fn is_amounts(field: &str, values: &Map<String, Value>) -> bool {
    let known = ["limits", "requests", "hard", "capacity", "default", "defaultRequest", "max", "min"];
    known.contains(&field)
        && values.iter().all(|(name, value)| {
            let resource = ["cpu", "memory", "storage", "ephemeral-storage", "pods", "services"]
                .contains(&name.as_str())
                || name.contains(['.', '/']);
            resource && (value.is_number() || value.is_string())
        })
}

/// `0.5` is `500m`, and `1024Mi` is `1Gi`, as Kubernetes writes them.
fn amount(value: &mut Value) {
    let canonical = match &*value {
        Value::Number(number) => quantity::canonical(&number.to_string()),
        Value::String(text) => quantity::canonical(text),
        _ => None,
    };
    if let Some(canonical) = canonical {
        *value = canonical.into();
    }
}

#[cfg(test)]
mod tests {
    use super::{amounts, is_latest};
    use serde_json::json;

    #[test]
    fn images_without_a_tag_are_the_latest() {
        let cases = [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.27", false),
            ("registry:5000/nginx", true),
            ("registry:5000/nginx:1", false),
            ("nginx@sha256:00", false),
        ];
        for (image, expected) in cases {
            assert_eq!(is_latest(image), expected, "{image}");
        }
    }

    #[test]
    fn amounts_are_texts() {
        let mut object = json!({"resources": {"limits": {"cpu": 0.5, "memory": 1024}}, "hard": {"pods": 4}, "max": 3});
        amounts(&mut object);
        let expected =
            json!({"resources": {"limits": {"cpu": "500m", "memory": "1024"}}, "hard": {"pods": "4"}, "max": 3});
        assert_eq!(object, expected);
    }
}
