//! What turns an object into another one: the patch of `apply`, in three ways, and that of `edit`.
//!
//! With a schema the patch is a strategic merge patch, in which lists of named items are compared item by item; without
//! one it is a JSON merge patch (RFC 7396). Both are those that kubectl computes.

use crate::schema::{ListMerge, Schema};
use serde_json::{Map, Value, json};

#[cfg(test)]
mod tests;

type Fields = Map<String, Value>;

/// What makes `current` say what `modified` says, and forget what only `original` said; an empty object when nothing
/// is to be done. `original` is what was applied last.
pub(crate) fn three_way(original: &Value, modified: &Value, current: &Value, schema: Option<Schema<'_>>) -> Value {
    let empty = Fields::new();
    let fields = |value: &'_ Value| value.as_object().cloned();
    let (Some(modified), Some(current)) = (fields(modified), fields(current)) else { return json!({}) };
    Value::Object(objects(original.as_object().unwrap_or(&empty), &modified, &current, schema))
}

fn objects(original: &Fields, modified: &Fields, current: &Fields, schema: Option<Schema<'_>>) -> Fields {
    let mut patch = Fields::new();
    let empty = Fields::new();
    for (name, wanted) in modified {
        let schema = schema.map(|schema| schema.field(name));
        match (current.get(name), wanted) {
            // In a strategic merge patch, null takes a field away that nobody has applied, such as a default.
            (Some(Value::Null) | None, Value::Null) => {}
            (Some(_), Value::Null) if schema.is_some() => {
                patch.insert(name.clone(), Value::Null);
            }
            (_, Value::Null) => {}
            (Some(Value::Object(is)), Value::Object(wanted)) if !schema.is_some_and(Schema::replaces) => {
                let was = original.get(name).and_then(Value::as_object).unwrap_or(&empty);
                let changes = objects(was, wanted, is, schema);
                let changes = with_retained_keys(changes, wanted, is, schema);
                if !changes.is_empty() {
                    patch.insert(name.clone(), Value::Object(changes));
                }
            }
            (Some(Value::Array(is)), Value::Array(wanted)) => {
                let was = original.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                match schema.and_then(Schema::merge) {
                    Some(ListMerge::By(key)) => items(name, key, (was, wanted, is), schema, &mut patch),
                    Some(ListMerge::Set) => set(name, (was, wanted, is), &mut patch),
                    None if is != wanted => {
                        patch.insert(name.clone(), wanted.clone().into());
                    }
                    None => {}
                }
            }
            (Some(is), wanted) if same(is, wanted) => {}
            (_, wanted) => {
                patch.insert(name.clone(), wanted.clone());
            }
        }
    }
    for (name, was) in original {
        let stays = modified.get(name).is_some_and(|wanted| schema.is_some() || !wanted.is_null());
        if !stays && !was.is_null() {
            patch.insert(name.clone(), Value::Null);
        }
    }
    patch
}

/// Numbers are the same when they have the same value: `1` and `1.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn with_retained_keys(mut patch: Fields, wanted: &Fields, is: &Fields, schema: Option<Schema<'_>>) -> Fields {
    let more = is.keys().any(|name| !wanted.contains_key(name));
    if schema.is_some_and(Schema::retains_keys) && (more || !patch.is_empty()) {
        let kept: Vec<&String> = wanted.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name).collect();
        patch.insert("$retainKeys".to_owned(), json!(kept));
    }
    patch
}

/// A list of objects that are told apart by the field `key`.
fn items(
    name: &str,
    key: &str,
    (was, wanted, is): (&[Value], &[Value], &[Value]),
    schema: Option<Schema<'_>>,
    patch: &mut Fields,
) {
    let empty = Fields::new();
    let schema_of_list = schema;
    let schema = schema.map(Schema::items);
    let find = |list: &[Value], item: &Value| list.iter().find(|other| other.get(key) == item.get(key)).cloned();
    let mut changes = Vec::new();
    for item in wanted {
        match (find(is, item), item) {
            (Some(Value::Object(is)), Value::Object(wanted)) => {
                let was = find(was, item);
                let was = was.as_ref().and_then(Value::as_object).unwrap_or(&empty);
                let mut change = objects(was, wanted, &is, schema);
                change = with_retained_keys(change, wanted, &is, schema_of_list);
                if !change.is_empty() {
                    change.insert(key.to_owned(), item[key].clone());
                    changes.push(Value::Object(change));
                }
            }
            _ => changes.push(item.clone()),
        }
    }
    for gone in was.iter().filter(|item| find(wanted, item).is_none()) {
        changes.push(json!({"$patch": "delete", key: gone.get(key)}));
    }
    let keys = |list: &[Value]| -> Vec<Value> { list.iter().map(|item| json!({key: item.get(key)})).collect() };
    let order = keys(wanted);
    if !is.is_empty() && (!changes.is_empty() || order != keys(is)) && !order.is_empty() {
        patch.insert(format!("$setElementOrder/{name}"), order.into());
    }
    if !changes.is_empty() {
        patch.insert(name.to_owned(), changes.into());
    }
}

/// A list of texts or numbers that is a set.
fn set(name: &str, (was, wanted, is): (&[Value], &[Value], &[Value]), patch: &mut Fields) {
    let new: Vec<Value> = wanted.iter().filter(|item| !is.contains(item)).cloned().collect();
    let gone: Vec<Value> = was.iter().filter(|item| !wanted.contains(item)).cloned().collect();
    if !is.is_empty() && (is != wanted || !gone.is_empty()) && !wanted.is_empty() {
        patch.insert(format!("$setElementOrder/{name}"), wanted.to_vec().into());
    }
    if !new.is_empty() {
        patch.insert(name.to_owned(), new.into());
    }
    if !gone.is_empty() {
        patch.insert(format!("$deleteFromPrimitiveList/{name}"), gone.into());
    }
}
