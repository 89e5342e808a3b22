//! The types of Kubernetes' own kinds, as the library knows them: names, descriptions and structure.
//!
//! A [`Native`] is one version of a kind. Its definitions make the OpenAPI documents that `kubectl explain` prints, and
//! its structure finds unknown fields and wrong types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, authentication::v1 as authentication,
    authorization::v1 as authorization, autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, events::v1 as events, networking::v1 as networking,
    policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use meridian_resources::Structure;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{enums, lists};
use crate::authz;
use crate::patch::merge_keys::ListMerge;

/// Where the definitions of a document are.
pub(crate) const DEFINITIONS: &str = "#/components/schemas/";
/// Types of which the structure is not looked at: any JSON, and amounts, which may be numbers or texts.
const OPAQUE: &[&str] = &[
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
];
/// The definition of metadata.
pub(crate) const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const JSON: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON";
/// Definitions with a `name` that the library's types always have, though a client need not send it.
const NAME_IS_OPTIONAL: [&str; 8] = [
    "io.k8s.api.core.v1.ConfigMapEnvSource",
    "io.k8s.api.core.v1.ConfigMapKeySelector",
    "io.k8s.api.core.v1.ConfigMapProjection",
    "io.k8s.api.core.v1.ConfigMapVolumeSource",
    "io.k8s.api.core.v1.LocalObjectReference",
    "io.k8s.api.core.v1.SecretEnvSource",
    "io.k8s.api.core.v1.SecretKeySelector",
    "io.k8s.api.core.v1.SecretProjection",
];
/// Fields that Kubernetes calls required, and the library does not, or no longer after [`is_optional`].
const REQUIRED: [(&str, &str); 2] =
    [("io.k8s.api.core.v1.Event", "metadata"), ("io.k8s.api.events.v1.Event", "eventTime")];

/// One version of a kind.
pub(crate) struct Native {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    name: fn() -> Cow<'static, str>,
    define: fn(&mut SchemaGenerator),
    compiled: OnceLock<Compiled>,
}

/// What is made of a kind's definitions.
struct Compiled {
    structure: Structure,
    merges: BTreeMap<String, ListMerge>,
}

impl Native {
    const fn of<K: JsonSchema>(group: &'static str, version: &'static str, kind: &'static str) -> Native {
        Native { group, version, kind, name: K::schema_name, define: define::<K>, compiled: OnceLock::new() }
    }

    /// The name of its definition: `io.k8s.api.apps.v1.Deployment`.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        (self.name)()
    }

    /// The library's definitions of its types.
    pub(crate) fn types(&self) -> Map<String, Value> {
        raw_definitions(&[self.define])
    }

    /// Its structure.
    pub(crate) fn structure(&self) -> &Structure {
        &self.compiled().structure
    }

    /// How a strategic merge patch merges the list at a path (`spec.template.spec.containers`); `None` when it is
    /// replaced.
    pub(crate) fn merge(&self, path: &str) -> Option<ListMerge> {
        self.compiled().merges.get(path).copied()
    }

    /// Compiled at the first use.
    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let definitions = raw_definitions(&[self.define]);
            let root = json!({"$ref": format!("{DEFINITIONS}{}", self.name())});
            let mut inliner = Inliner { definitions: &definitions, within: Vec::new(), merges: BTreeMap::new() };
            let mut schema = inliner.inline("", &root);
            is_optional("metadata", &mut schema);
            // What metadata need is checked with the other rules for them.
            for part in ["/properties/status", "/properties/metadata"] {
                schema.pointer_mut(part).map(nothing_is_required);
            }
            // Of these, the rules of `kinds/rules.rs` say all that is required.
            if self.group == authz::GROUP {
                nothing_is_required(&mut schema);
            }
            Compiled { structure: Structure::compile(&schema), merges: inliner.merges }
        })
    }
}

fn define<K: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<K>();
}

/// The library's definitions of metadata.
pub(crate) fn metadata_types() -> Map<String, Value> {
    raw_definitions(&[define::<ObjectMeta>])
}

/// Whether values of a definition have more forms than it says.
pub(crate) fn is_opaque(definition: &str) -> bool {
    OPAQUE.contains(&definition) || definition == INT_OR_STRING
}

