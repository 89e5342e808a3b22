//! What Kubernetes requires of its own kinds beyond their structure, in its words.

use std::collections::BTreeSet;

use meridian_resources::{FieldError, NameRule};
use serde_json::{Value, json};

use crate::authz;
use crate::resource::ApiResource;
use crate::values::text;

/// The mistakes of an object that agrees with its structure.
pub(crate) fn check(resource: &ApiResource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &object["spec"];
    match (resource.group, resource.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => controller(resource, spec, &mut errors),
        ("", "ReplicationController") => {
            not_negative(spec, "replicas", &mut errors);
            template("spec.template", &spec["template"], &["Always"], &mut errors);
        }
        ("", "PodTemplate") => template("template", &object["template"], &[], &mut errors),
        ("batch", "Job") => job("spec", spec, &mut errors),
        ("batch", "CronJob") => cron_job(spec, &mut errors),
        ("autoscaling", _) => autoscaler(spec, &mut errors),
        ("policy", "PodDisruptionBudget") if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() => {
            errors.push(FieldError::invalid_value("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
        }
        (authz::GROUP, kind) => access(kind, object, &mut errors),
        ("apiextensions.k8s.io", _) => definition(object, &mut errors),
        ("", "PersistentVolumeClaim") => {
            if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
                errors.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
            }
            if spec["resources"]["requests"]["storage"].is_null() {
                errors.push(FieldError::required("spec.resources[storage]", ""));
            }
        }
        _ => {}
    }
    errors
}

fn controller(resource: &ApiResource, spec: &Value, errors: &mut Vec<FieldError>) {
    not_negative(spec, "replicas", errors);
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    } else if is_empty(&selector["matchLabels"]) && is_empty(&selector["matchExpressions"]) {
        let detail = format!("empty selector is invalid for {}", resource.singular);
        errors.push(FieldError::invalid_value("spec.selector", selector, detail));
    } else if !selects(selector, labels) {
        let shown = if labels.is_null() { &json!({}) } else { labels };
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid_value("spec.template.metadata.labels", shown, detail));
    }
    template("spec.template", &spec["template"], &["Always"], errors);
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// Whether a selector takes labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let mut pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let mut requirements = selector["matchExpressions"].as_array().into_iter().flatten();
    pairs.all(|(key, value)| label(key) == value.as_str())
        && requirements.all(|requirement| {
            let found = label(requirement["key"].as_str().unwrap_or_default());
            let listed = || requirement["values"].as_array().is_some_and(|all| all.iter().any(|v| v.as_str() == found));
            match requirement["operator"].as_str().unwrap_or_default() {
                "In" => found.is_some() && listed(),
                "NotIn" => found.is_none() || !listed(),
                "Exists" => found.is_some(),
                _ => found.is_none(),
            }
        })
}

fn not_negative(spec: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let found = &spec[field];
    if found.as_i64().is_some_and(|number| number < 0) {
        errors.push(FieldError::invalid_value(format!("spec.{field}"), found, "must be greater than or equal to 0"));
    }
}

/// The template of a controller whose pods may have these restart policies; any when none is named.
fn template(path: &str, template: &Value, policies: &[&str], errors: &mut Vec<FieldError>) {
    let spec = &template["spec"];
    let policy = &spec["restartPolicy"];
    if !policies.is_empty() && !policies.iter().any(|allowed| policy == allowed) {
        let path = format!("{path}.spec.restartPolicy");
        errors.push(match policies {
            ["Always"] => FieldError::not_supported(path, policy, policies),
            _ => FieldError::required(path, "valid values: \"OnFailure\", \"Never\""),
        });
    }
    pod(&format!("{path}.spec"), spec, errors);
}

/// The specification of a pod.
pub(crate) fn pod(path: &str, spec: &Value, errors: &mut Vec<FieldError>) {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let volumes: BTreeSet<&str> =
        spec["volumes"].as_array().into_iter().flatten().filter_map(|volume| volume["name"].as_str()).collect();
    let mut names = BTreeSet::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            match container["name"].as_str().unwrap_or_default() {
                "" => errors.push(FieldError::required(format!("{path}.name"), "")),
                name if !names.insert(name) => {
                    errors.push(FieldError::duplicate(format!("{path}.name"), &container["name"], ""));
                }
                _ => {}
            }
            if container["image"].as_str().unwrap_or_default().is_empty() {
                errors.push(FieldError::required(format!("{path}.image"), ""));
            }
            for (index, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
                let name = mount["name"].as_str().unwrap_or_default();
                if !volumes.contains(name) {
                    let path = format!("{path}.volumeMounts[{index}].name");
                    errors.push(FieldError::not_found(path, &mount["name"]));
                }
            }
        }
    }
}

