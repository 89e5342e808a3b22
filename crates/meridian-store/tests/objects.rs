//! What the store does to objects: identity, revisions, generations, conflicts.

use meridian_store::{Change, GroupResource, Key, Preconditions, Store, StoreError, StoredObject};
use serde_json::{Value, json};

fn routes() -> GroupResource {
    GroupResource::new("networking.istio.io", "virtualservices")
}

fn route(name: &str) -> Key {
    Key::new(routes(), "default", name)
}

async fn store() -> Store {
    let store = Store::memory().expect("a store in memory");
    store.create(Key::namespace("default"), json!({"metadata": {}})).await.expect("the namespace");
    store
}

#[tokio::test]
async fn a_new_object_gets_what_the_server_owns() {
    let store = store().await;
    let sent = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"labels": {"a": "b"}, "uid": "mine", "resourceVersion": "77", "generation": 9},
        "spec": {"hosts": ["a"]},
    });
    let created = store.create(route("r"), sent).await.expect("created");
    let object = created.to_value("networking.istio.io/v1beta1", "VirtualService");
    assert_eq!(object["apiVersion"], "networking.istio.io/v1beta1");
    assert_eq!(object["kind"], "VirtualService");
    assert_eq!(object["spec"], json!({"hosts": ["a"]}));
    let metadata = &object["metadata"];
    assert_eq!(metadata["name"], "r");
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["labels"], json!({"a": "b"}));
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["resourceVersion"], created.revision().to_string());
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36), "a uid of our own: {metadata}");
    assert_eq!(created.metadata().creation_timestamp.len(), "2026-01-01T00:00:00Z".len());
    assert_eq!(created.metadata().labels["a"], "b");
}

#[tokio::test]
async fn core_kinds_have_no_generation() {
    let store = store().await;
    let key = Key::new(GroupResource::new("", "configmaps"), "default", "c");
    let created = store.create(key, json!({"metadata": {"generation": 4}, "data": {}})).await.expect("created");
    assert!(created.to_value("v1", "ConfigMap")["metadata"].get("generation").is_none());
}

#[tokio::test]
async fn generation_counts_the_spec_only() {
    let store = store().await;
    let key = route("r");
    store.create(key.clone(), json!({"metadata": {}, "spec": {"a": 1}})).await.expect("created");
    let steps: &[(&str, Value, i64)] = &[
        ("a label", json!({"metadata": {"labels": {"x": "y"}}, "spec": {"a": 1}}), 1),
        ("a status", json!({"metadata": {"labels": {"x": "y"}}, "spec": {"a": 1}, "status": {"s": 1}}), 1),
        ("another spec", json!({"metadata": {}, "spec": {"a": 2}, "status": {"s": 1}}), 2),
        ("no spec", json!({"metadata": {}, "status": {"s": 1}}), 3),
        ("no status", json!({"metadata": {}}), 3),
    ];
    let mut revision = store.revision();
    for (what, object, generation) in steps {
        let updated = store.update(&key, object.clone(), None).await.expect("updated");
        assert_eq!(updated.metadata().generation, *generation, "after {what}");
        assert_eq!(updated.revision(), revision + 1, "after {what}");
        revision = updated.revision();
    }
}

#[tokio::test]
async fn the_same_content_again_changes_nothing() {
    let store = store().await;
    let key = route("r");
    let created = store.create(key.clone(), json!({"metadata": {}, "spec": {"a": 1, "b": 2}})).await.expect("created");
    let again = store.update(&key, json!({"spec": {"b": 2, "a": 1}, "metadata": {}}), None).await.expect("updated");
    assert_eq!(again.revision(), created.revision());
    assert_eq!(store.revision(), created.revision());
}

#[tokio::test]
async fn uid_and_creation_time_cannot_be_changed() {
    let store = store().await;
    let created = store.create(route("r"), json!({"metadata": {}})).await.expect("created").metadata();
    let other = json!({"metadata": {"uid": "other", "creationTimestamp": "1999-01-01T00:00:00Z"}, "spec": {}});
    let updated = store.update(&route("r"), other, None).await.expect("updated").metadata();
    assert_eq!((updated.uid, updated.creation_timestamp), (created.uid, created.creation_timestamp));
}

#[tokio::test]
async fn status_is_written_beside_everything_else() {
    let store = store().await;
    store.create(route("r"), json!({"metadata": {}, "spec": {"a": 1}})).await.expect("created");
    let written = store.update_status(&route("r"), json!({"conditions": []})).await.expect("written");
    let object = written.to_value("networking.istio.io/v1", "VirtualService");
    assert_eq!((&object["spec"], &object["status"]), (&json!({"a": 1}), &json!({"conditions": []})));
    assert_eq!(object["metadata"]["generation"], 1);
    let cleared = store.update_status(&route("r"), Value::Null).await.expect("written");
    assert!(cleared.to_value("", "").get("status").is_none());
}

