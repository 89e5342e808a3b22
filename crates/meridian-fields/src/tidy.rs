//! What a field says by being there, though nothing is in it.

use serde_json::Value;

use crate::item::{self, Form};
use crate::schema::{MapType, TypeRef};

/// Removes `null`, and maps and lists without entries, except from fields that every object has: in Kubernetes' own kinds
/// they mean the same as no field. Structures without fields stay: `emptyDir: {}` says something.
pub fn drop_empty(type_: &TypeRef, value: &mut Value) {
    let Some(resolved) = type_.resolve() else { return };
    match (item::form(resolved, value), value) {
        (Some(Form::Map(map)), Value::Object(fields)) => {
            fields.retain(|name, value| !means_nothing(map, name, value));
            for (name, value) in fields {
                drop_empty(&map.field(name), value);
            }
        }
        (Some(Form::List(list)), Value::Array(items)) => {
            items.iter_mut().for_each(|item| drop_empty(&list.items, item));
        }
        _ => {}
    }
}

fn means_nothing(map: &MapType, name: &str, value: &Value) -> bool {
    let is_map = || {
        let type_ = map.field(name);
        let below = type_.resolve().and_then(|type_| type_.map.as_ref());
        below.is_some_and(|below| below.fields.is_empty() && matches!(below.others, TypeRef::Of(_)))
    };
    let is_required = || map.fields.get(name).is_some_and(|field| field.required);
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty() && map.fields.contains_key(name) && !is_required(),
        Value::Object(fields) => fields.is_empty() && is_map() && !is_required(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::drop_empty;
    use crate::schema::TypeRef;

    #[test]
    fn what_is_empty_goes_unless_it_says_something() {
        let strings = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let structure = json!({"type": "object", "properties": {"medium": {"type": "string"}}});
        let texts = json!({"type": "array", "items": {"type": "string"}});
        let schema = json!({"type": "object", "required": ["rules"], "properties": {
            "labels": strings, "emptyDir": structure, "args": texts, "rules": texts,
            "items": {"type": "array", "items": {"type": "object", "properties": {"labels": strings}}},
        }});
        let type_ = TypeRef::from_openapi(&schema, &|_| None);
        let mut object = json!({"labels": {}, "emptyDir": {}, "args": [], "rules": [], "items": [{"labels": {}}, {}]});
        drop_empty(&type_, &mut object);
        assert_eq!(object, json!({"emptyDir": {}, "rules": [], "items": [{}, {}]}));
        let mut object = json!({"labels": null, "emptyDir": {"medium": null}});
        drop_empty(&type_, &mut object);
        assert_eq!(object, json!({"emptyDir": {}}));
    }
}
