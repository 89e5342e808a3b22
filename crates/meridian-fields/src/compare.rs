//! Which fields differ between two values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::element::Element;
use crate::item::{self, Form};
use crate::number;
use crate::schema::{ItemsBy, ListType, MapType, TypeRef};
use crate::set::Set;

/// The fields in which two values differ; no field is in two of the sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Only the new value has them.
    pub added: Set,
    /// Both have them, with different values.
    pub modified: Set,
    /// Only the old value has them.
    pub removed: Set,
}

impl Comparison {
    /// Whether the values are the same.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// The same without these fields and what is below them.
    #[must_use]
    pub fn without(&self, fields: &Set) -> Comparison {
        Comparison {
            added: self.added.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            removed: self.removed.recursive_difference(fields),
        }
    }
}

/// Compares two values of a type. What does not fit the type is compared as a whole; items without a name are passed
/// over.
pub fn compare(type_: &TypeRef, old: &Value, new: &Value) -> Comparison {
    let mut walk = Walk { path: Vec::new(), found: Comparison::default() };
    walk.pair(type_, Some(old), Some(new));
    walk.found
}

struct Walk {
    path: Vec<Element>,
    found: Comparison,
}

impl Walk {
    fn pair(&mut self, type_: &TypeRef, old: Option<&Value>, new: Option<&Value>) {
        let Some(type_) = type_.resolve() else { return };
        let old_form = old.and_then(|old| item::form(type_, old));
        let new_form = new.and_then(|new| item::form(type_, new));
        let leaf = match (old_form, new_form) {
            (Some(old_form), None) => self.form(old_form, old, new),
            (None, Some(new_form)) => self.form(new_form, old, new),
            (Some(old_form), Some(new_form)) if old_form == new_form => self.form(new_form, old, new),
            (Some(old_form), Some(new_form)) => {
                self.form(old_form, old, new);
                self.form(new_form, old, new)
            }
            (None, None) => true,
        };
        if !leaf && old.is_none() {
            self.found.added.insert(&self.path);
        } else if !leaf && new.is_none() {
            self.found.removed.insert(&self.path);
        }
    }

    /// Compares in one form. Whether the values are one field.
    fn form(&mut self, form: Form<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
        match form {
            Form::Scalar(_) => self.leaf(old, new),
            Form::Map(map) => {
                let (old_fields, new_fields) = (item::entries(old), item::entries(new));
                if map.atomic || (old_fields.is_none() && new_fields.is_none()) {
                    return self.leaf(old, new);
                }
                self.fields(map, old_fields, new_fields);
                false
            }
            Form::List(list) => {
                let (old_items, new_items) = (item::items(old), item::items(new));
                if list.items_by == ItemsBy::Atomic || (old_items.is_empty() && new_items.is_empty()) {
                    return self.leaf(old, new);
                }
                self.items(list, old_items, new_items);
                false
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(old), Some(new)) if !number::same(old, new) => self.found.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn fields(&mut self, map: &MapType, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) {
        let only_new = |name: &&String| old.is_none_or(|old| !old.contains_key(*name));
        let names = old.into_iter().flat_map(Map::keys).chain(new.into_iter().flat_map(Map::keys).filter(only_new));
        for name in names {
            self.path.push(Element::field(name.clone()));
            self.pair(&map.field(name), old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)));
            self.path.pop();
        }
    }

    fn items(&mut self, list: &ListType, old: &[Value], new: &[Value]) {
        let mut pairs: BTreeMap<Element, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for item in old {
            if let Ok(element) = item::element(list, item) {
                pairs.entry(element).or_default().0.push(item);
            }
        }
        for item in new {
            if let Ok(element) = item::element(list, item) {
                pairs.entry(element).or_default().1.push(item);
            }
        }
        for (element, (old, new)) in pairs {
            self.path.push(element);
            self.named_items(list, &old, &new);
            self.path.pop();
        }
    }

    /// Compares the items of one name; what several share is one field.
    fn named_items(&mut self, list: &ListType, old: &[&Value], new: &[&Value]) {
        match (old, new) {
            ([] | [_], [] | [_]) => self.pair(&list.items, old.first().copied(), new.first().copied()),
            ([_, _, ..], [_, _, ..]) => {
                if old.len() != new.len() || !old.iter().zip(new).all(|(old, new)| number::same(old, new)) {
                    self.found.modified.insert(&self.path);
                }
            }
            ([_, _, ..], _) => {
                if let Some(new) = new.first() {
                    self.pair(&list.items, None, Some(new));
                }
                self.found.removed.insert(&self.path);
            }
            _ => {
                if let Some(old) = old.first() {
                    self.pair(&list.items, Some(old), None);
                }
                self.found.added.insert(&self.path);
            }
        }
    }
}