/// A version of one of Kubernetes' own kinds.
pub(crate) fn find(group: &str, version: &str, kind: &str) -> Option<&'static Native> {
    NATIVES.iter().find(|native| (native.group, native.version, native.kind) == (group, version, kind))
}

/// The definitions of these kinds and of all that they refer to, and those of `ObjectMeta` and `ListMeta`, in the form of
/// Kubernetes' OpenAPI documents.
pub(crate) fn definitions<'a>(natives: impl IntoIterator<Item = &'a Native>) -> Map<String, Value> {
    let mut defines: Vec<fn(&mut SchemaGenerator)> = natives.into_iter().map(|native| native.define).collect();
    defines.extend([define::<ObjectMeta> as fn(&mut SchemaGenerator), define::<ListMeta>]);
    let mut definitions = raw_definitions(&defines);
    for (name, definition) in &mut definitions {
        publish(name, definition);
    }
    definitions
}

fn raw_definitions(defines: &[fn(&mut SchemaGenerator)]) -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    for define in defines {
        define(&mut generator);
    }
    generator.take_definitions(false)
}

/// Completes a definition by what the library does not say.
fn publish(name: &str, definition: &mut Value) {
    if name == INT_OR_STRING {
        definition["format"] = "int-or-string".into();
        definition["oneOf"] = json!([{"type": "integer"}, {"type": "string"}]);
        definition.as_object_mut().map(|fields| fields.remove("x-kubernetes-int-or-string"));
        return;
    }
    is_optional("metadata", definition);
    if NAME_IS_OPTIONAL.contains(&name) {
        is_optional("name", definition);
    }
    for (_, field) in REQUIRED.iter().filter(|(required, _)| *required == name) {
        match &mut definition["required"] {
            Value::Array(required) => required.push((*field).into()),
            none => *none = json!([field]),
        }
    }
    if name == JSON {
        definition.as_object_mut().map(|fields| fields.remove("type"));
    }
    enums::write(name, definition);
    if lists::is_atomic(name) {
        definition["x-kubernetes-map-type"] = "atomic".into();
    }
    for (field, mark) in lists::fields(name) {
        // The library's Kubernetes may be another version than that of the table.
        if let Some(Value::Object(property)) = definition["properties"].get_mut(*field) {
            mark.write(property);
        }
    }
    wrap_references(definition);
}

/// The library's types always have some fields that a client need not send.
fn is_optional(name: &str, schema: &mut Value) {
    let Some(Value::Array(required)) = schema.get_mut("required") else { return };
    required.retain(|field| field != name);
    if required.is_empty() {
        schema.as_object_mut().map(|fields| fields.remove("required"));
    }
}

/// A client that sends a status need not complete it: Kubernetes forgets it, or reads what is absent as zero.
fn nothing_is_required(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A field may have that name; its value is then a schema.
            if fields.get("required").is_some_and(Value::is_array) {
                fields.remove("required");
            }
            fields.values_mut().for_each(nothing_is_required);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_is_required),
        _ => {}
    }
}

/// A reference beside which something else stands is written as `allOf`, for those who read nothing beside one.
fn wrap_references(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            // A field may have that name; its value is then a schema.
            if fields.len() > 1
                && fields.get("$ref").is_some_and(Value::is_string)
                && let Some(reference) = fields.remove("$ref")
            {
                fields.insert("allOf".to_owned(), json!([{"$ref": reference}]));
            }
            fields.iter_mut().filter(|(name, _)| *name != "allOf").for_each(|(_, child)| wrap_references(child));
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        _ => {}
    }
}

/// What `apiVersion`, `kind` and `metadata` are in every kind, in Kubernetes' words.
pub(crate) fn envelope() -> &'static Map<String, Value> {
    static ENVELOPE: OnceLock<Map<String, Value>> = OnceLock::new();
    ENVELOPE.get_or_init(|| {
        let mut object = definitions(NATIVES.iter().take(1));
        let fields = object.values_mut().find_map(|definition| match definition["properties"].take() {
            Value::Object(fields) if fields.contains_key("apiVersion") && fields.contains_key("metadata") => {
                Some(fields)
            }
            _ => None,
        });
        let mut fields = fields.unwrap_or_default();
        fields.retain(|name, _| ["apiVersion", "kind", "metadata"].contains(&name.as_str()));
        fields
    })
}

