//! Strategic merge patch.
//!
//! Like a merge patch, but lists of named items are merged by item, and directives say the rest (Kubernetes' "strategic
//! merge patch" design):
//!
//! * `$patch: replace` in an object: the patch's object takes the place of the old one; in an item of a merged list: the
//!   patch's list takes the place of the old list.
//! * `$patch: delete`: the object, or the item with this key, goes.
//! * `$deleteFromPrimitiveList/FIELD`: these values leave the set.
//! * `$setElementOrder/FIELD`: the order of the result.
//! * `$retainKeys`: every other field of the object goes.

use serde_json::{Map, Value};

use super::merge_keys::{self, ListMerge};
use crate::resource::ApiResource;

#[cfg(test)]
mod tests;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_SET: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

type Fields = Map<String, Value>;

/// Applies a patch to an object.
///
/// # Errors
/// What is wrong with the patch.
pub(super) fn apply(resource: &ApiResource, object: Value, patch: &Value) -> Result<Value, String> {
    let merge = Merge { resource };
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => merge.objects("", object, patch).map(Value::Object),
        _ => Err("a strategic merge patch must be a JSON object".to_owned()),
    }
}

struct Merge<'a> {
    resource: &'a ApiResource,
}

impl Merge<'_> {
    fn objects(&self, path: &str, mut old: Fields, patch: &Fields) -> Result<Fields, String> {
        match patch.get(PATCH).map(directive).transpose()? {
            Some("replace") => return Ok(without_directives(patch)),
            Some("delete") => return Ok(Fields::new()),
            Some("merge") | None => {}
            Some(other) => return Err(unknown_directive(path, other)),
        }
        if let Some(retained) = patch.get(RETAIN_KEYS) {
            retain_keys(path, &mut old, retained, patch)?;
        }
        for (field, value) in patch {
            if let Some(field) = field.strip_prefix(DELETE_FROM_SET) {
                delete_from_set(path, old.get_mut(field), value)?;
            } else if !field.starts_with('$') {
                self.field(path, &mut old, field, value, patch)?;
            }
        }
        // An order that came without items for the list sorts what is there.
        for (field, order) in patch {
            let Some(field) = field.strip_prefix(SET_ORDER).filter(|field| !patch.contains_key(*field)) else {
                continue;
            };
            let order = list(path, order)?;
            let path = join(path, field);
            if let Some(Value::Array(items)) = old.get_mut(field) {
                let merge = merge_keys::find(self.resource, &path).unwrap_or(ListMerge::Set);
                let server = items.clone();
                *items = sort(std::mem::take(items), order, &server, merge);
            }
        }
        Ok(old)
    }

    fn field(&self, path: &str, old: &mut Fields, field: &str, value: &Value, patch: &Fields) -> Result<(), String> {
        if value.is_null() {
            old.remove(field);
            return Ok(());
        }
        let path = join(path, field);
        let merged = match (old.remove(field), value) {
            (Some(Value::Object(old)), Value::Object(value)) => Value::Object(self.objects(&path, old, value)?),
            (old, Value::Array(items)) => {
                let old = match old {
                    Some(Value::Array(old)) => old,
                    _ => Vec::new(),
                };
                match merge_keys::find(self.resource, &path) {
                    Some(merge) => {
                        let order = patch.get(&format!("{SET_ORDER}{field}"));
                        let order = order.map(|order| list(&path, order)).transpose()?;
                        Value::Array(self.lists(&path, old, items, merge, order)?)
                    }
                    None => Value::Array(items.iter().map(clean).collect()),
                }
            }
            (_, Value::Object(value)) => {
                if value.get(PATCH).and_then(Value::as_str) == Some("delete") {
                    return Ok(());
                }
                Value::Object(without_directives(value))
            }
            (_, value) => value.clone(),
        };
        old.insert(field.to_owned(), merged);
        Ok(())
    }

    fn lists(
        &self,
        path: &str,
        old: Vec<Value>,
        patch: &[Value],
        merge: ListMerge,
        order: Option<&[Value]>,
    ) -> Result<Vec<Value>, String> {
        let ListMerge::By(key) = merge else {
            let mut merged = old.clone();
            merged.extend(patch.iter().filter(|item| !old.contains(item)).cloned());
            return Ok(sort(merged, order.unwrap_or(patch), &old, merge));
        };
        let mut merged = old.clone();
        let (mut plain, mut replace) = (Vec::new(), false);
        for item in patch {
            let Value::Object(fields) = item else {
                return Err(format!("{path}: found an item that is not an object; each needs the field {key:?}"));
            };
            match fields.get(PATCH).map(directive).transpose()? {
                Some("replace") => {
                    replace = true;
                    if fields.len() > 1 {
                        plain.push(Value::Object(without_directives(fields)));
                    }
                }
                Some("delete") => {
                    let name = key_of(path, fields, key)?;
                    merged.retain(|item| item.get(key) != Some(name));
                }
                Some("merge") | None => plain.push(item.clone()),
                Some(other) => return Err(unknown_directive(path, other)),
            }
        }
        if replace {
            return Ok(plain.iter().map(clean).collect());
        }
        for item in &plain {
            let Value::Object(fields) = item else { continue };
            let name = key_of(path, fields, key)?;
            match merged.iter_mut().find(|item| item.get(key) == Some(name)) {
                Some(Value::Object(found)) => *found = self.objects(path, std::mem::take(found), fields)?,
                _ => merged.push(clean(item)),
            }
        }
        Ok(sort(merged, order.unwrap_or(&plain), &old, merge))
    }
}

