//! What an object becomes when another is applied to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::element::Element;
use crate::item::{self, Form};
use crate::schema::{ItemsBy, ListType, MapType, TypeRef};

/// Merges what is applied into a value of the same type: fields and named items one by one, everything else as a whole.
///
/// # Errors
/// An item of a list that has no name, or whose name is taken in what is applied.
pub fn merge(type_: &TypeRef, live: &Value, applied: &Value) -> Result<Value, String> {
    let merged = pair(type_, Some(live), Some(applied))?;
    Ok(merged.unwrap_or_else(|| Value::Object(Map::new())))
}

fn pair(type_: &TypeRef, live: Option<&Value>, applied: Option<&Value>) -> Result<Option<Value>, String> {
    let Some(resolved) = type_.resolve() else {
        return Ok(applied.or(live).cloned());
    };
    // What both have takes the form of what is applied.
    match applied.or(live).and_then(|value| item::form(resolved, value)) {
        // `null` takes the form of the other.
        Some(Form::Map(map)) => merge_maps(map, live, applied),
        Some(Form::List(list)) => merge_lists(list, live, applied),
        Some(Form::Scalar(_)) | None => Ok(applied.or(live).cloned()),
    }
}

fn merge_maps(map: &MapType, live: Option<&Value>, applied: Option<&Value>) -> Result<Option<Value>, String> {
    let (live_fields, applied_fields) = (item::entries(live), item::entries(applied));
    if map.atomic || (live_fields.is_none() && applied_fields.is_none()) {
        return Ok(applied.or(live).cloned());
    }
    let mut merged = Map::new();
    for (name, value) in live_fields.into_iter().flatten() {
        let applied = applied_fields.and_then(|fields| fields.get(name));
        if let Some(value) = pair(&map.field(name), Some(value), applied).map_err(|why| format!(".{name}{why}"))? {
            merged.insert(name.clone(), value);
        }
    }
    for (name, value) in applied_fields.into_iter().flatten() {
        if live_fields.is_none_or(|fields| !fields.contains_key(name))
            && let Some(value) = pair(&map.field(name), None, Some(value)).map_err(|why| format!(".{name}{why}"))?
        {
            merged.insert(name.clone(), value);
        }
    }
    Ok((!merged.is_empty()).then_some(Value::Object(merged)))
}

/// The items of a list with their names; `None` for an item whose name others have too.
type Named<'a> = BTreeMap<Element, Option<&'a Value>>;

fn merge_lists(list: &ListType, live: Option<&Value>, applied: Option<&Value>) -> Result<Option<Value>, String> {
    let (live_items, applied_items) = (item::items(live), item::items(applied));
    if list.items_by == ItemsBy::Atomic || (live_items.is_empty() && applied_items.is_empty()) {
        return Ok(applied.or(live).cloned());
    }
    let merge = ListMerge {
        list,
        live: live_items,
        live_names: names(list, live_items)?,
        applied_names: names(list, applied_items)?,
        of_live: Named::new(),
        of_applied: Named::new(),
    };
    let items = merge.run(live_items, applied_items)?;
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

fn names(list: &ListType, items: &[Value]) -> Result<Vec<Element>, String> {
    let named = items.iter().enumerate();
    named.map(|(i, item)| item::element(list, item).map_err(|why| format!(": element {i}: {why}"))).collect()
}

struct ListMerge<'a> {
    list: &'a ListType,
    live: &'a [Value],
    live_names: Vec<Element>,
    applied_names: Vec<Element>,
    of_live: Named<'a>,
    of_applied: Named<'a>,
}

impl<'a> ListMerge<'a> {
    /// Merges the items. Those of what is applied come in its order; the others stay where they are between those that
    /// both have.
    fn run(mut self, live: &'a [Value], applied: &'a [Value]) -> Result<Vec<Value>, String> {
        for (name, item) in self.applied_names.iter().zip(applied) {
            if self.of_applied.insert(name.clone(), Some(item)).is_some() {
                return Err(format!(": duplicate entries for key {name}"));
            }
        }
        for (name, item) in self.live_names.iter().zip(live) {
            self.of_live.entry(name.clone()).and_modify(|found| *found = None).or_insert(Some(item));
        }
        let mut shared = self.applied_names.iter().filter(|name| self.of_live.contains_key(*name));
        let mut next_shared = shared.next();
        let mut done = std::collections::BTreeSet::new();
        let mut merged = Vec::with_capacity(live.len().max(applied.len()));
        let (mut l, mut a) = (0, 0);
        while l < live.len() || a < applied.len() {
            if let (Some(live_name), Some(applied_name)) = (self.live_names.get(l), self.applied_names.get(a)) {
                if live_name == applied_name {
                    done.insert(live_name);
                    merged.extend(self.both(live_name)?);
                    (l, a) = (l + 1, a + 1);
                    next_shared = shared.next();
                    continue;
                }
                // A shared item, but not the one whose turn it is.
                if self.of_applied.contains_key(live_name) && next_shared.is_some_and(|next| next != live_name) {
                    l += 1;
                    continue;
                }
            }
            if let Some(live_name) = self.live_names.get(l) {
                if !self.of_applied.contains_key(live_name) {
                    // By its place: of several with one name, each stays.
                    merged.extend(pair(&self.list.items, self.live.get(l), None)?);
                    l += 1;
                    continue;
                } else if done.contains(live_name) {
                    l += 1;
                }
            }
            if let Some(applied_name) = self.applied_names.get(a) {
                done.insert(applied_name);
                merged.extend(self.both(applied_name)?);
                a += 1;
                if next_shared == Some(applied_name) {
                    next_shared = shared.next();
                }
            }
        }
        Ok(merged)
    }

    fn both(&self, name: &Element) -> Result<Option<Value>, String> {
        let live = self.of_live.get(name).copied().flatten();
        let applied = self.of_applied.get(name).copied().flatten();
        pair(&self.list.items, live, applied).map_err(|why| format!("{name}{why}"))
    }
}
