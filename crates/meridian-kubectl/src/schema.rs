//! What an API says about the fields of a kind, as far as patches need it: OpenAPI v3 with Kubernetes' extensions.

use crate::api::{Api, Target};
use crate::discovery::Resource;
use crate::error::Result;
use serde_json::Value;
use std::collections::HashMap;
use std::rc::Rc;

/// The documents of an API, each read once.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    /// The addresses of the documents by group and version, such as `apis/apps/v1`.
    index: Option<Value>,
    documents: HashMap<String, Rc<Value>>,
}

impl Schemas {
    /// The document of a kind's group and version; nothing where the API has none.
    ///
    /// # Errors
    /// The API cannot be asked.
    pub(crate) async fn document(&mut self, api: &mut Api, resource: &Resource) -> Result<Option<Rc<Value>>> {
        let root = if resource.group.is_empty() { "api" } else { "apis" };
        let name = format!("{root}/{}", resource.api_version());
        if !self.documents.contains_key(&name) {
            if self.index.is_none() {
                self.index = Some(api.get(&Target::new("/openapi/v3"), crate::api::JSON).await?);
            }
            let address = self.index.as_ref().and_then(|index| index["paths"][&name]["serverRelativeURL"].as_str());
            let Some(address) = address else { return Ok(None) };
            let document = api.get(&Target::new(address), crate::api::JSON).await?;
            self.documents.insert(name.clone(), Rc::new(document));
        }
        Ok(self.documents.get(&name).cloned())
    }

    /// The document of a kind, if the kind has strategic merge patches; a kind without is changed by merge patches.
    ///
    /// # Errors
    /// The API cannot be asked.
    pub(crate) async fn strategic(&mut self, api: &mut Api, resource: &Resource) -> Result<Option<Rc<Value>>> {
        let document = self.document(api, resource).await?;
        Ok(document.filter(|document| has_strategic(document, resource)))
    }
}

/// Whether some path takes strategic merge patches of this kind.
fn has_strategic(document: &Value, resource: &Resource) -> bool {
    let paths = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    paths
        .map(|path| &path["patch"])
        .filter(|patch| is(&patch["x-kubernetes-group-version-kind"], resource))
        .any(|patch| patch.pointer("/requestBody/content/application~1strategic-merge-patch+json").is_some())
}

fn is(name: &Value, resource: &Resource) -> bool {
    name["group"] == resource.group.as_str()
        && name["version"] == resource.version.as_str()
        && name["kind"] == resource.kind.as_str()
}

/// Whether a schema is that of a kind.
pub(crate) fn is_kind(schema: &Value, resource: &Resource) -> bool {
    let names = schema["x-kubernetes-group-version-kind"].as_array();
    names.is_some_and(|names| names.iter().any(|name| is(name, resource)))
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMerge<'d> {
    /// Items are objects with this field.
    By(&'d str),
    /// Items are texts or numbers, each once.
    Set,
}

/// The schema of a value. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'d> {
    document: &'d Value,
    /// Nothing where the API says nothing.
    node: Option<&'d Value>,
}

impl<'d> Schema<'d> {
    /// The schema of a kind.
    pub(crate) fn of(document: &'d Value, resource: &Resource) -> Self {
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        let node = schemas.and_then(|schemas| schemas.values().find(|schema| is_kind(schema, resource)));
        Self { document, node }
    }

    /// The schema of a field of an object.
    pub(crate) fn field(self, name: &str) -> Self {
        let resolved = self.resolved();
        let node =
            resolved.and_then(|node| node.get("properties")?.get(name).or_else(|| node.get("additionalProperties")));
        let node = node.or_else(|| resolved.and_then(|node| node.get("additionalProperties")));
        Self { node, ..self }
    }

    /// The schema of a list's items.
    pub(crate) fn items(self) -> Self {
        Self { node: self.resolved().and_then(|node| node.get("items")), ..self }
    }

    /// How the list is merged; `None` when it is replaced.
    pub(crate) fn merge(self) -> Option<ListMerge<'d>> {
        if !self.strategies().any(|strategy| strategy == "merge") {
            return None;
        }
        let key = self.extension("x-kubernetes-patch-merge-key");
        Some(key.map_or(ListMerge::Set, ListMerge::By))
    }

    /// Whether fields that are not given go.
    pub(crate) fn retains_keys(self) -> bool {
        self.strategies().any(|strategy| strategy == "retainKeys")
    }

    /// Whether the object is replaced as a whole.
    pub(crate) fn replaces(self) -> bool {
        self.strategies().any(|strategy| strategy == "replace")
    }

    fn strategies(self) -> impl Iterator<Item = &'d str> {
        self.extension("x-kubernetes-patch-strategy").unwrap_or_default().split(',')
    }

    fn extension(self, name: &str) -> Option<&'d str> {
        let own = self.node.and_then(|node| node.get(name));
        own.or_else(|| self.resolved().and_then(|node| node.get(name)))?.as_str()
    }

    /// The schema itself, where there is only a reference to it.
    fn resolved(self) -> Option<&'d Value> {
        let node = self.node?;
        let reference = node.get("$ref").or_else(|| match node.get("allOf")?.as_array()?.as_slice() {
            [only] => only.get("$ref"),
            _ => None,
        });
        match reference.and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer),
            None => Some(node),
        }
    }
}
