//! Reading Envoy's messages as JSON.

use serde_json::Value;

/// The text at a JSON pointer; empty when there is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer; zero when there is none.
pub(crate) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The items of the list at a JSON pointer; none when there is no list.
pub(crate) fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The texts of the list at a JSON pointer.
pub(crate) fn texts<'v>(value: &'v Value, pointer: &str) -> Vec<&'v str> {
    items(value, pointer).filter_map(Value::as_str).collect()
}

/// The object that a resource was made from, as `name.namespace`, by its metadata (`describeManagement` of `istioctl`).
pub(crate) fn made_from(resource: &Value) -> String {
    let path = text(resource, "/metadata/filterMetadata/istio/config");
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "apis", _, _, "namespaces", namespace, _, name] => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}
