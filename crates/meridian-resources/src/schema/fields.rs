//! Fields that a schema does not have, and those that it fills: unknown fields, pruning, defaults.

use serde_json::{Map, Value};

use super::node::{Node, Type};
use super::path::Path;
use crate::error::FieldError;
use crate::suggest::closest;

/// Appends an error for every field that the schema does not have.
pub(crate) fn unknown(node: &Node, value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(child) = node.properties.get(name) {
                    unknown(child, value, &path.field(name), errors);
                } else if let Some(child) = &node.additional {
                    unknown(child, value, &path.key(name), errors);
                } else if !node.preserve_unknown && is_closed(node) {
                    let suggestion = closest(name, node.properties.keys().map(String::as_str));
                    errors.push(FieldError::unknown(path.field(name), suggestion));
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &node.items else { return };
            for (index, item) in items.iter().enumerate() {
                unknown(child, item, &path.index(index), errors);
            }
        }
        _ => {}
    }
}

/// A node of unknown content, or of another type than the value, says nothing about the value's fields.
fn is_closed(node: &Node) -> bool {
    node.type_ == Type::Object
}

/// Removes every field that the schema does not have.
pub(crate) fn prune(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if is_closed(node) && !node.preserve_unknown && !node.is_map() {
                fields.retain(|name, _| node.properties.contains_key(name));
            }
            for (name, value) in fields.iter_mut() {
                if let Some(child) = node.field(name) {
                    prune(child, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &node.items else { return };
            items.iter_mut().for_each(|item| prune(child, item));
        }
        _ => {}
    }
}

/// Takes the fields away that are `null`. The values of maps stay as they are.
pub(crate) fn drop_absent(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !(value.is_null() && node.properties.contains_key(name)));
            for (name, value) in fields.iter_mut() {
                if let Some(child) = node.field(name) {
                    drop_absent(child, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &node.items else { return };
            items.iter_mut().for_each(|item| drop_absent(child, item));
        }
        _ => {}
    }
}

/// Fills the defaults of absent fields. A `null` that a field may not have is taken away.
pub(crate) fn apply_defaults(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, child) in &node.properties {
                fill(fields, name, child);
            }
            drop_own_nulls(node, fields);
            for (name, value) in fields.iter_mut() {
                if let Some(child) = node.field(name) {
                    apply_defaults(child, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &node.items else { return };
            items.iter_mut().for_each(|item| apply_defaults(child, item));
        }
        _ => {}
    }
}

/// Takes away every `null` that a field may not have.
pub(crate) fn drop_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            drop_own_nulls(node, fields);
            for (name, value) in fields.iter_mut() {
                if let Some(child) = node.field(name) {
                    drop_nulls(child, value);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &node.items else { return };
            items.iter_mut().for_each(|item| drop_nulls(child, item));
        }
        _ => {}
    }
}

fn drop_own_nulls(node: &Node, fields: &mut Map<String, Value>) {
    fields.retain(|name, value| !value.is_null() || node.field(name).is_none_or(|child| child.nullable));
}

fn fill(fields: &mut Map<String, Value>, name: &str, node: &Node) {
    let Some(default) = &node.default else { return };
    if fields.get(name).is_none_or(Value::is_null) {
        fields.insert(name.to_owned(), default.clone());
    }
}
