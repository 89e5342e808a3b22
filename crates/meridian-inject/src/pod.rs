//! Reading and changing pods as JSON, whatever form they have.

use serde_json::{Map, Value, json};

/// The text at a JSON pointer; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One label of the pod.
pub(crate) fn label<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod.pointer("/metadata/labels")?.get(name)?.as_str()
}

/// One annotation of the pod.
pub(crate) fn annotation<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// The annotations of the pod that are texts.
pub(crate) fn annotations(pod: &Value) -> impl Iterator<Item = (&str, &str)> {
    let members = pod.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// The entries of a list of the pod's `spec`.
pub(crate) fn list<'a>(pod: &'a Value, field: &str) -> &'a [Value] {
    pod.get("spec").and_then(|spec| spec.get(field)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The name of a container, a volume or the like.
pub(crate) fn name(item: &Value) -> &str {
    text(item, "/name")
}

/// The container of that name in a list of the pod's `spec`.
pub(crate) fn find<'a>(pod: &'a Value, field: &str, wanted: &str) -> Option<&'a Value> {
    list(pod, field).iter().find(|item| name(item) == wanted)
}

/// The container of that name, wherever it is.
pub(crate) fn container<'a>(pod: &'a Value, wanted: &str) -> Option<&'a Value> {
    find(pod, "containers", wanted).or_else(|| find(pod, "initContainers", wanted))
}

/// The container of that name, to be changed.
pub(crate) fn container_mut<'a>(pod: &'a mut Value, wanted: &str) -> Option<&'a mut Value> {
    let field = ["containers", "initContainers"].into_iter().find(|field| find(pod, field, wanted).is_some())?;
    list_mut(pod, field).iter_mut().find(|item| name(item) == wanted)
}

/// The fields of an object inside the pod, which is made where there is none.
pub(crate) fn object<'a>(parent: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    member(parent, field, || json!({}), Value::is_object)
        .as_object_mut()
        .expect("a member that is no object was just replaced by one")
}

/// A list of the pod's `spec`, which is made where there is none.
pub(crate) fn list_mut<'a>(pod: &'a mut Value, field: &str) -> &'a mut Vec<Value> {
    let spec = member(pod, "spec", || json!({}), Value::is_object);
    items(spec, field)
}

/// A list inside an object, which is made where there is none.
pub(crate) fn items<'a>(parent: &'a mut Value, field: &str) -> &'a mut Vec<Value> {
    member(parent, field, || json!([]), Value::is_array)
        .as_array_mut()
        .expect("a member that is no list was just replaced by one")
}

/// The pod's annotations, which are made where there are none.
pub(crate) fn annotations_mut(pod: &mut Value) -> &mut Map<String, Value> {
    object(member(pod, "metadata", || json!({}), Value::is_object), "annotations")
}

/// A member of an object; what is not as `is` says is replaced by what `make` makes.
fn member<'a>(
    parent: &'a mut Value,
    field: &str,
    make: impl Fn() -> Value,
    is: impl Fn(&Value) -> bool,
) -> &'a mut Value {
    if !parent.is_object() {
        *parent = json!({});
    }
    let found = &mut parent[field];
    if !is(found) {
        *found = make();
    }
    found
}
