//! An object of any kind, as the tree that it is.
//!
//! `DynamicObject` of the `kube` crate reads metadata into its type and the rest into a tree; both would have to be put
//! together again for every object that is followed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ApiResource;
use kube::core::{DynamicResourceScope, Resource};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;

/// The annotation in which `kubectl apply` keeps what was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object, without what only servers and `kubectl` look at.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Of the metadata only what a watcher asks for: name, namespace and `resourceVersion`.
    metadata: ObjectMeta,
    value: Value,
}

impl Tree {
    /// The object.
    pub(crate) fn new(mut value: Value) -> Self {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
        }
        let text = |field: &str| value["metadata"][field].as_str().map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Self { metadata, value }
    }

    /// Its namespace, empty for kinds without, and its name.
    pub(crate) fn name(&self) -> (String, String) {
        (self.metadata.namespace.clone().unwrap_or_default(), self.metadata.name.clone().unwrap_or_default())
    }

    /// The object as a tree. Items of lists do not say what they are: `api_version` and `kind` say it for them, unless
    /// they are empty.
    pub(crate) fn into_value(mut self, api_version: &str, kind: &str) -> Value {
        if let (false, Some(fields)) = (api_version.is_empty(), self.value.as_object_mut()) {
            fields.insert("apiVersion".to_owned(), api_version.into());
            fields.insert("kind".to_owned(), kind.into());
        }
        self.value
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl Resource for Tree {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_servers_look_at_is_left_out() {
        let metadata = json!({
            "name": "a", "namespace": "b", "resourceVersion": "7", "managedFields": [{"manager": "x"}],
            "annotations": {LAST_APPLIED: "{}"},
        });
        let tree: Tree = serde_json::from_value(json!({"metadata": metadata, "spec": {"x": 1}})).unwrap();
        assert_eq!(tree.name(), ("b".to_owned(), "a".to_owned()));
        assert_eq!(tree.meta().resource_version.as_deref(), Some("7"));
        let expected = json!({
            "apiVersion": "v1", "kind": "Thing",
            "metadata": {"name": "a", "namespace": "b", "resourceVersion": "7"}, "spec": {"x": 1},
        });
        assert_eq!(tree.into_value("v1", "Thing"), expected);
    }
}
