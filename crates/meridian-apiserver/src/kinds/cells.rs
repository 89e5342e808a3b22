//! Cells that several kinds share, as Kubernetes prints them.

use meridian_resources::Column;
use serde_json::Value;

pub(super) const NONE: &str = "<none>";
pub(super) const UNSET: &str = "<unset>";

/// The text at a JSON pointer; empty when there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The text at a JSON pointer, or a substitute.
pub(super) fn text_or(object: &Value, pointer: &str, substitute: &str) -> Value {
    match text(object, pointer) {
        "" => substitute.into(),
        found => found.into(),
    }
}

/// The number at a JSON pointer; 0 when there is none.
pub(super) fn number(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0).into()
}

/// A number or a text at a JSON pointer, as text.
pub(super) fn scalar(object: &Value, pointer: &str, substitute: &str) -> Value {
    match object.pointer(pointer) {
        None | Some(Value::Null) => substitute.into(),
        Some(Value::String(text)) => text.as_str().into(),
        Some(other) => other.to_string().into(),
    }
}

/// The items of the list at a JSON pointer.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// `labels.FormatLabels`: `a=b,c=d`.
pub(super) fn labels(object: &Value, pointer: &str) -> Value {
    let labels = object.pointer(pointer).and_then(Value::as_object);
    let shown: Vec<String> = labels.into_iter().flatten().map(pair).collect();
    if shown.is_empty() { NONE.into() } else { shown.join(",").into() }
}

fn pair((name, value): (&String, &Value)) -> String {
    format!("{name}={}", value.as_str().unwrap_or_default())
}

/// `metav1.FormatLabelSelector`: `a=b,c in (d,e)`.
pub(super) fn selector(object: &Value, pointer: &str) -> Value {
    let selector = object.pointer(pointer).unwrap_or(&Value::Null);
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let mut shown: Vec<String> = labels.into_iter().flatten().map(pair).collect();
    for requirement in items(selector, "/matchExpressions") {
        let key = text(requirement, "/key");
        let mut values: Vec<&str> = items(requirement, "/values").filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        shown.push(match text(requirement, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    shown.sort();
    if shown.is_empty() { NONE.into() } else { shown.join(",").into() }
}

/// A part of the containers of a pod template: their names or images.
pub(super) fn containers(object: &Value, template: &str, part: &str) -> Value {
    let part = format!("/{part}");
    let parts: Vec<&str> = items(object, &format!("{template}/spec/containers")).map(|one| text(one, &part)).collect();
    parts.join(",").into()
}

/// `2/3`.
pub(super) fn of(object: &Value, have: &str, want: &str) -> Value {
    format!("{}/{}", number(object, have), number(object, want)).into()
}

/// The time of creation, as kinds without columns of their own show it.
fn created_at(object: &Value) -> Value {
    object.pointer("/metadata/creationTimestamp").cloned().unwrap_or_default()
}

/// NAME, for kinds that place it themselves.
pub(super) const NAME: Column =
    Column::string("Name", "Name must be unique within a namespace.", |object| text(object, "/metadata/name").into());

/// AGE, for kinds that place it themselves.
pub(super) const AGE: Column = {
    let mut column = Column::string("Age", "The time since this object was created.", created_at);
    column.type_ = "date";
    column
};

/// CREATED AT, of kinds for which Kubernetes prints no columns of their own.
pub(super) const CREATED_AT: Column = {
    let mut column = Column::string("Created At", "When this object was created.", created_at);
    // The time itself, not how long ago it was.
    column.type_ = "string";
    column
};
