//! Discovery: which resources are served, in the two forms that clients ask for.
//!
//! The older form has one document per group and version (`APIResourceList`); the newer one has all of them
//! (`APIGroupDiscoveryList`). Both are derived from the registry.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::resource::{self, ApiResource};
use crate::reviews::{self, Review};

/// What can be done with stored objects.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// The same in the order in which Kubernetes names them for custom resources.
const CUSTOM_VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
/// What can be done with their status.
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// A subresource that holds a kind of its own: its name, group, version and kind, and what can be done with it.
type Part = (&'static str, (&'static str, &'static str, &'static str), &'static [&'static str]);

/// The subresources of a resource, beside its status.
fn parts(resource: &ApiResource) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    if resource.is_service_accounts() {
        parts.push(("token", ("authentication.k8s.io", "v1", "TokenRequest"), &["create"]));
    }
    if resource.is_namespaces() {
        parts.push(("finalize", ("", "v1", "Namespace"), &["update"]));
    }
    if resource.group.is_empty() && resource.plural == "pods" {
        parts.push(("eviction", ("policy", "v1", "Eviction"), &["create"]));
    }
    if resource.scale {
        parts.push(("scale", ("autoscaling", "v1", "Scale"), &STATUS_VERBS));
    }
    parts
}

/// `APIVersions` of the core group, for a client that reached the server at `host`.
pub(crate) fn core_versions(host: &str) -> Value {
    let everywhere = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]);
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": everywhere})
}

/// `APIGroupList`: every group but core.
pub(crate) fn group_list() -> Value {
    let groups: Vec<Value> = named_groups().iter().map(|(group, versions)| group_value(group, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `APIGroup`.
pub(crate) fn group(name: &str) -> Option<Value> {
    let groups = named_groups();
    let (group, versions) = groups.iter().find(|(group, _)| *group == name)?;
    let mut value = group_value(group, versions);
    value["kind"] = "APIGroup".into();
    value["apiVersion"] = "v1".into();
    Some(value)
}

/// Every group but core, with its versions.
fn named_groups() -> Vec<(&'static str, Vec<&'static str>)> {
    resource::groups().into_iter().filter(|(group, _)| !group.is_empty()).collect()
}

fn group_value(group: &str, versions: &[&str]) -> Value {
    let version = |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({
        "name": group,
        "versions": versions.iter().map(|v| version(v)).collect::<Vec<Value>>(),
        "preferredVersion": version(versions.first().copied().unwrap_or_default()),
    })
}

/// `APIResourceList` of a group and version.
pub(crate) fn resource_list(group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for resource in resource::of_version(group, version) {
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": verbs(resource),
        });
        names(resource, &mut entry);
        entry["storageVersionHash"] = storage_version_hash(resource).into();
        resources.push(entry);
        for (part, (group, version, kind), verbs) in parts(resource) {
            resources.push(json!({
                "name": format!("{}/{part}", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "group": group,
                "version": version,
                "kind": kind,
                "verbs": verbs,
            }));
        }
        if resource.status_subresource {
            resources.push(json!({
                "name": format!("{}/status", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": STATUS_VERBS,
            }));
        }
    }
    for Review { resource, .. } in reviews::of_version(group, version) {
        resources.push(json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": ["create"],
        }));
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

/// `APIGroupDiscoveryList` of the core group alone, or of all others.
pub(crate) fn aggregated(core: bool) -> Value {
    let groups = if core { vec![("", vec!["v1"])] } else { named_groups() };
    let items: Vec<Value> = groups.iter().map(|(group, versions)| aggregated_group(group, versions)).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_group(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| {
            let stored = resource::of_version(group, version).map(|resource| aggregated_resource(resource, version));
            let reviews = reviews::of_version(group, version).map(|Review { resource, .. }| {
                json!({
                    "resource": resource.plural,
                    "responseKind": {"group": group, "version": version, "kind": resource.kind},
                    "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
                    "singularResource": resource.singular,
                    "verbs": ["create"],
                })
            });
            let resources: Vec<Value> = stored.chain(reviews).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let mut metadata = Map::new();
    if !group.is_empty() {
        metadata.insert("name".to_owned(), group.into());
    }
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(resource: &ApiResource, version: &str) -> Value {
    let kind = json!({"group": resource.group, "version": version, "kind": resource.kind});
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    names(resource, &mut entry);
    let mut subresources: Vec<Value> = parts(resource)
        .into_iter()
        .map(|(part, (group, version, kind), verbs)| {
            let kind = json!({"group": group, "version": version, "kind": kind});
            json!({"subresource": part, "responseKind": kind, "verbs": verbs})
        })
        .collect();
    if resource.status_subresource {
        subresources.push(json!({"subresource": "status", "responseKind": kind, "verbs": STATUS_VERBS}));
    }
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}

/// By which clients see that objects are stored in another version than before.
fn storage_version_hash(resource: &ApiResource) -> String {
    let stored = format!("{}/{}/{}", resource.group, resource.versions[0], resource.kind);
    STANDARD.encode(&meridian_tls::sha256(stored.as_bytes())[..8])
}

fn verbs(resource: &ApiResource) -> [&'static str; 8] {
    if resource.built_in() { VERBS } else { CUSTOM_VERBS }
}

/// The names that clients accept beside the plural.
fn names(resource: &ApiResource, entry: &mut Value) {
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.into();
    }
}
