//! A map of texts that takes no more room than its entries: a node of a `BTreeMap` has room for eleven, and objects with
//! one entry are many.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Values by text, in the order of the texts. It is read and written as a `BTreeMap` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, V>", into = "BTreeMap<String, V>", bound(serialize = "V: Clone + Serialize"))]
pub struct TextMap<V>(Box<[(String, V)]>);

impl<V> TextMap<V> {
    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The texts in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The value of a text.
    pub fn get(&self, key: &str) -> Option<&V> {
        let at = self.0.binary_search_by(|(other, _)| other.as_str().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for TextMap<V> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<V> From<BTreeMap<String, V>> for TextMap<V> {
    fn from(map: BTreeMap<String, V>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl<V> From<TextMap<V>> for BTreeMap<String, V> {
    fn from(map: TextMap<V>) -> Self {
        map.0.into_iter().collect()
    }
}

/// Of entries with the same text the last counts.
impl<V> FromIterator<(String, V)> for TextMap<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        BTreeMap::from_iter(entries).into()
    }
}

impl<V, const N: usize> From<[(String, V); N]> for TextMap<V> {
    fn from(entries: [(String, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<'m, V> IntoIterator for &'m TextMap<V> {
    type Item = (&'m String, &'m V);
    type IntoIter = std::iter::Map<std::slice::Iter<'m, (String, V)>, fn(&'m (String, V)) -> (&'m String, &'m V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<V: JsonSchema> JsonSchema for TextMap<V> {
    fn inline_schema() -> bool {
        BTreeMap::<String, V>::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, V>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, V>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_and_written_as_a_map() {
        let map: TextMap<u32> = serde_json::from_str(r#"{"b": 2, "a": 1, "b": 3}"#).expect("a map");
        assert_eq!(map.iter().map(|(key, value)| (key.as_str(), *value)).collect::<Vec<_>>(), [("a", 1), ("b", 3)]);
        assert_eq!((map.get("b"), map.get("c"), map.is_empty()), (Some(&3), None, false));
        assert_eq!(serde_json::to_string(&map).expect("text"), r#"{"a":1,"b":3}"#);
        assert_eq!((&map).into_iter().map(|(key, _)| key).collect::<Vec<_>>(), map.keys().collect::<Vec<_>>());
        assert_eq!(map, [("b".to_owned(), 3), ("a".to_owned(), 1)].into());
        assert!(TextMap::<u32>::default().is_empty());
    }
}