/// Replaces every reference by what it refers to. A definition within itself is any value.
struct Inliner<'a> {
    definitions: &'a Map<String, Value>,
    /// The definitions around the place.
    within: Vec<String>,
    /// The lists that strategic merge patches merge, by their paths.
    merges: BTreeMap<String, ListMerge>,
}

impl Inliner<'_> {
    fn inline(&mut self, path: &str, schema: &Value) -> Value {
        let Value::Object(fields) = schema else { return schema.clone() };
        let reference = fields.get("$ref").and_then(Value::as_str);
        if let Some(name) = reference.and_then(|reference| reference.strip_prefix(DEFINITIONS)) {
            return self.definition(path, name);
        }
        let mut inlined = Map::new();
        for (keyword, value) in fields {
            let value = match (keyword.as_str(), value) {
                ("description", _) => continue,
                ("properties", Value::Object(properties)) => {
                    let within =
                        |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
                    let each = properties.iter().map(|(name, field)| (name.clone(), self.inline(&within(name), field)));
                    Value::Object(each.collect())
                }
                ("items" | "additionalProperties", child) => self.inline(path, child),
                _ => value.clone(),
            };
            inlined.insert(keyword.clone(), value);
        }
        let closed = inlined.contains_key("properties") || inlined.contains_key("additionalProperties");
        if inlined.get("type") == Some(&json!("object")) && !closed {
            inlined.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
        }
        Value::Object(inlined)
    }

    fn definition(&mut self, path: &str, name: &str) -> Value {
        let definitions = self.definitions;
        let Some(definition) = definitions.get(name).filter(|_| !OPAQUE.contains(&name)) else { return json!({}) };
        if self.within.iter().any(|outer| outer == name) {
            return json!({});
        }
        for (field, mark) in lists::fields(name) {
            if let Some(merge) = mark.merge() {
                let path = if path.is_empty() { (*field).to_owned() } else { format!("{path}.{field}") };
                self.merges.insert(path, merge);
            }
        }
        self.within.push(name.to_owned());
        let inlined = self.inline(path, definition);
        self.within.pop();
        inlined
    }
}