fn job(path: &str, spec: &Value, errors: &mut Vec<FieldError>) {
    template(&format!("{path}.template"), &spec["template"], &["OnFailure", "Never"], errors);
}

fn cron_job(spec: &Value, errors: &mut Vec<FieldError>) {
    let schedule = &spec["schedule"];
    let text = schedule.as_str().unwrap_or_default();
    let fields: Vec<&str> = text.split_whitespace().collect();
    if text.is_empty() {
        errors.push(FieldError::required("spec.schedule", ""));
    } else if fields.len() != 5 && !text.starts_with('@') {
        let detail = format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" "));
        errors.push(FieldError::invalid_value("spec.schedule", schedule, detail));
    }
    job("spec.jobTemplate.spec", &spec["jobTemplate"]["spec"], errors);
}

fn autoscaler(spec: &Value, errors: &mut Vec<FieldError>) {
    let (least, most) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if least < 1 {
        let detail = "must be greater than or equal to 1";
        errors.push(FieldError::invalid_value("spec.minReplicas", &spec["minReplicas"], detail));
    }
    if most < 1 {
        errors.push(FieldError::invalid_value("spec.maxReplicas", &json!(most), "must be greater than 0"));
    } else if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid_value("spec.maxReplicas", &json!(most), detail));
    }
    for field in ["kind", "name"] {
        if spec["scaleTargetRef"][field].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
}

fn access(kind: &str, object: &Value, errors: &mut Vec<FieldError>) {
    for (index, rule) in object["rules"].as_array().into_iter().flatten().enumerate() {
        let path = format!("rules[{index}]");
        if is_empty(&rule["verbs"]) {
            errors.push(FieldError::required(format!("{path}.verbs"), "verbs must contain at least one value"));
        }
        if !is_empty(&rule["nonResourceURLs"]) {
            if kind == "Role" {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                errors.push(FieldError::invalid_value(
                    format!("{path}.nonResourceURLs"),
                    &rule["nonResourceURLs"],
                    detail,
                ));
            }
            continue;
        }
        for (field, what) in [("apiGroups", "api group"), ("resources", "resource")] {
            if is_empty(&rule[field]) {
                let detail = format!("resource rules must supply at least one {what}");
                errors.push(FieldError::required(format!("{path}.{field}"), detail));
            }
        }
    }
    if kind.ends_with("Binding") {
        binding(kind, object, errors);
    }
}

fn binding(kind: &str, object: &Value, errors: &mut Vec<FieldError>) {
    let role = &object["roleRef"];
    if text(&role["apiGroup"]) != authz::GROUP {
        errors.push(FieldError::not_supported("roleRef.apiGroup", &text(&role["apiGroup"]).into(), &[authz::GROUP]));
    }
    let allowed: &[&str] = if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !allowed.contains(&text(&role["kind"])) {
        errors.push(FieldError::not_supported("roleRef.kind", &text(&role["kind"]).into(), allowed));
    }
    match text(&role["name"]) {
        "" => errors.push(FieldError::required("roleRef.name", "")),
        name => check_name(NameRule::PathSegment, "roleRef.name", name, errors),
    }
    for (index, subject) in object["subjects"].as_array().into_iter().flatten().enumerate() {
        let path = |field: &str| format!("subjects[{index}].{field}");
        let (name, group) = (text(&subject["name"]), text(&subject["apiGroup"]));
        if name.is_empty() {
            errors.push(FieldError::required(path("name"), ""));
        }
        let mut check_group = |allowed: &str| {
            if group != allowed {
                errors.push(FieldError::not_supported(path("apiGroup"), &group.into(), &[allowed]));
            }
        };
        match text(&subject["kind"]) {
            "ServiceAccount" => {
                check_group("");
                if !name.is_empty() {
                    check_name(NameRule::Subdomain, &path("name"), name, errors);
                }
                // Without one, a RoleBinding means its own.
                if kind == "ClusterRoleBinding" && text(&subject["namespace"]).is_empty() {
                    errors.push(FieldError::required(path("namespace"), ""));
                }
            }
            "User" | "Group" => check_group(authz::GROUP),
            other => {
                let allowed = ["ServiceAccount", "User", "Group"];
                errors.push(FieldError::not_supported(path("kind"), &other.into(), &allowed));
            }
        }
    }
}

