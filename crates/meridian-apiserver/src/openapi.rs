//! OpenAPI documents: what `kubectl explain` prints, and how `kubectl` learns which parameters and patches a kind knows.
//!
//! They are derived from the schemas of the kinds, one document per group and version (v3), or one for all (v2).

mod protobuf;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use meridian_resources::kind::converted;
use serde_json::{Map, Value, json};

use crate::kinds::native;
use crate::patch::media_types;
use crate::resource::{self, ApiResource};
use crate::reviews::{self, Review};

const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const GVK: &str = "x-kubernetes-group-version-kind";

/// `/openapi/v3`: where the documents are.
pub(crate) fn index() -> Value {
    let mut paths = Map::new();
    for (group, versions) in resource::groups() {
        for version in versions {
            let path = root(group, version);
            let path = path.trim_start_matches('/');
            // Clients may keep a document as long as its hash stays, which is until the next version of this program.
            let url = format!("/openapi/v3/{path}?hash={}", env!("CARGO_PKG_VERSION"));
            paths.insert(path.to_owned(), json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/...`: the document of a group and version.
pub(crate) fn document(group: &'static str, version: &'static str) -> Bytes {
    static DOCUMENTS: Mutex<BTreeMap<(&str, &str), Bytes>> = Mutex::new(BTreeMap::new());
    let mut documents = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    documents.entry((group, version)).or_insert_with(|| build(group, version).to_string().into()).clone()
}

/// `/openapi/v2`: everything in Swagger 2.0, without what that cannot say.
pub(crate) fn v2() -> Bytes {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    DOCUMENT.get_or_init(|| v2_text().into()).clone()
}

/// The same in protobuf.
pub(crate) fn v2_protobuf() -> Bytes {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    DOCUMENT.get_or_init(|| protobuf::encode(&v2_head(), v2_parts()).into()).clone()
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

fn info() -> Value {
    json!({"title": "Meridian", "version": crate::http::KUBERNETES_VERSION})
}

fn build(group: &str, version: &str) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": paths(group, version),
        "components": {"schemas": schemas(group, version)},
    })
}

/// The definitions of a group and version, by their names.
pub(crate) fn schemas(group: &str, version: &str) -> Map<String, Value> {
    let reviews = || reviews::of_version(group, version).map(|review| &review.resource);
    let resources = resource::of_version(group, version).chain(reviews());
    let mut schemas = native::definitions(resources.filter_map(|resource| resource.native(version)));
    let gvk = |kind: &str| json!([{"group": group, "version": version, "kind": kind}]);
    for review in reviews() {
        if let Some(schema) = schemas.get_mut(&definition(review, version, review.kind)) {
            schema[GVK] = gvk(review.kind);
        }
    }
    for resource in resource::of_version(group, version) {
        let name = definition(resource, version, resource.kind);
        if !schemas.contains_key(&name) {
            schemas.extend(typed(resource, version).map(|schema| (name.clone(), schema)));
        }
        if let Some(schema) = schemas.get_mut(&name) {
            schema[GVK] = gvk(resource.kind);
        }
        let mut list = list(resource, &name);
        list[GVK] = gvk(resource.list_kind);
        schemas.insert(definition(resource, version, resource.list_kind), list);
    }
    schemas
}

/// The definition of a kind of `meridian-resources`, which refers to those of metadata alone.
fn typed(resource: &ApiResource, version: &str) -> Option<Value> {
    let mut schema = converted::schema(resource.typed?, version);
    if let Value::Object(fields) = &mut schema["properties"] {
        fields.extend(native::envelope().clone());
    }
    Some(schema)
}

/// The name of a kind's definition, and all definitions that it refers to.
pub(crate) fn definitions_of(resource: &ApiResource, version: &str) -> (String, Map<String, Value>) {
    let name = definition(resource, version, resource.kind);
    let mut definitions = native::definitions(resource.native(version));
    if !definitions.contains_key(&name) {
        definitions.extend(typed(resource, version).map(|schema| (name.clone(), schema)));
    }
    (name, definitions)
}

fn list(resource: &ApiResource, item: &str) -> Value {
    let mut list = json!({
        "type": "object",
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "required": ["items"],
        "properties": native::envelope(),
    });
    list["properties"]["metadata"]["allOf"] = json!([{"$ref": reference(LIST_META)}]);
    list["properties"]["items"] =
        json!({"type": "array", "description": "The objects.", "items": {"$ref": reference(item)}});
    list
}

/// The name of a schema, in Kubernetes' manner: `io.istio.networking.v1.Gateway`, `io.k8s.api.core.v1.Secret`.
fn definition(resource: &ApiResource, version: &str, kind: &str) -> String {
    if let Some(native) = resource.native(version) {
        // A list is called as its items are.
        let name = native.name();
        return name.strip_suffix(resource.kind).map_or_else(|| name.to_string(), |package| format!("{package}{kind}"));
    }
    let package = match resource.group {
        "" => "io.k8s.api.core".to_owned(),
        group if resource.built_in() => format!("io.k8s.api.{}", group.split('.').next().unwrap_or(group)),
        group => group.rsplit('.').collect::<Vec<&str>>().join("."),
    };
    format!("{package}.{version}.{kind}")
}

fn reference(definition: &str) -> String {
    format!("#/components/schemas/{definition}")
}

/// The paths of a group and version.
fn paths(group: &str, version: &str) -> Map<String, Value> {
    let mut paths = Map::new();
    for resource in resource::of_version(group, version) {
        add_paths(resource, version, &mut paths);
    }
    for Review { resource, .. } in reviews::of_version(group, version) {
        let (path, parameters) = collection(resource, version);
        let ask = Operations { resource, version }.create();
        paths.insert(path, json!({"post": ask, "parameters": parameters}));
    }
    paths
}

/// The path of a collection, of a namespace if its objects have one, with its parameters.
fn collection(resource: &ApiResource, version: &str) -> (String, Vec<Value>) {
    let (root, plural) = (root(resource.group, version), resource.plural);
    match resource.namespaced {
        true => (format!("{root}/namespaces/{{namespace}}/{plural}"), vec![parameter("namespace", "path", "string")]),
        false => (format!("{root}/{plural}"), Vec::new()),
    }
}

fn add_paths(resource: &ApiResource, version: &str, paths: &mut Map<String, Value>) {
    let (collection, mut shared) = collection(resource, version);
    let operations = Operations { resource, version };
    if resource.namespaced {
        let root = root(resource.group, version);
        paths.insert(format!("{root}/{}", resource.plural), json!({"get": operations.list()}));
    }
    let mut all =
        json!({"get": operations.list(), "post": operations.create(), "delete": operations.delete("deletecollection")});
    all["parameters"] = shared.clone().into();
    paths.insert(collection.clone(), all);
    shared.push(parameter("name", "path", "string"));
    let one = format!("{collection}/{{name}}");
    let mut object = json!({
        "get": operations.get(), "put": operations.replace(), "patch": operations.patch(),
        "delete": operations.delete("delete"),
    });
    object["parameters"] = shared.clone().into();
    paths.insert(one.clone(), object);
    if resource.status_subresource {
        let mut status = json!({"get": operations.get(), "put": operations.replace(), "patch": operations.patch()});
        status["parameters"] = shared.into();
        paths.insert(format!("{one}/status"), status);
    }
}

/// The operations of one resource.
struct Operations<'a> {
    resource: &'a ApiResource,
    version: &'a str,
}

impl Operations<'_> {
    fn operation(&self, action: &str, answer: &str, parameters: Vec<Value>) -> Value {
        let schema = json!({"$ref": reference(&definition(self.resource, self.version, answer))});
        let kind = self.resource.kind;
        json!({
            "operationId": format!("{action}{}{kind}", camel(&format!("{}.{}", self.resource.group, self.version))),
            "parameters": parameters,
            "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
            "x-kubernetes-action": action,
            GVK: {"group": self.resource.group, "version": self.version, "kind": kind},
        })
    }

    fn body(&self) -> Value {
        json!({"$ref": reference(&definition(self.resource, self.version, self.resource.kind))})
    }

    fn list(&self) -> Value {
        let parameters = [
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ];
        self.operation("list", self.resource.list_kind, parameters.map(|(n, t)| parameter(n, "query", t)).into())
    }

    fn get(&self) -> Value {
        self.operation("get", self.resource.kind, Vec::new())
    }

    fn create(&self) -> Value {
        self.write("post", &["application/json", "application/yaml"], self.body())
    }

    fn replace(&self) -> Value {
        self.write("put", &["application/json", "application/yaml"], self.body())
    }

    fn patch(&self) -> Value {
        let mut operation = self.write("patch", media_types(self.resource), json!({"type": "object"}));
        if let Value::Array(parameters) = &mut operation["parameters"] {
            parameters.push(parameter("force", "query", "boolean"));
        }
        operation
    }

    fn write(&self, action: &str, media_types: &[&str], body: Value) -> Value {
        let parameters = ["dryRun", "fieldManager", "fieldValidation"].map(|name| parameter(name, "query", "string"));
        let mut operation = self.operation(action, self.resource.kind, parameters.into());
        let content: Map<String, Value> =
            media_types.iter().map(|media_type| ((*media_type).to_owned(), json!({"schema": body}))).collect();
        operation["requestBody"] = json!({"required": true, "content": content});
        operation
    }

    fn delete(&self, action: &str) -> Value {
        self.operation(action, self.resource.kind, vec![parameter("dryRun", "query", "string")])
    }
}

fn parameter(name: &str, place: &str, type_: &str) -> Value {
    let mut parameter = json!({"name": name, "in": place, "schema": {"type": type_}});
    if place == "path" {
        parameter["required"] = true.into();
    }
    parameter
}

/// `networking.istio.io.v1` becomes `NetworkingIstioIoV1`.
fn camel(name: &str) -> String {
    let words = name.split('.').filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// What stands beside the paths and definitions of the v2 document.
fn v2_head() -> Value {
    json!({"swagger": "2.0", "info": info()})
}

/// The paths and definitions of the v2 document, a part for each group and version, for its tree as a whole would take
/// fifteen times its text. No definition is in two parts.
fn v2_parts() -> impl Iterator<Item = Value> {
    let mut known = HashSet::new();
    let all = resource::groups().into_iter();
    let all = all.flat_map(|(group, versions)| versions.into_iter().map(move |version| (group, version)));
    all.map(move |(group, version)| {
        let mut definitions = schemas(group, version);
        definitions.retain(|name, _| known.insert(name.clone()));
        let mut part = json!({"paths": paths(group, version), "definitions": definitions});
        to_swagger(&mut part);
        part
    })
}

fn v2_text() -> String {
    let mut texts = [("paths", String::new()), ("definitions", String::new())];
    for part in v2_parts() {
        for (field, text) in &mut texts {
            let object = part[*field].to_string();
            let within = &object[1..object.len() - 1];
            if !text.is_empty() && !within.is_empty() {
                text.push(',');
            }
            text.push_str(within);
        }
    }
    let mut document = v2_head().to_string();
    document.pop();
    for (field, text) in texts {
        document += &format!(",\"{field}\":{{{text}}}");
    }
    document + "}"
}

/// Rewrites what OpenAPI 3 says otherwise, and drops what Swagger 2 cannot say.
fn to_swagger(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = target.replace("#/components/schemas/", "#/definitions/");
            }
            if let Some(Value::Array(one)) = fields.remove("allOf")
                && let [Value::Object(only)] = &one[..]
                && only.contains_key("$ref")
            {
                fields.extend(only.clone());
                return to_swagger(node);
            }
            if let Some(body) = fields.remove("requestBody") {
                let types: Vec<String> = body["content"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
                let schema = types.first().map(|first| body["content"][first]["schema"].clone()).unwrap_or_default();
                fields.insert("consumes".to_owned(), types.into());
                if let Some(Value::Array(parameters)) = fields.get_mut("parameters") {
                    parameters.push(json!({"name": "body", "in": "body", "required": true, "schema": schema}));
                }
            }
            if let Some(content) = fields.remove("content") {
                fields.insert("schema".to_owned(), content["application/json"]["schema"].clone());
            }
            let is_plain_parameter =
                fields.get("in").and_then(Value::as_str).is_some_and(|place| matches!(place, "path" | "query"));
            if is_plain_parameter && let Some(Value::Object(schema)) = fields.remove("schema") {
                fields.extend(schema);
            }
            for unknown in ["anyOf", "oneOf", "not", "nullable"] {
                // A property may have such a name; its value is then a schema with a type.
                if fields.get(unknown).is_some_and(|value| value.get("type").is_none()) {
                    fields.remove(unknown);
                }
            }
            fields.values_mut().for_each(to_swagger);
        }
        Value::Array(items) => items.iter_mut().for_each(to_swagger),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` of a document.
    fn references(node: &Value, found: &mut Vec<String>) {
        match node {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_of_all_kinds_is_whole() {
        let document: Value = serde_json::from_str(&v2_text()).expect("it is JSON");
        let definitions = document["definitions"].as_object().expect("definitions");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 1000, "{}", found.len());
        for reference in found {
            let name = reference.strip_prefix("#/definitions/").expect("a definition of this document");
            assert!(definitions.contains_key(name), "{reference}");
        }
        for resource in resource::all().iter().chain(reviews::resources()) {
            for version in resource.versions {
                let name = definition(resource, version, resource.kind);
                assert!(definitions[&name].get(GVK).is_some(), "{name} does not say of which kind it is");
                let (path, _) = collection(resource, version);
                assert!(document["paths"].get(&path).is_some(), "{path}");
            }
        }
    }
}
