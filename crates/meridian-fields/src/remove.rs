//! A value without some of its fields.

use serde_json::{Map, Value};

use crate::element::Element;
use crate::item::{self, Form};
use crate::schema::{ItemsBy, ListType, MapType, TypeRef};
use crate::set::Set;

/// The value without the fields and items of a set. What holds others stays, empty, when only those go.
pub fn remove(type_: &TypeRef, value: &Value, fields: &Set) -> Value {
    walk(type_, value, fields).unwrap_or(Value::Null)
}

fn walk(type_: &TypeRef, value: &Value, fields: &Set) -> Option<Value> {
    let Some(type_) = type_.resolve() else { return Some(value.clone()) };
    match (item::form(type_, value), value) {
        (Some(Form::Map(map)), Value::Object(entries)) if !map.atomic => remove_fields(map, entries, fields),
        (Some(Form::List(list)), Value::Array(items)) if list.items_by != ItemsBy::Atomic => {
            remove_items(list, items, fields)
        }
        // What has one owner goes as a whole.
        (Some(Form::Map(_) | Form::List(_)), _) => None,
        (Some(Form::Scalar(_)) | None, _) => Some(value.clone()),
    }
}

fn remove_fields(map: &MapType, entries: &Map<String, Value>, fields: &Set) -> Option<Value> {
    let (mut kept, mut changed) = (Map::new(), false);
    for (name, value) in entries {
        let element = Element::field(name.clone());
        if fields.members.contains(&element) {
            continue;
        }
        let value = match fields.below(&element) {
            Some(below) => {
                changed = true;
                emptied(walk(&map.field(name), value, below), value)
            }
            None => value.clone(),
        };
        kept.insert(name.clone(), value);
    }
    (changed || !kept.is_empty()).then_some(Value::Object(kept))
}

fn remove_items(list: &ListType, items: &[Value], fields: &Set) -> Option<Value> {
    let (mut kept, mut changed) = (Vec::new(), false);
    for item in items {
        let below = match item::element(list, item) {
            Ok(element) if fields.members.contains(&element) => continue,
            Ok(element) => fields.below(&element),
            Err(_) => None,
        };
        kept.push(match below {
            Some(below) => {
                changed = true;
                emptied(walk(&list.items, item, below), item)
            }
            None => item.clone(),
        });
    }
    (changed || !kept.is_empty()).then_some(Value::Array(kept))
}

/// What is left of a value: an empty one of its kind when nothing is.
fn emptied(left: Option<Value>, was: &Value) -> Value {
    left.unwrap_or_else(|| match was {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    })
}
