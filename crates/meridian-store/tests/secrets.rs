//! Secrets at rest: what the file does not show, and what happens to the key.

use std::fs;
use std::path::Path;

use meridian_store::{GroupResource, Key, OpenError, Preconditions, Selection, Store, maintenance};
use serde_json::json;

const VALUE: &str = "c3dvcmRmaXNoLWlzLXRoZS1wYXNzd29yZA==";

fn secret(name: &str) -> Key {
    Key::new(GroupResource::new("", "secrets"), "default", name)
}

/// A store with Secrets that hold [`VALUE`], one of them changed and one removed since, and a ConfigMap that shows its
/// content.
async fn filled(dir: &Path) -> Store {
    let store = Store::open(dir).expect("the store opens");
    store.create(Key::namespace("default"), json!({"metadata": {}})).await.expect("the namespace");
    for i in 0..20 {
        let note = format!("{{\"data\":\"{VALUE}\"}}");
        let value = json!({"metadata": {"annotations": {"last-applied": note}}, "data": {"password": VALUE}});
        store.create(secret(&format!("s{i}")), value).await.expect("created");
    }
    store.update(&secret("s1"), json!({"metadata": {}, "data": {"password": "bmV3"}}), None).await.expect("updated");
    store.delete(&secret("s2"), &Preconditions::default()).await.expect("deleted");
    let map = Key::new(GroupResource::new("", "configmaps"), "default", "open");
    store.create(map, json!({"metadata": {}, "data": {"shown": "everybody-may-read-this"}})).await.expect("created");
    store
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every file of the folder.
fn bytes_of(dir: &Path) -> Vec<u8> {
    let files = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    files.flat_map(|file| fs::read(file).expect("a file")).collect()
}

#[tokio::test]
async fn no_byte_of_the_folder_shows_a_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = filled(dir.path()).await;
    assert!(!contains(&bytes_of(dir.path()), VALUE), "while it runs");
    drop(store);
    let bytes = bytes_of(dir.path());
    assert!(!contains(&bytes, VALUE), "after it ended");
    assert!(!contains(&bytes, "bmV3"), "the change");
    assert!(contains(&bytes, "everybody-may-read-this"), "this test can find what is shown");
    let store = Store::open(dir.path()).expect("the store opens again");
    let object = store.get(&secret("s3")).expect("there").to_value("v1", "Secret");
    assert_eq!(object["data"]["password"], VALUE);
    let mut watch = store.watch(Selection::of(GroupResource::new("", "secrets")), 0).expect("a watch");
    let events: Vec<_> = std::iter::from_fn(|| watch.try_next().expect("an event")).collect();
    let removed = events.last().expect("events").object.to_value("v1", "Secret");
    assert_eq!((events.len(), &removed["data"]["password"]), (22, &json!(VALUE)), "the history opens too");
}

#[tokio::test]
async fn a_store_without_its_key_says_what_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    let key = dir.path().join("store.key");
    let whole = fs::read_to_string(&key).expect("the key");
    fs::remove_file(&key).expect("removed");
    let error = Store::open(dir.path()).expect_err("no key");
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("store.key is missing"), "{error}");
    assert!(!key.exists(), "no other key takes its place");

    let other = tempfile::tempdir().expect("a folder");
    drop(filled(other.path()).await);
    fs::copy(other.path().join("store.key"), &key).expect("copied");
    let error = Store::open(dir.path()).expect_err("another key");
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error:?}");

    fs::write(&key, "scribble").expect("written");
    let error = Store::open(dir.path()).expect_err("no key at all");
    assert!(matches!(error, OpenError::KeyUnusable { .. }), "{error:?}");
    assert!(!error.to_string().contains("scribble"), "{error}");

    fs::write(&key, whole).expect("written");
    Store::open(dir.path()).expect("with its key it opens");
}

#[tokio::test]
async fn everything_but_the_secrets_can_be_had_without_the_key() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    fs::remove_file(dir.path().join("store.key")).expect("removed");
    let found = maintenance::salvage(dir.path()).expect("the file is readable");
    let names: Vec<String> = found.objects.iter().map(|object| object.key().to_string()).collect();
    assert_eq!(names, ["configmaps default/open", "namespaces default"]);
    assert!(found.sealed > 19, "{found:?}");
}

#[tokio::test]
async fn a_new_key_leaves_nothing_under_the_old_one() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    let before = fs::read_to_string(dir.path().join("store.key")).expect("the key");
    let old_file = fs::read(dir.path().join("store.redb")).expect("the file");
    maintenance::rotate_key(dir.path()).expect("rotated");
    let after = fs::read_to_string(dir.path().join("store.key")).expect("the key");
    let keys = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((keys(&before).len(), keys(&after).len()), (1, 1));
    assert_ne!(keys(&before), keys(&after));
    let store = Store::open(dir.path()).expect("it opens under the new key");
    assert_eq!(store.get(&secret("s3")).expect("there").to_value("v1", "Secret")["data"]["password"], VALUE);
    assert!(store.watch(Selection::default(), 0).is_ok(), "the history is kept");
    drop(store);
    // The old key with the new file, and the new key with the old one.
    fs::write(dir.path().join("store.key"), &before).expect("written");
    assert!(matches!(Store::open(dir.path()), Err(OpenError::WrongKey { .. })));
    fs::write(dir.path().join("store.key"), &after).expect("written");
    fs::write(dir.path().join("store.redb"), old_file).expect("written");
    assert!(matches!(Store::open(dir.path()), Err(OpenError::WrongKey { .. })));
}

/// A rotation that was cut short between its steps goes on at the next start.
#[tokio::test]
async fn a_rotation_that_was_cut_short_is_completed() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(filled(dir.path()).await);
    let key = dir.path().join("store.key");
    let line = |text: String| text.lines().last().expect("a key").to_owned();
    let old = line(fs::read_to_string(&key).expect("the key"));
    let other = tempfile::tempdir().expect("a folder");
    drop(Store::open(other.path()).expect("the store opens"));
    let new = line(fs::read_to_string(other.path().join("store.key")).expect("the key"));
    fs::write(&key, format!("{new}\n{old}\n")).expect("written");
    drop(Store::open(dir.path()).expect("it opens"));
    let left = fs::read_to_string(&key).expect("the key");
    assert!(left.contains(&new) && !left.contains(&old), "only the new key is left");
    assert!(Store::open(dir.path()).expect("it opens").get(&secret("s3")).is_some());
}