#[tokio::test]
async fn a_write_that_expects_another_state_is_refused() {
    let store = store().await;
    let created = store.create(route("r"), json!({"metadata": {}, "spec": 1})).await.expect("created");
    store.update(&route("r"), json!({"metadata": {}, "spec": 2}), Some(created.revision())).await.expect("updated");
    let stale = store.update(&route("r"), json!({"metadata": {}, "spec": 3}), Some(created.revision())).await;
    let message = stale.expect_err("the revision is old").to_string();
    assert!(message.contains("resourceVersion 2 was expected, resourceVersion 3 was found"), "{message}");
    let uid = Preconditions { uid: Some("other".into()), revision: None };
    assert!(matches!(store.delete(&route("r"), &uid).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.get(&route("r")).expect("still there").to_value("", "")["spec"], 2);
}

#[tokio::test]
async fn names_are_taken_once_and_missing_objects_are_named() {
    let store = store().await;
    store.create(route("r"), json!({"metadata": {}})).await.expect("created");
    assert!(matches!(store.create(route("r"), json!({"metadata": {}})).await, Err(StoreError::AlreadyExists(_))));
    let missing = store.delete(&route("s"), &Preconditions::default()).await.expect_err("missing");
    assert_eq!(missing.to_string(), "virtualservices.networking.istio.io default/s not found");
    let homeless = Key::new(routes(), "nowhere", "r");
    match store.create(homeless, json!({"metadata": {}})).await {
        Err(StoreError::RequiredMissing { required }) => assert_eq!(required, Key::namespace("nowhere")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn concurrent_changes_of_one_object_all_count() {
    let store = store().await;
    store.create(route("r"), json!({"metadata": {}, "spec": 0})).await.expect("created");
    let count = |store: Store| async move {
        let key = route("r");
        for _ in 0..25 {
            let added = store.modify(&key, |current| -> Result<Change, StoreError> {
                let mut object = current.to_value("", "");
                object["spec"] = (object["spec"].as_u64().expect("a number") + 1).into();
                Ok(Change::Put(object))
            });
            added.await.expect("counted");
        }
    };
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(count(store.clone()))).collect();
    for task in tasks {
        task.await.expect("counted");
    }
    let object = store.get(&route("r")).expect("there");
    assert_eq!(object.to_value("", "")["spec"], 200);
    assert_eq!(object.metadata().generation, 201);
}

#[tokio::test]
async fn a_namespace_takes_its_content_with_it() {
    let store = store().await;
    store.create(Key::namespace("other"), json!({"metadata": {}})).await.expect("created");
    store.create(Key::new(routes(), "other", "r"), json!({"metadata": {}})).await.expect("created");
    store.create(route("a"), json!({"metadata": {"finalizers": ["x/y"]}})).await.expect("created");
    store.create(route("b"), json!({"metadata": {}})).await.expect("created");
    match store.delete_namespace("default").await {
        Err(StoreError::Finalizers(held)) => assert_eq!(held, route("a")),
        other => panic!("{other:?}"),
    }
    assert!(store.get(&route("b")).is_some(), "a refused deletion removes nothing");
    store.delete(&route("a"), &Preconditions::default()).await.expect("deleted");
    store.delete_namespace("default").await.expect("deleted");
    assert!(store.get(&Key::namespace("default")).is_none());
    let left: Vec<String> = store.list(&routes(), None).objects.iter().map(|object| object.key().to_string()).collect();
    assert_eq!(left, ["virtualservices.networking.istio.io other/r"]);
}

#[tokio::test]
async fn lists_are_ordered_and_bounded_by_collection_and_namespace() {
    let store = store().await;
    store.create(Key::namespace("b"), json!({"metadata": {}})).await.expect("created");
    for (namespace, name) in [("default", "z"), ("b", "m"), ("default", "a"), ("b", "k")] {
        store.create(Key::new(routes(), namespace, name), json!({"metadata": {}})).await.expect("created");
    }
    let names = |namespace: Option<&str>| -> Vec<String> {
        let snapshot = store.list(&routes(), namespace);
        assert_eq!(snapshot.revision, store.revision());
        snapshot.objects.iter().map(|o| format!("{}/{}", o.key().namespace, o.key().name)).collect()
    };
    assert_eq!(names(None), ["b/k", "b/m", "default/a", "default/z"]);
    assert_eq!(names(Some("b")), ["b/k", "b/m"]);
    assert_eq!(names(Some("nowhere")), Vec::<String>::new());
    assert_eq!(store.list(&GroupResource::new("networking.istio.io", "virtualservice"), None).objects.len(), 0);
}

#[tokio::test]
async fn a_list_can_look_back() {
    let store = store().await;
    store.create(route("a"), json!({"metadata": {}, "spec": 1})).await.expect("created");
    store.create(route("b"), json!({"metadata": {}, "spec": 1})).await.expect("created");
    let then = store.revision();
    let seen = |list: meridian_store::Snapshot| -> Vec<(String, u64, Value)> {
        list.objects.iter().map(|o| (o.key().to_string(), o.revision(), o.to_value("", "")["spec"].clone())).collect()
    };
    let expected = seen(store.list(&routes(), None));
    for spec in 2..5 {
        store.update(&route("a"), json!({"metadata": {}, "spec": spec}), None).await.expect("updated");
    }
    store.delete(&route("b"), &Preconditions::default()).await.expect("deleted");
    store.create(route("c"), json!({"metadata": {}})).await.expect("created");
    store.create(route("b"), json!({"metadata": {}, "spec": 9})).await.expect("created");
    assert_eq!(seen(store.list_at(&routes(), Some("default"), then).expect("within reach")), expected);
    assert_eq!(store.list_at(&routes(), Some("other"), then).expect("within reach").objects.len(), 0);
    assert!(store.list_at(&routes(), None, store.revision() + 1).is_err());
}

#[tokio::test]
async fn a_draft_is_not_stored() {
    let store = store().await;
    let draft = StoredObject::draft(route("r"), json!({"metadata": {}, "spec": 1})).expect("a draft");
    assert_eq!(draft.metadata().generation, 1);
    assert!(store.get(&route("r")).is_none());
    let created = store.create(route("r"), json!({"metadata": {}, "spec": 1})).await.expect("created");
    let changed = created.changed(json!({"metadata": {}, "spec": 2})).expect("a draft");
    assert_eq!((changed.metadata().generation, changed.revision()), (2, created.revision()));
    assert_eq!(store.get(&route("r")).expect("there").to_value("", "")["spec"], 1);
}
