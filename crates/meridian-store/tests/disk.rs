//! The store on disk: reopening, one process at a time, damage.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meridian_store::{GroupResource, Key, OpenError, Preconditions, Selection, Store, WatchError};
use serde_json::json;

fn secret(name: &str) -> Key {
    Key::new(GroupResource::new("", "secrets"), "default", name)
}

async fn filled(dir: &Path, objects: usize) -> Store {
    let store = Store::open(dir).expect("the store opens");
    store.create(Key::namespace("default"), json!({"metadata": {}})).await.expect("the namespace");
    let writes: Vec<_> = (0..objects)
        .map(|i| {
            let store = store.clone();
            let value = json!({"metadata": {}, "data": {"number": i, "padding": "p".repeat(1_000)}});
            tokio::spawn(async move { store.create(secret(&format!("s{i}")), value).await })
        })
        .collect();
    for write in writes {
        write.await.expect("a task").expect("a write");
    }
    store
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("deep/data");
    let store = filled(&path, 300).await;
    store.delete(&secret("s7"), &Preconditions::default()).await.expect("deleted");
    store.update(&secret("s8"), json!({"metadata": {}, "data": {"number": 88}}), None).await.expect("updated");
    let before = store.list_all();
    drop(store);
    let store = Store::open(&path).expect("the store opens again");
    let after = store.list_all();
    assert_eq!(after.revision, before.revision);
    let text = |list: &meridian_store::Snapshot| -> Vec<_> {
        list.objects.iter().map(|o| (o.key().clone(), o.revision(), o.to_value("v1", "Secret"))).collect()
    };
    assert_eq!(text(&after), text(&before));
    assert!(store.get(&secret("s7")).is_none());
    let created = store.create(secret("s7"), json!({"metadata": {}})).await.expect("created");
    assert_eq!(created.revision(), before.revision + 1, "revisions go on where they were");
}

#[tokio::test]
async fn a_watch_goes_on_where_it_was_when_the_process_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path(), 3).await;
    let revision = store.revision();
    store.update(&secret("s1"), json!({"metadata": {}, "data": {"number": 11}}), None).await.expect("updated");
    store.delete(&secret("s2"), &Preconditions::default()).await.expect("deleted");
    store.create(secret("s2"), json!({"metadata": {}, "data": {"number": 22}})).await.expect("created");
    let told = |store: &Store, from| {
        let mut watch = store.watch(Selection::default(), from).expect("the history reaches back");
        std::iter::from_fn(move || watch.try_next().expect("an event"))
            .map(|event| {
                let before = event.previous.map(|before| (before.revision(), before.to_value("v1", "Secret")));
                (event.event_type, event.object.revision(), event.object.to_value("v1", "Secret"), before)
            })
            .collect::<Vec<_>>()
    };
    let (all, later) = (told(&store, 0), told(&store, revision));
    assert_eq!((all.len() as u64, later.len()), (revision + 3, 3));
    let earlier = store.list_at(&GroupResource::new("", "secrets"), None, revision).expect("within reach").objects;
    drop(store);
    for _ in 0..2 {
        let store = Store::open(dir.path()).expect("the store opens again");
        assert_eq!((told(&store, 0), told(&store, revision)), (all.clone(), later.clone()));
        let again = store.list_at(&GroupResource::new("", "secrets"), None, revision).expect("within reach").objects;
        let text = |objects: &[std::sync::Arc<meridian_store::StoredObject>]| -> Vec<_> {
            objects.iter().map(|object| object.to_value("v1", "Secret")).collect()
        };
        assert_eq!(text(&again), text(&earlier));
    }
}

