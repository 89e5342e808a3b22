//! Objects by namespace and name, and their order by age.

use meridian_ir::Name;
use meridian_resources::Meta;
use std::fmt;

/// Namespace and name of an object whose kind is known from where the key is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Name,
    pub(crate) name: Name,
}

impl Key {
    pub(crate) fn of(meta: &Meta) -> Self {
        Self { namespace: meta.namespace.clone(), name: meta.name.clone() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Where an object stands when age decides: older first (whole seconds), then by name, then by namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age {
    created: i64,
    name: Name,
    namespace: Name,
}

impl Age {
    pub(crate) fn of(meta: &Meta) -> Self {
        Self { created: meta.creation_seconds, name: meta.name.clone(), namespace: meta.namespace.clone() }
    }

    /// Whether this is the place of the object that `key` names.
    pub(crate) fn is_of(&self, key: &Key) -> bool {
        self.name == key.name && self.namespace == key.namespace
    }

    pub(crate) fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}
