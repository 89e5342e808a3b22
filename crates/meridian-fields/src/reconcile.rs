//! Sets that were written when a type split into more fields than it does now.

use serde_json::Value;

use crate::element::Element;
use crate::item;
use crate::schema::{ItemsBy, ListType, MapType, TypeRef};
use crate::set::Set;

/// The set as the type splits now: whoever owned a part of what has one owner now owns the whole. `None` when nothing
/// changes. Splitting up what was whole changes nothing.
pub(crate) fn reconcile(type_: &TypeRef, set: &Set) -> Option<Set> {
    let mut walk = Walk { path: Vec::new(), whole: Set::default() };
    walk.node(type_, Some(set), false);
    if walk.whole.is_empty() {
        return None;
    }
    Some(set.recursive_difference(&walk.whole).union(&walk.whole))
}

struct Walk {
    path: Vec<Element>,
    /// What has become one field.
    whole: Set,
}

impl Walk {
    fn node(&mut self, type_: &TypeRef, set: Option<&Set>, is_leaf: bool) {
        let Some(type_) = type_.resolve() else { return };
        // The value is not at hand; where a type allows several forms, `null` stands for it.
        match item::form(type_, &Value::Null) {
            Some(item::Form::Map(map)) => self.map(map, set, is_leaf),
            Some(item::Form::List(list)) => self.list(list, set, is_leaf),
            _ => {}
        }
    }

    fn map(&mut self, map: &MapType, set: Option<&Set>, is_leaf: bool) {
        let deduced = map.fields.is_empty() && matches!(map.others, TypeRef::Deduced | TypeRef::Atomic);
        if deduced {
            return;
        }
        if map.atomic && !is_leaf {
            if set.is_some_and(|set| !set.is_empty()) {
                self.whole.insert(&self.path);
            }
            return;
        }
        self.below(set, |element| match element {
            Element::Field(name) => map.field(name),
            _ => map.others.clone(),
        });
    }

    fn list(&mut self, list: &ListType, set: Option<&Set>, is_leaf: bool) {
        if list.items_by == ItemsBy::Atomic {
            if !is_leaf {
                self.whole.insert(&self.path);
            }
            return;
        }
        self.below(set, |_| list.items.clone());
    }

    fn below(&mut self, set: Option<&Set>, type_of: impl Fn(&Element) -> TypeRef) {
        let Some(set) = set else { return };
        let deeper = set.children.keys().filter(|element| !set.members.contains(*element));
        for element in deeper.chain(&set.members) {
            let below = set.below(element);
            let is_leaf = set.members.contains(element) && below.is_none();
            self.path.push(element.clone());
            self.node(&type_of(element), below, is_leaf);
            self.path.pop();
        }
    }
}
