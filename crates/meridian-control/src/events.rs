//! Events of Ingresses: `kubectl describe ingress` shows these, and no conditions.

use meridian_store::{Change, GroupResource, Key, Preconditions, Store, StoreError, StoredObject};
use meridian_translate::{CONDITION_TYPES, Condition};
use serde_json::{Value, json};

/// What an event says it comes from.
const COMPONENT: &str = "meridian";

/// Keeps the events of an object as its conditions are: one for each that is false. Without conditions there is none.
pub(crate) async fn follow(
    store: &Store,
    key: &Key,
    object: Option<&StoredObject>,
    conditions: &[Condition],
    now: &str,
) {
    for type_ in CONDITION_TYPES {
        let event = Key::new(GroupResource::new("", "events"), &key.namespace, &name(key, type_));
        let failed = conditions.iter().find(|condition| condition.type_ == type_ && !condition.status);
        let written = match failed.zip(object) {
            Some((condition, object)) => write(store, event, object, condition, now).await,
            None if store.get(&event).is_none() => continue,
            None => store.delete(&event, &Preconditions::default()).await.map(drop),
        };
        match written {
            Ok(()) | Err(StoreError::NotFound(_) | StoreError::Closed) => {}
            Err(error) => tracing::warn!(object = %key, %error, "the event could not be written"),
        }
    }
}

fn name(key: &Key, type_: &str) -> String {
    format!("{}.{}", key.name, type_.to_ascii_lowercase())
}

async fn write(
    store: &Store,
    key: Key,
    object: &StoredObject,
    condition: &Condition,
    now: &str,
) -> Result<(), StoreError> {
    let new = event(object, condition, now);
    let changed = |current: &StoredObject| -> Result<Change, StoreError> {
        let mut value = current.to_value("v1", "Event");
        let same = ["reason", "message", "involvedObject"].iter().all(|field| value[*field] == new[*field]);
        if same {
            return Ok(Change::Keep);
        }
        for field in ["reason", "message", "involvedObject", "lastTimestamp"] {
            value[field] = new[field].clone();
        }
        value["count"] = (value["count"].as_i64().unwrap_or(0) + 1).into();
        Ok(Change::Put(value))
    };
    match store.modify(&key, changed).await {
        Err(StoreError::NotFound(_)) => {
            let mut first = new.clone();
            first["metadata"] = json!({"name": key.name, "namespace": key.namespace});
            store.create(key, first).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn event(object: &StoredObject, condition: &Condition, now: &str) -> Value {
    let (key, metadata) = (object.key(), object.metadata());
    json!({
        "involvedObject": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "namespace": key.namespace,
            "name": key.name,
            "uid": metadata.uid,
        },
        "type": "Warning",
        "reason": condition.reason,
        "message": condition.message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}
