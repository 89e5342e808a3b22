//! Small edits of JSON trees. What has another type than expected stays as it is, for the validator to refuse.

use serde_json::{Value, json};

/// Missing, `null` and empty mean the same.
pub(crate) fn absent(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value.as_str() == Some(""))
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Sets a field that is missing, `null` or empty.
pub(crate) fn default(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = object
        && absent(fields.get(field))
    {
        fields.insert(field.to_owned(), value);
    }
}

/// The object in a field of an object, made when there is none. In what is no object it is nowhere.
pub(crate) fn object_at<'a>(object: &'a mut Value, field: &str) -> &'a mut Value {
    if !object.is_object() {
        return object;
    }
    default(object, field, json!({}));
    &mut object[field]
}

/// The items of the list in a field; none where there is no such list.
pub(crate) fn items_mut<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Takes the fields away that are `null`, in objects within objects and lists too.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{default, drop_nulls, object_at};
    use serde_json::json;

    #[test]
    fn what_is_there_stays() {
        let mut object = json!({"a": "", "b": 1, "c": [], "d": {"e": null, "f": [{"g": null}]}});
        default(&mut object, "a", json!("x"));
        default(&mut object, "b", json!(2));
        default(object_at(&mut object, "c"), "x", json!(1));
        default(object_at(&mut object, "h"), "x", json!(1));
        drop_nulls(&mut object);
        assert_eq!(object, json!({"a": "x", "b": 1, "c": [], "d": {"f": [{}]}, "h": {"x": 1}}));
    }
}
