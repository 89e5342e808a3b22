//! The types by which objects split into fields, made from the published schemas.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use meridian_fields::TypeRef;
use serde_json::Value;

use crate::openapi;
use crate::resource::ApiResource;

/// The type of a resource in one of its versions.
pub(super) fn of(resource: &'static ApiResource, version: &'static str) -> TypeRef {
    type Known = BTreeMap<(&'static str, &'static str, &'static str), TypeRef>;
    static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());
    let key = (resource.group, resource.plural, version);
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return known.clone();
    }
    let (root, definitions) = openapi::definitions_of(resource, version);
    let find = |name: &str| definitions.get(name).cloned().map(|definition| completed(name, definition));
    let type_ = TypeRef::from_openapi(&serde_json::json!({"$ref": root}), &find);
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, type_.clone());
    type_
}

/// Ports are told apart by their protocol too, which need not be given.
fn completed(name: &str, mut definition: Value) -> Value {
    if matches!(name, "io.k8s.api.core.v1.ServicePort" | "io.k8s.api.core.v1.ContainerPort")
        && let Some(protocol) = definition.pointer_mut("/properties/protocol")
        && protocol["default"].is_null()
    {
        protocol["default"] = "TCP".into();
    }
    definition
}
