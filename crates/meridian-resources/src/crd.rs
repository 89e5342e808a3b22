//! CustomResourceDefinitions (`apiextensions.k8s.io/v1`) made from our kinds, for clusters that do not have them.
//!
//! Only kinds of Istio and of Envoy Gateway get one. Kubernetes brings its own kinds, and Gateway API's CRDs are the
//! user's to install: their version is the cluster's, not a controller's.

use serde_json::{Map, Value, json};

use crate::kind::{Column, Kind, converted};

/// The API groups for which [`document`] makes CRDs.
const GROUPS: [&str; 4] =
    ["networking.istio.io", "security.istio.io", "telemetry.istio.io", crate::envoy_gateway::GROUP];

/// What is only a part of some schema formats to Kubernetes' API server and makes it warn.
const UNKNOWN_FORMATS: [&str; 5] = ["uint8", "uint16", "uint32", "uint64", "uint"];

/// The kinds for which [`document`] makes CRDs.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    crate::all().iter().copied().filter(|kind| GROUPS.contains(&kind.group))
}

/// The CRD of a kind, with all versions that Meridian serves; `None` for kinds that Kubernetes or the user brings.
pub fn document(kind: &'static Kind) -> Option<Value> {
    if !GROUPS.contains(&kind.group) {
        return None;
    }
    let mut names = json!({
        "kind": kind.kind,
        "listKind": kind.list_kind,
        "plural": kind.plural,
        "singular": kind.singular,
    });
    for (field, list) in [("shortNames", kind.short_names), ("categories", kind.categories)] {
        if !list.is_empty() {
            names[field] = list.into();
        }
    }
    let versions: Vec<Value> = kind.versions.iter().map(|name| version(kind, name)).collect();
    Some(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{}", kind.plural, kind.group) },
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "versions": versions,
        },
    }))
}

/// One version; the preferred one is stored.
fn version(kind: &'static Kind, name: &str) -> Value {
    let mut schema = converted::schema(kind, name).clone();
    // Of metadata, a CRD may only say that it is there.
    schema["properties"]["metadata"] = json!({ "type": "object" });
    tidy(&mut schema);
    let mut version = json!({
        "name": name,
        "served": true,
        "storage": name == kind.versions[0],
        "schema": { "openAPIV3Schema": schema },
        "additionalPrinterColumns": columns(kind),
    });
    if kind.status_subresource {
        version["subresources"] = json!({ "status": {} });
    }
    if let Some(warning) = converted::deprecation(kind, name) {
        version["deprecated"] = true.into();
        version["deprecationWarning"] = warning.into();
    }
    version
}

/// The columns in the order of `kubectl get`, AGE among them.
fn columns(kind: &Kind) -> Vec<Value> {
    let age = json!({
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
        "description": "How long ago the object was created.",
    });
    let (before, after): (Vec<_>, Vec<_>) = kind.columns.iter().partition(|column| !column.after_age && !column.wide);
    let shown = |columns: Vec<&Column>| columns.into_iter().filter_map(column).collect::<Vec<_>>();
    shown(before).into_iter().chain([age]).chain(shown(after)).collect()
}

/// A column; `None` when its cells are computed, which a CRD cannot say.
fn column(column: &Column) -> Option<Value> {
    let mut shown = json!({
        "name": column.name,
        "type": column.type_,
        "jsonPath": column.json_path?,
        "description": column.description,
    });
    if column.wide {
        shown["priority"] = 1.into();
    }
    Some(shown)
}

/// Removes what Kubernetes does not know, all the way down.
fn tidy(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    if node.get("format").and_then(Value::as_str).is_some_and(|format| UNKNOWN_FORMATS.contains(&format)) {
        node.remove("format");
    }
    if let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tidy);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(keyword).filter(|child| Value::is_object(child)) {
            tidy(child);
        }
    }
    list_keys_required(node);
}

/// The keys of a list's items are required, or have defaults, in a CRD.
fn list_keys_required(node: &mut Map<String, Value>) {
    let Some(Value::Array(keys)) = node.get("x-kubernetes-list-map-keys").cloned() else { return };
    let Some(items) = node.get_mut("items").and_then(Value::as_object_mut) else { return };
    let defaulted = |key: &Value, items: &Map<String, Value>| {
        let property = items.get("properties").zip(key.as_str()).and_then(|(fields, key)| fields.get(key));
        property.is_some_and(|property| property.get("default").is_some())
    };
    let missing: Vec<Value> = keys.into_iter().filter(|key| !defaulted(key, items)).collect();
    let required = items.entry("required").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(required) = required {
        for key in missing {
            if !required.contains(&key) {
                required.push(key);
            }
        }
    }
}