static NATIVES: [Native; 47] = [
    Native::of::<core::ConfigMap>("", "v1", "ConfigMap"),
    Native::of::<core::Endpoints>("", "v1", "Endpoints"),
    Native::of::<core::Event>("", "v1", "Event"),
    Native::of::<core::LimitRange>("", "v1", "LimitRange"),
    Native::of::<core::Namespace>("", "v1", "Namespace"),
    Native::of::<core::Node>("", "v1", "Node"),
    Native::of::<core::PersistentVolume>("", "v1", "PersistentVolume"),
    Native::of::<core::PersistentVolumeClaim>("", "v1", "PersistentVolumeClaim"),
    Native::of::<core::Pod>("", "v1", "Pod"),
    Native::of::<core::PodTemplate>("", "v1", "PodTemplate"),
    Native::of::<core::ReplicationController>("", "v1", "ReplicationController"),
    Native::of::<core::ResourceQuota>("", "v1", "ResourceQuota"),
    Native::of::<core::Secret>("", "v1", "Secret"),
    Native::of::<core::Service>("", "v1", "Service"),
    Native::of::<core::ServiceAccount>("", "v1", "ServiceAccount"),
    Native::of::<admission::MutatingWebhookConfiguration>(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
    ),
    Native::of::<admission::ValidatingWebhookConfiguration>(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
    ),
    Native::of::<extensions::CustomResourceDefinition>("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    Native::of::<apps::ControllerRevision>("apps", "v1", "ControllerRevision"),
    Native::of::<apps::DaemonSet>("apps", "v1", "DaemonSet"),
    Native::of::<apps::Deployment>("apps", "v1", "Deployment"),
    Native::of::<apps::ReplicaSet>("apps", "v1", "ReplicaSet"),
    Native::of::<apps::StatefulSet>("apps", "v1", "StatefulSet"),
    Native::of::<authentication::SelfSubjectReview>("authentication.k8s.io", "v1", "SelfSubjectReview"),
    Native::of::<authentication::TokenReview>("authentication.k8s.io", "v1", "TokenReview"),
    Native::of::<authorization::LocalSubjectAccessReview>("authorization.k8s.io", "v1", "LocalSubjectAccessReview"),
    Native::of::<authorization::SelfSubjectAccessReview>("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
    Native::of::<authorization::SelfSubjectRulesReview>("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
    Native::of::<authorization::SubjectAccessReview>("authorization.k8s.io", "v1", "SubjectAccessReview"),
    Native::of::<autoscaling::v1::HorizontalPodAutoscaler>("autoscaling", "v1", "HorizontalPodAutoscaler"),
    Native::of::<autoscaling::v1::Scale>("autoscaling", "v1", "Scale"),
    Native::of::<autoscaling::v2::HorizontalPodAutoscaler>("autoscaling", "v2", "HorizontalPodAutoscaler"),
    Native::of::<batch::CronJob>("batch", "v1", "CronJob"),
    Native::of::<batch::Job>("batch", "v1", "Job"),
    Native::of::<coordination::Lease>("coordination.k8s.io", "v1", "Lease"),
    Native::of::<discovery::EndpointSlice>("discovery.k8s.io", "v1", "EndpointSlice"),
    Native::of::<events::Event>("events.k8s.io", "v1", "Event"),
    Native::of::<networking::Ingress>("networking.k8s.io", "v1", "Ingress"),
    Native::of::<networking::IngressClass>("networking.k8s.io", "v1", "IngressClass"),
    Native::of::<networking::NetworkPolicy>("networking.k8s.io", "v1", "NetworkPolicy"),
    Native::of::<policy::PodDisruptionBudget>("policy", "v1", "PodDisruptionBudget"),
    Native::of::<rbac::ClusterRole>("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    Native::of::<rbac::ClusterRoleBinding>("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    Native::of::<rbac::Role>("rbac.authorization.k8s.io", "v1", "Role"),
    Native::of::<rbac::RoleBinding>("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    Native::of::<scheduling::PriorityClass>("scheduling.k8s.io", "v1", "PriorityClass"),
    Native::of::<storage::StorageClass>("storage.k8s.io", "v1", "StorageClass"),
];

#[cfg(test)]
mod tests {
    use super::{NATIVES, definitions, find};
    use crate::patch::merge_keys::ListMerge;
    use meridian_resources::NameRule;
    use serde_json::json;

    #[test]
    fn every_kind_has_a_structure() {
        for native in &NATIVES {
            let object = json!({"apiVersion": "x", "kind": native.kind, "metadata": {"name": "a"}, "spex": {}});
            let unknown = native.structure().unknown_fields(&object);
            assert_eq!(unknown.len(), 1, "{}: {unknown:?}", native.kind);
        }
    }

    #[test]
    fn lists_are_marked_and_references_wrapped() {
        let definitions = definitions(find("apps", "v1", "Deployment"));
        let containers = &definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
        assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
        let selector = &definitions["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["selector"];
        let reference = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector";
        assert_eq!(selector["allOf"], json!([{"$ref": reference}]));
        assert!(definitions["io.k8s.api.apps.v1.Deployment"].get("required").is_none());
        assert!(definitions.contains_key("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    }

    #[test]
    fn lists_are_merged_wherever_a_type_is_used() {
        let deployment = find("apps", "v1", "Deployment").expect("deployments");
        let env = deployment.merge("spec.template.spec.containers.env");
        assert_eq!(env, Some(ListMerge::By("name")));
        assert_eq!(deployment.merge("metadata.finalizers"), Some(ListMerge::Set));
        assert_eq!(deployment.merge("spec.template.spec.tolerations"), None);
    }

    #[test]
    fn amounts_may_be_numbers_and_types_are_checked() {
        let structure = find("", "v1", "Pod").expect("pods").structure();
        let pod = |memory: serde_json::Value, port: serde_json::Value| {
            json!({"metadata": {"name": "a"}, "spec": {"containers": [{
                "name": "a", "resources": {"limits": {"memory": memory}}, "ports": [{"containerPort": port}],
            }]}})
        };
        assert_eq!(structure.validate(&pod(json!(1), json!(80)), true, NameRule::Subdomain), []);
        let wrong = structure.validate(&pod(json!("1Gi"), json!("80")), true, NameRule::Subdomain);
        assert_eq!(wrong[0].path, "spec.containers[0].ports[0].containerPort");
    }
}