fn check_name(rule: NameRule, path: &str, name: &str, errors: &mut Vec<FieldError>) {
    if let Err(detail) = rule.check(name) {
        errors.push(FieldError::invalid_value(path, &name.into(), detail));
    }
}

fn definition(object: &Value, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let expected = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    let name = &object["metadata"]["name"];
    if *name != expected.as_str() {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid_value("metadata.name", name, detail));
    }
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid_value("spec.versions", &spec["versions"], detail));
    }
}

/// Compares what may not differ.
pub(crate) fn check_change(resource: &ApiResource, old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut frozen = |path: &str, detail: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        let (before, after) = (old.pointer(&pointer), new.pointer(&pointer));
        if before != after {
            errors.push(FieldError::invalid_value(path, after.unwrap_or(&Value::Null), detail));
        }
    };
    const IMMUTABLE: &str = "field is immutable";
    match (resource.group, resource.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => frozen("spec.selector", IMMUTABLE),
        ("batch", "Job") => {
            frozen("spec.completions", IMMUTABLE);
            frozen("spec.selector", IMMUTABLE);
            frozen("spec.template", IMMUTABLE);
            frozen("spec.completionMode", IMMUTABLE);
        }
        (authz::GROUP, "RoleBinding" | "ClusterRoleBinding") if old["roleRef"] != new["roleRef"] => {
            // With the names that the fields have in Go.
            let field = |field: &str| &new["roleRef"][field];
            let shown = json!({"APIGroup": field("apiGroup"), "Kind": field("kind"), "Name": field("name")});
            errors.push(FieldError::invalid_value("roleRef", &shown, "cannot change roleRef"));
        }
        ("apps", "ControllerRevision") => frozen("data", IMMUTABLE),
        ("apps", "StatefulSet") => stateful_set(&old["spec"], &new["spec"], &mut errors),
        ("scheduling.k8s.io", _) if old["value"] != new["value"] => {
            errors.push(FieldError::forbidden("value", "may not be changed in an update."));
        }
        ("storage.k8s.io", "StorageClass") => {
            for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
                if old[field] != new[field] {
                    errors.push(FieldError::forbidden(field, format!("updates to {field} are forbidden.")));
                }
            }
        }
        _ => {}
    }
    errors
}

fn stateful_set(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    const CHANGEABLE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let rest = |spec: &Value| {
        let mut spec = spec.clone();
        if let Value::Object(fields) = &mut spec {
            fields.retain(|field, _| !CHANGEABLE.contains(&field.as_str()));
        }
        spec
    };
    if rest(old) != rest(new) {
        let (last, others) = CHANGEABLE.split_last().expect("there are seven");
        let others: Vec<String> = others.iter().map(|field| format!("'{field}'")).collect();
        let detail = format!(
            "updates to statefulset spec for fields other than {} and '{last}' are forbidden",
            others.join(", ")
        );
        errors.push(FieldError::forbidden("spec", detail));
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_change, selects};
    use crate::resource;
    use serde_json::json;

    #[test]
    fn a_selector_agrees_with_its_template() {
        let labels = json!({"app": "web", "tier": "front"});
        let cases = [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}), false),
            (json!({"matchExpressions": [{"key": "x", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}), true),
        ];
        for (selector, expected) in cases {
            assert_eq!(selects(&selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn mistakes_have_kubernetes_words() {
        let deployments = resource::by_plural("apps", "deployments").expect("deployments are stored");
        let found = |object: &serde_json::Value| {
            check(deployments, object).iter().map(ToString::to_string).collect::<Vec<String>>()
        };
        let mut object = json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "c"}}, "spec": {"restartPolicy": "Always", "containers": []},
        }}});
        let expected = [
            "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value",
        ];
        assert_eq!(found(&object), expected);
        let old = object.clone();
        object["spec"]["selector"]["matchLabels"]["a"] = "c".into();
        object["spec"]["template"]["spec"]["containers"] = json!([{"name": "a", "image": "b"}]);
        assert_eq!(found(&object), [""; 0]);
        let changed = check_change(deployments, &old, &object);
        assert_eq!(changed[0].path, "spec.selector");
    }
}
