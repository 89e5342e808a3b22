//! The text of a backup: a stream of YAML documents between a first line that says the revision and a last one that says
//! how many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use meridian_resources::yaml;
use meridian_store::{GroupResource, StoredObject};
use serde_json::Value;

use super::document;

/// The first words of an export; the revision follows.
const HEADER: &str = "# meridian store export, revision ";
/// The first words of its last line; how many objects there are follows, and then what is missing.
const FOOTER: &str = "# end of the export, objects: ";
/// How much text is made at a time, about.
const PIECE: usize = 64 << 10;
/// What the server fills in, and another server fills in anew.
const OWNED: &[&str] = &["uid", "creationTimestamp", "generation", "managedFields", "deletionTimestamp"];

/// What is left out of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Without {
    /// Secrets.
    pub secrets: bool,
    /// What a server fills in: uid, times, status.
    pub owned: bool,
}

/// An export in pieces of text.
#[derive(Debug)]
pub struct Export {
    objects: std::vec::IntoIter<Arc<StoredObject>>,
    without: Without,
    revision: Option<u64>,
    written: usize,
    /// Objects of collections in which no kind lives.
    unknown: BTreeMap<GroupResource, usize>,
    done: bool,
}

impl Export {
    /// An export of what a store has at a revision.
    pub fn new(objects: Vec<Arc<StoredObject>>, revision: u64, without: Without) -> Export {
        let (objects, revision) = (objects.into_iter(), Some(revision));
        Export { objects, without, revision, written: 0, unknown: BTreeMap::new(), done: false }
    }

    fn write(&mut self, object: &StoredObject, text: &mut String) {
        let resource = &object.key().resource;
        if self.without.secrets && resource.is_confidential() {
            return;
        }
        let Some(mut document) = document(object) else {
            *self.unknown.entry(resource.clone()).or_default() += 1;
            return;
        };
        if self.without.owned {
            strip(&mut document);
        }
        text.push_str("---\n");
        text.push_str(&yaml::emit(&document));
        self.written += 1;
    }

    fn footer(&self) -> String {
        let unknown = self.unknown.iter().map(|(resource, count)| format!("; {count} {resource}, of no known kind"));
        format!("{FOOTER}{}{}\n", self.written, unknown.collect::<String>())
    }
}

impl Iterator for Export {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut text = self.revision.take().map(|revision| format!("{HEADER}{revision}\n")).unwrap_or_default();
        while text.len() < PIECE {
            let Some(object) = self.objects.next() else {
                self.done = true;
                text.push_str(&self.footer());
                break;
            };
            self.write(&object, &mut text);
        }
        Some(text.into())
    }
}

/// What the first and the last line of an export say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Of the store.
    pub revision: u64,
    /// How many objects there are.
    pub objects: usize,
    /// What the store has beside them, for people.
    pub missing: Vec<String>,
}

/// Whether a text is an export, and a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has a first and a last line.
    Whole(Summary),
    /// Its last line is not that of an export: it was cut off.
    Cut,
    /// Its first line is not that of an export.
    Other,
}

/// Reads the first and the last line of a text.
pub fn summary(text: &str) -> Found {
    let number = |text: &str| text.trim().parse().ok();
    let Some(revision) = text.lines().next().and_then(|line| line.strip_prefix(HEADER)).and_then(number) else {
        return Found::Other;
    };
    let whole = text.ends_with('\n').then(|| text.lines().next_back()).flatten();
    let Some(said) = whole.and_then(|line| line.strip_prefix(FOOTER)) else { return Found::Cut };
    let mut parts = said.split("; ");
    match parts.next().and_then(|objects| objects.parse().ok()) {
        Some(objects) => Found::Whole(Summary { revision, objects, missing: parts.map(str::to_owned).collect() }),
        None => Found::Cut,
    }
}

fn strip(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !OWNED.contains(&field.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_store::{Key, maintenance};
    use serde_json::json;

    fn object(plural: &str, name: &str) -> Arc<StoredObject> {
        let key = Key::new(GroupResource::new("", plural), "default", name);
        let value =
            json!({"metadata": {"name": name, "namespace": "default", "uid": "u"}, "data": {"a": "b".repeat(900)}});
        Arc::new(maintenance::restored(key, value).expect("an object"))
    }

    fn text(objects: Vec<Arc<StoredObject>>, without: Without) -> String {
        let pieces: Vec<u8> = Export::new(objects, 7, without).flatten().collect();
        String::from_utf8(pieces).expect("text")
    }

    #[test]
    fn many_pieces_are_one_text_that_knows_its_end() {
        let objects: Vec<_> = (0..500).map(|n| object("configmaps", &format!("m{n}"))).collect();
        assert!(Export::new(objects.clone(), 7, Without::default()).count() > 5);
        let whole = text(objects, Without::default());
        assert_eq!(yaml::values(&whole, "backup").len(), 500);
        let expected = Summary { revision: 7, objects: 500, missing: Vec::new() };
        assert_eq!(summary(&whole), Found::Whole(expected));
        for cut in [whole.len() - 1, whole.len() - 3, whole.len() / 2, whole.find('\n').expect("a line") + 1] {
            assert_eq!(summary(&whole[..cut]), Found::Cut, "{cut}");
        }
        assert_eq!(summary("kind: List\n"), Found::Other);
    }

    #[test]
    fn what_is_left_out_is_left_out_and_what_is_not_known_is_said() {
        let objects = vec![object("configmaps", "a"), object("secrets", "b"), object("things", "c")];
        let all = text(objects.clone(), Without::default());
        assert!(all.contains("kind: Secret") && all.contains("uid: u"), "{all}");
        let plain = text(objects, Without { secrets: true, owned: true });
        assert!(!plain.contains("kind: Secret") && !plain.contains("uid:"), "{plain}");
        let missing = vec!["1 things, of no known kind".to_owned()];
        assert_eq!(summary(&plain), Found::Whole(Summary { revision: 7, objects: 1, missing }));
    }
}
