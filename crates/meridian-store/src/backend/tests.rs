use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::{Backend, write_batch};
use crate::history::History;
use crate::state::{Applied, State};
use crate::{GroupResource, Key, StoredObject};

fn object(name: &str, revision: u64) -> Arc<StoredObject> {
    let key = Key::new(GroupResource::new("", "secrets"), "default", name);
    Arc::new(StoredObject::new(key, revision, format!("{{\"name\":\"{name}\"}}}}").into()))
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
    let commit = |backend: &mut Backend, batch: Vec<Applied>| {
        backend.commit(&batch, &state).expect("on disk");
        batch.into_iter().for_each(|applied| state.write().expect("no panic").apply(applied));
    };
    commit(&mut backend, vec![Applied::Put(object("kept", 1)), Applied::Put(object("changed", 2))]);
    let failed = vec![
        Applied::Put(object("surplus", 3)),
        Applied::Put(object("changed", 4)),
        Applied::Removed(object("kept", 5)),
    ];
    let database = backend.database.take().expect("it is open");
    write_batch(&database, &failed).expect("on disk");
    drop(database);
    commit(&mut backend, vec![Applied::Put(object("next", 3))]);
    drop(backend);
    let (_, loaded) = Backend::open(dir.path()).expect("it opens again");
    let found: Vec<(String, u64)> = loaded.objects.values().map(|o| (o.key().name.to_string(), o.revision())).collect();
    let expected = [("changed", 2), ("kept", 1), ("next", 3)].map(|(name, revision)| (name.to_owned(), revision));
    assert_eq!((found, loaded.revision), (expected.to_vec(), 3));
}