/// The history on disk is bounded as that in memory is, by number and by bytes.
#[tokio::test]
async fn the_history_on_disk_is_bounded() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path(), 0).await;
    let map = Key::new(GroupResource::new("", "configmaps"), "default", "large");
    let value = |i: usize| json!({"metadata": {}, "data": {"number": i, "padding": "p".repeat(900_000)}});
    store.create(map.clone(), value(0)).await.expect("created");
    for i in 1..60 {
        store.update(&map, value(i), None).await.expect("updated");
    }
    let revision = store.revision();
    drop(store);
    let store = Store::open(dir.path()).expect("the store opens again");
    let oldest = match store.watch(Selection::default(), 1) {
        Err(WatchError::Expired { requested: 1, oldest }) => oldest,
        other => panic!("{other:?}"),
    };
    assert!((15..=21).contains(&(revision - oldest)), "{} of {revision} changes are kept", revision - oldest);
    let length = std::fs::metadata(dir.path().join("store.redb")).expect("the file").len();
    assert!(length < 48 << 20, "the file has {length} bytes");
}

/// What was deleted takes no room after the store was compacted, and everything else is there.
#[tokio::test]
async fn compaction_gives_space_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path(), 20).await;
    let map = |i: usize| Key::new(GroupResource::new("", "configmaps"), "default", &format!("large-{i}"));
    for i in 0..40 {
        let value = json!({"metadata": {}, "data": {"padding": "p".repeat(900_000)}});
        store.create(map(i), value).await.expect("created");
    }
    for i in 0..40 {
        store.delete(&map(i), &Preconditions::default()).await.expect("deleted");
    }
    let before = store.list_all();
    drop(store);
    let (bytes, now) = meridian_store::maintenance::compact(dir.path()).expect("compacted");
    assert!(now < bytes && now < 24_000_000, "{bytes} bytes before, {now} now");
    let store = Store::open(dir.path()).expect("the store opens again");
    let after = store.list_all();
    assert_eq!((after.revision, after.objects.len()), (before.revision, before.objects.len()));
    assert!(store.watch(Selection::default(), before.revision - 10).is_ok(), "the history is kept");
}

#[tokio::test]
async fn only_the_owner_may_look_into_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("data");
    drop(filled(&path, 1).await);
    let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in ["store.redb", "store.key", "store.lock"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path(), 1).await;
    let error = Store::open(dir.path()).expect_err("it is in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&dir.path().display().to_string()), "{error}");
    assert!(error.to_string().contains("in use by this process"), "{error}");
    drop(store);
    Store::open(dir.path()).expect("it is free again");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path(), 200).await);
    let file = dir.path().join("store.redb");
    let whole = std::fs::read(&file).expect("the file");
    let damages: &[(&str, Vec<u8>)] = &[
        ("another file", b"this is a letter, not a store".to_vec()),
        ("a cut file", whole[..whole.len() / 2].to_vec()),
        ("an overwritten head", [vec![0xff; 4096], whole[4096..].to_vec()].concat()),
    ];
    for (what, bytes) in damages {
        std::fs::write(&file, bytes).expect("written");
        match Store::open(dir.path()) {
            Err(error @ OpenError::Damaged { .. }) => {
                let message = error.to_string();
                assert!(
                    message.contains("store.redb is damaged") && message.contains("meridian store export"),
                    "{what}: {message}"
                );
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    std::fs::write(&file, &whole).expect("written");
    assert_eq!(Store::open(dir.path()).expect("the whole file opens").list_all().objects.len(), 201);
}

/// A bit that flips in the middle is found at the start, or has hit a page that holds nothing.
#[tokio::test]
async fn flipped_bytes_never_give_other_objects() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path(), 100).await;
    let expected: Vec<_> = store.list_all().objects.iter().map(|o| o.to_value("", "")).collect();
    drop(store);
    let file = dir.path().join("store.redb");
    let whole = std::fs::read(&file).expect("the file");
    let mut found = 0;
    for _ in 0..100 {
        let mut bytes = whole.clone();
        let at = fastrand::usize(..bytes.len());
        bytes[at] ^= 1 << fastrand::u8(0..8);
        std::fs::write(&file, &bytes).expect("written");
        match Store::open(dir.path()) {
            Ok(store) => {
                let read: Vec<_> = store.list_all().objects.iter().map(|o| o.to_value("", "")).collect();
                assert!(read == expected, "byte {at} of {} gave other objects", bytes.len());
            }
            Err(OpenError::Damaged { .. }) => found += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    println!("{found} of 100 flipped bytes were in use and found");
}
