//! Watches: every change once, in order, from a list on; and a clear end when that cannot be.

use std::collections::BTreeMap;
use std::time::Duration;

use meridian_store::{EventType, GroupResource, Key, Preconditions, Selection, Store, StoreError, WatchError};
use serde_json::json;

fn maps() -> GroupResource {
    GroupResource::new("", "configmaps")
}

fn map(name: &str) -> Key {
    Key::new(maps(), "default", name)
}

async fn store_with(events: usize) -> Store {
    let store = Store::memory_with_history(events).expect("a store in memory");
    store.create(Key::namespace("default"), json!({"metadata": {}})).await.expect("the namespace");
    store
}

/// Changes objects at random until `writes` writes have happened.
async fn churn(store: Store, writes: usize) {
    let mut done = 0;
    while done < writes {
        let key = map(&format!("m{}", fastrand::u8(0..20)));
        let value = json!({"metadata": {}, "data": {"x": fastrand::u32(..)}});
        let result = match fastrand::u8(0..4) {
            0 => store.create(key, value).await,
            1 => store.delete(&key, &Preconditions::default()).await,
            _ => store.update(&key, value, None).await,
        };
        match result {
            Ok(_) => done += 1,
            Err(StoreError::NotFound(_) | StoreError::AlreadyExists(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_and_its_watch_give_the_same_as_the_store() {
    let store = store_with(100_000).await;
    let writers: Vec<_> = (0..4).map(|_| tokio::spawn(churn(store.clone(), 1_000))).collect();
    let follower = |store: Store| async move {
        let snapshot = store.list(&maps(), None);
        let mut seen: BTreeMap<Key, u64> =
            snapshot.objects.iter().map(|object| (object.key().clone(), object.revision())).collect();
        let mut watch = store.watch(Selection::of(maps()), snapshot.revision).expect("a watch from the list on");
        let mut last = snapshot.revision;
        loop {
            let event = watch.next().await.expect("an event");
            let (key, revision) = (event.object.key().clone(), event.object.revision());
            assert!(revision > last, "{key}: {revision} after {last}");
            last = revision;
            assert!(watch.revision() >= revision, "what was returned is behind the watch");
            let before = seen.get(&key).copied();
            assert_eq!(before, event.previous.as_ref().map(|object| object.revision()), "{key} at {revision}");
            match event.event_type {
                EventType::Added => assert!(before.is_none(), "{key} was there when it was added"),
                EventType::Modified | EventType::Deleted => assert!(before.is_some(), "{key} was not there"),
            }
            if event.event_type == EventType::Deleted {
                seen.remove(&key);
            } else {
                seen.insert(key.clone(), revision);
            }
            if key == map("end") {
                return seen;
            }
        }
    };
    let followers: Vec<_> = (0..6).map(|_| tokio::spawn(follower(store.clone()))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    store.create(map("end"), json!({"metadata": {}})).await.expect("the last");
    let expected: BTreeMap<Key, u64> =
        store.list(&maps(), None).objects.iter().map(|object| (object.key().clone(), object.revision())).collect();
    for follower in followers {
        assert_eq!(follower.await.expect("a follower"), expected);
    }
}

#[tokio::test]
async fn a_watch_sees_only_its_selection_and_progresses_past_the_rest() {
    let store = store_with(100).await;
    store.create(Key::namespace("b"), json!({"metadata": {}})).await.expect("created");
    let selection = Selection { namespace: Some("b".into()), ..Selection::of(maps()) };
    let mut watch = store.watch(selection, 0).expect("a watch");
    store.create(map("a"), json!({"metadata": {}})).await.expect("created");
    assert!(watch.try_next().expect("no error").is_none());
    assert_eq!(watch.revision(), store.revision(), "the others' changes count as seen");
    store.create(Key::new(maps(), "b", "mine"), json!({"metadata": {}})).await.expect("created");
    let event = watch.next().await.expect("an event");
    assert_eq!((event.event_type, &*event.object.key().name), (EventType::Added, "mine"));
}

#[tokio::test]
async fn a_watch_that_falls_behind_ends_and_does_not_hold_writers_up() {
    let store = store_with(10).await;
    let mut slow = store.watch(Selection::default(), store.revision()).expect("a watch");
    for i in 0..50 {
        store.create(map(&format!("m{i}")), json!({"metadata": {}})).await.expect("created");
    }
    let current = store.revision();
    assert_eq!(slow.next().await.expect_err("too slow"), WatchError::Expired { requested: 1, oldest: current - 10 });
    let old = store.watch(Selection::default(), current - 11).expect_err("too old");
    assert_eq!(old.to_string(), format!("too old resource version: {} ({})", current - 11, current - 10));
    let mut kept = store.watch(Selection::default(), current - 10).expect("the oldest that is kept");
    assert_eq!(kept.next().await.expect("an event").object.revision(), current - 9);
}

#[tokio::test]
async fn a_revision_of_another_store_is_refused() {
    let store = store_with(10).await;
    let refused = store.watch(Selection::default(), 1_000).expect_err("not yet");
    assert_eq!(refused, WatchError::Future { requested: 1_000, current: 1 });
}

#[tokio::test]
async fn a_watch_ends_when_the_store_closes() {
    let store = store_with(10).await;
    let mut watch = store.watch(Selection::default(), 0).expect("a watch");
    assert_eq!(watch.next().await.expect("the namespace").object.revision(), 1);
    drop(store);
    let end = tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("it ends");
    assert_eq!(end.expect_err("closed"), WatchError::Closed);
}
