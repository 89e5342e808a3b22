use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::{Backend, tables};
use crate::history::History;
use crate::state::State;
use crate::watch::{Event, EventType};
use crate::{GroupResource, Key, StoredObject};

fn object(name: &str, revision: u64) -> Arc<StoredObject> {
    let key = Key::new(GroupResource::new("", "secrets"), "default", name);
    Arc::new(StoredObject::new(key, revision, format!("{{\"name\":\"{name}\"}}}}").into()))
}

fn added(name: &str, revision: u64) -> Event {
    Event { event_type: EventType::Added, object: object(name, revision), previous: None }
}

fn replaced(event_type: EventType, name: &str, (before, revision): (u64, u64)) -> Event {
    Event { event_type, object: object(name, revision), previous: Some(object(name, before)) }
}

/// As the first format was.
fn write_first_format(file: &std::path::Path, format: u64) {
    const OBJECTS: redb::TableDefinition<(&str, &str, &str), (u64, &str)> = redb::TableDefinition::new("objects");
    const COUNTERS: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("counters");
    let database = redb::Database::create(file).expect("a file");
    let transaction = database.begin_write().expect("a transaction");
    {
        let mut objects = transaction.open_table(OBJECTS).expect("a table");
        let secret = r#"{"name":"s"},"data":{"password":"aHVudGVyMg=="}}"#;
        objects.insert(("secrets", "default", "s"), (4, secret)).expect("written");
        objects.insert(("configmaps", "default", "m"), (7, r#"{"name":"m"}}"#)).expect("written");
        let mut counters = transaction.open_table(COUNTERS).expect("a table");
        counters.insert("format", format).expect("written");
        counters.insert("revision", 9).expect("written");
    }
    transaction.commit().expect("on disk");
}

#[test]
fn a_store_of_the_first_format_is_encrypted_when_it_is_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join(super::FILE);
    write_first_format(&file, 1);
    let shows = |text: &str| {
        let bytes = std::fs::read(&file).expect("the file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(shows("aHVudGVyMg=="));
    // What a process left that died while it wrote the store anew.
    std::fs::write(dir.path().join("store.redb.new"), "half").expect("written");
    for _ in 0..2 {
        let (backend, loaded) = Backend::open(dir.path()).expect("it opens");
        let found: Vec<(String, u64, &str)> =
            loaded.objects.values().map(|o| (o.key().name.to_string(), o.revision(), &**o.body())).collect();
        let secret = r#"{"name":"s"},"data":{"password":"aHVudGVyMg=="}}"#;
        assert_eq!(found, [("m".to_owned(), 7, r#"{"name":"m"}}"#), ("s".to_owned(), 4, secret)]);
        assert_eq!((loaded.format, loaded.revision, loaded.events.len()), (super::FORMAT, 9, 0));
        drop(backend);
        assert!(!shows("aHVudGVyMg=="));
        assert!(!dir.path().join("store.redb.new").exists());
    }
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    write_first_format(&dir.path().join(super::FILE), 3);
    let error = Backend::open(dir.path()).expect_err("too new");
    assert!(error.to_string().contains("has format 3, this program reads format 2"), "{error}");
}

/// A disk may report a failure for a write that it has made: nobody was told of it, so it must not come back.
#[test]
fn a_write_that_failed_after_all_is_taken_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut backend, _) = Backend::open(dir.path()).expect("it opens");
    let state = RwLock::new(State {
        revision: 0,
        objects: BTreeMap::new(),
        history: History::starting_at(0, 10),
        closed: false,
    });
    let commit = |backend: &mut Backend, batch: Vec<Event>| {
        backend.commit(&batch, &state).expect("on disk");
        batch.into_iter().for_each(|event| state.write().expect("no panic").apply(event));
    };
    commit(&mut backend, vec![added("kept", 1), added("changed", 2)]);
    let failed = vec![
        added("surplus", 3),
        replaced(EventType::Modified, "changed", (2, 4)),
        replaced(EventType::Deleted, "kept", (1, 5)),
    ];
    let database = backend.database.take().expect("it is open");
    tables::write_batch(&database, &failed, &mut backend.ledger, &backend.keyring).expect("on disk");
    drop(database);
    commit(&mut backend, vec![added("next", 3)]);
    drop(backend);
    let (_, loaded) = Backend::open(dir.path()).expect("it opens again");
    let found: Vec<(String, u64)> = loaded.objects.values().map(|o| (o.key().name.to_string(), o.revision())).collect();
    let expected = [("changed", 2), ("kept", 1), ("next", 3)].map(|(name, revision)| (name.to_owned(), revision));
    assert_eq!((found, loaded.revision), (expected.to_vec(), 3));
    let past: Vec<(String, u64)> =
        loaded.events.iter().map(|e| (e.object.key().name.to_string(), e.object.revision())).collect();
    let expected = [("kept", 1), ("changed", 2), ("next", 3)].map(|(name, revision)| (name.to_owned(), revision));
    assert_eq!(past, expected.to_vec());
}
