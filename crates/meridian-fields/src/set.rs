//! Sets of paths.

use std::collections::{BTreeMap, BTreeSet};

use crate::element::Element;
use crate::schema::{Type, TypeRef};

/// A set of paths. A path may be in it with or without those that begin with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    /// The paths of one element.
    pub(crate) members: BTreeSet<Element>,
    /// The longer paths by their first element; none of these sets is empty.
    pub(crate) children: BTreeMap<Element, Set>,
}

impl Set {
    /// A set of paths of fields.
    pub fn of_fields(paths: &[&[&str]]) -> Set {
        let mut set = Set::default();
        for path in paths {
            let path: Vec<Element> = path.iter().map(|name| Element::field(*name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Whether it holds no path.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    /// How many paths it holds.
    pub fn len(&self) -> usize {
        self.members.len() + self.children.values().map(Set::len).sum::<usize>()
    }

    /// Adds a path. The empty path means the whole object, which nobody owns.
    pub fn insert(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Whether it holds this path.
    pub fn has(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|child| child.has(rest)),
        }
    }

    /// What is below an element.
    pub(crate) fn below(&self, element: &Element) -> Option<&Set> {
        self.children.get(element)
    }

    /// The paths of both.
    #[must_use]
    pub fn union(mut self, other: &Set) -> Set {
        self.members.extend(other.members.iter().cloned());
        for (element, child) in &other.children {
            match self.children.get_mut(element) {
                Some(own) => *own = std::mem::take(own).union(child),
                None => {
                    self.children.insert(element.clone(), child.clone());
                }
            }
        }
        self
    }

    /// The paths that both have.
    #[must_use]
    pub fn intersection(&self, other: &Set) -> Set {
        let members = self.members.intersection(&other.members).cloned().collect();
        self.map_children(members, |element, child| {
            other.children.get(element).map_or_else(Set::default, |theirs| child.intersection(theirs))
        })
    }

    /// The paths that the other does not have.
    #[must_use]
    pub fn difference(&self, other: &Set) -> Set {
        let members = self.members.difference(&other.members).cloned().collect();
        self.map_children(members, |element, child| match other.children.get(element) {
            Some(theirs) => child.difference(theirs),
            None => child.clone(),
        })
    }

    /// The paths of which the other has neither them nor their beginnings.
    #[must_use]
    pub fn recursive_difference(&self, other: &Set) -> Set {
        let members = self.members.difference(&other.members).cloned().collect();
        self.map_children(members, |element, child| match other.children.get(element) {
            _ if other.members.contains(element) => Set::default(),
            Some(theirs) => child.recursive_difference(theirs),
            None => child.clone(),
        })
    }

    fn map_children(&self, members: BTreeSet<Element>, change: impl Fn(&Element, &Set) -> Set) -> Set {
        let changed = self.children.iter().map(|(element, child)| (element.clone(), change(element, child)));
        Set { members, children: changed.filter(|(_, child)| !child.is_empty()).collect() }
    }

    /// Every path, those of one element first.
    pub fn paths(&self) -> Vec<Vec<Element>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<Element>, paths: &mut Vec<Vec<Element>>) {
        for member in &self.members {
            let mut path = prefix.clone();
            path.push(member.clone());
            paths.push(path);
        }
        for (element, child) in &self.children {
            prefix.push(element.clone());
            child.collect(prefix, paths);
            prefix.pop();
        }
    }

    /// This set with the fields of structures, of which only parts are in it, as members: they go when all of their
    /// parts go.
    #[must_use]
    pub(crate) fn with_named_fields(&self, type_: &TypeRef) -> Set {
        let type_ = type_.resolve();
        let mut members = self.members.clone();
        let mut children = BTreeMap::new();
        for (element, child) in &self.children {
            if let (Element::Field(name), Some(map)) = (element, type_.and_then(|type_| type_.map.as_ref()))
                && map.fields.contains_key(name)
            {
                members.insert(element.clone());
            }
            children.insert(element.clone(), child.with_named_fields(&type_below(type_, element)));
        }
        Set { members, children }
    }
}

/// The type of what is below an element.
fn type_below(type_: Option<&Type>, element: &Element) -> TypeRef {
    match element {
        Element::Field(name) => type_.and_then(|type_| type_.map.as_ref()).map(|map| map.field(name)),
        Element::Key(_) => type_.and_then(|type_| type_.list.as_ref()).map(|list| list.items.clone()),
        _ => None,
    }
    .unwrap_or(TypeRef::Unknown)
}