/// Orders a merged list: items that the patch names in the patch's order, the others in their old one, and the two
/// interleaved as they were on the server as far as both were there.
fn sort(items: Vec<Value>, order: &[Value], server: &[Value], merge: ListMerge) -> Vec<Value> {
    let identity = |item: &Value| match merge {
        ListMerge::By(key) => item.get(key).cloned().unwrap_or(Value::Null),
        ListMerge::Set => item.clone(),
    };
    let place = |list: &[Value], item: &Value| list.iter().position(|other| identity(other) == identity(item));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        items.into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    others.sort_by_key(|item| place(server, item));
    let mut result = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(left), Some(right)) = (others.peek(), named.peek()) {
        let earlier = match (place(server, left), place(server, right)) {
            (Some(left), Some(right)) => left < right,
            _ => false,
        };
        result.extend(if earlier { others.next() } else { named.next() });
    }
    result.extend(others);
    result.extend(named);
    result
}

fn retain_keys(path: &str, old: &mut Fields, retained: &Value, patch: &Fields) -> Result<(), String> {
    let retained = list(path, retained)?;
    let keeps = |field: &str| retained.iter().any(|kept| kept == field);
    if let Some(field) = patch.keys().find(|field| !field.starts_with('$') && !patch[*field].is_null() && !keeps(field))
    {
        return Err(format!("{}: {RETAIN_KEYS} does not name the field that the patch sets", join(path, field)));
    }
    old.retain(|field, _| keeps(field));
    Ok(())
}

fn delete_from_set(path: &str, old: Option<&mut Value>, values: &Value) -> Result<(), String> {
    let values = list(path, values)?;
    if let Some(Value::Array(old)) = old {
        old.retain(|item| !values.contains(item));
    }
    Ok(())
}

fn key_of<'a>(path: &str, item: &'a Fields, key: &str) -> Result<&'a Value, String> {
    item.get(key)
        .ok_or_else(|| format!("{path}: an item does not contain the field {key:?}, by which items are merged"))
}

fn directive(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("found {PATCH}: {value}, allowed: \"merge\", \"replace\", \"delete\""))
}

fn unknown_directive(path: &str, found: &str) -> String {
    format!("{path}: found {PATCH}: {found:?}, allowed: \"merge\", \"replace\", \"delete\"")
}

fn list<'a>(path: &str, value: &'a Value) -> Result<&'a [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{path}: a directive must be a list, found {value}"))
}

/// The patch's own content: no directives, no `null`.
fn clean(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(without_directives(fields)),
        Value::Array(items) => Value::Array(items.iter().map(clean).collect()),
        other => other.clone(),
    }
}

fn without_directives(fields: &Fields) -> Fields {
    let own = fields.iter().filter(|(field, value)| !field.starts_with('$') && !value.is_null());
    own.map(|(field, value)| (field.clone(), clean(value))).collect()
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}
