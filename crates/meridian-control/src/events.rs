//! Events: what `kubectl describe` shows of an object of which something is wrong.
//!
//! There is one event for each condition that is not as it should be. It is written when that is first so, and again,
//! counted, when there is another reason; never because the same was found again.

use crate::cluster::Cluster;
use meridian_resources::Kind;
use meridian_store::Key;
use meridian_translate::{CONDITION_TYPES, Condition};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What an event says it comes from.
const COMPONENT: &str = "meridian";

/// The conditions of Gateway API that say that something is wrong when they are true; of all others it is when they
/// are false.
const NEGATIVE: [&str; 3] = ["Conflicted", "OverlappingTLSConfig", "PartiallyInvalid"];

/// Reasons that end by themselves.
const PASSING: [&str; 2] = ["Pending", "AddressNotAssigned"];

/// Something that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The condition, or what else there is one event of.
    pub(crate) topic: String,
    /// Why, as one CamelCase word.
    pub(crate) reason: String,
    /// Why, for people.
    pub(crate) message: String,
}

/// What is wrong according to an object's conditions.
pub(crate) fn of_conditions(conditions: &[Condition]) -> Vec<Notice> {
    let failed = conditions.iter().filter(|condition| !condition.status);
    let notice = |condition: &Condition| Notice {
        topic: condition.type_.to_owned(),
        reason: condition.reason.to_owned(),
        message: condition.message.clone(),
    };
    failed.map(notice).collect()
}

/// What is wrong according to the status of an object of Gateway API: its own conditions, those of its listeners, of
/// its parents and of its ancestors; one notice for each type.
pub(crate) fn of_gateway_api(status: &Value) -> Vec<Notice> {
    let lists = ["listeners", "parents", "ancestors"].iter().filter_map(|field| status[*field].as_array()).flatten();
    let conditions = std::iter::once(status).chain(lists).filter_map(|part| {
        let name = part["name"].as_str().map(|name| format!("listener {name}: ")).unwrap_or_default();
        Some((name, part["conditions"].as_array()?))
    });
    let mut notices: Vec<Notice> = Vec::new();
    for (name, condition) in conditions.flat_map(|(name, list)| list.iter().map(move |one| (name.clone(), one))) {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        let bad = if NEGATIVE.contains(&text("type")) { "True" } else { "False" };
        let known = notices.iter().any(|notice| notice.topic == text("type"));
        if text("status") != bad || PASSING.contains(&text("reason")) || known {
            continue;
        }
        notices.push(Notice {
            topic: text("type").to_owned(),
            reason: text("reason").to_owned(),
            message: format!("{name}{}", text("message")),
        });
    }
    notices
}

/// What has been told, so that it is not told again.
#[derive(Debug, Default)]
pub(crate) struct Events {
    told: Mutex<HashMap<Key, Vec<Notice>>>,
    /// Namespace and name of the events of earlier processes, which do not end by themselves; read when they are first
    /// asked for.
    earlier: OnceCell<Mutex<HashSet<(String, String)>>>,
}

impl Events {
    /// Keeps the events of an object as these notices are; `uid` is empty when the object is gone.
    pub(crate) async fn follow(
        &self,
        cluster: &Cluster,
        kind: &'static Kind,
        key: &Key,
        uid: &str,
        notices: Vec<Notice>,
        now: &str,
    ) {
        let before = self.replace(key, notices.clone());
        for notice in notices.iter().filter(|notice| !before.contains(notice)) {
            let event = event(kind, key, uid, notice, now);
            if let Err(error) = cluster.put_event(&name(key, &notice.topic), event).await {
                tracing::warn!(object = %key, %error, "the event could not be written");
            }
        }
        let mut over: HashSet<&str> = before.iter().map(|notice| notice.topic.as_str()).collect();
        over.extend(self.earlier(cluster, key).await);
        over.retain(|topic| !notices.iter().any(|notice| notice.topic == *topic));
        for topic in over {
            if let Err(error) = cluster.remove_event(namespace(key), &name(key, topic)).await {
                tracing::warn!(object = %key, %error, "the event could not be removed");
            }
        }
    }

    /// The topics of an object's events that an earlier process has written; each is returned once.
    async fn earlier(&self, cluster: &Cluster, key: &Key) -> Vec<&'static str> {
        let read = || async {
            let names = cluster.lasting_events().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the events of earlier processes could not be read, and stay");
                Vec::new()
            });
            Mutex::new(names.into_iter().collect())
        };
        let earlier = self.earlier.get_or_init(read).await;
        let mut earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner);
        if earlier.is_empty() {
            return Vec::new();
        }
        let is_there = |topic: &&str| earlier.remove(&(namespace(key).to_owned(), name(key, topic)));
        CONDITION_TYPES.into_iter().filter(is_there).collect()
    }

    fn replace(&self, key: &Key, notices: Vec<Notice>) -> Vec<Notice> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if notices.is_empty() { told.remove(key) } else { told.insert(key.clone(), notices) };
        before.unwrap_or_default()
    }
}

/// Events of objects without a namespace are in `default`, as Kubernetes' own are.
fn namespace(key: &Key) -> &str {
    if key.namespace.is_empty() { "default" } else { &key.namespace }
}

/// The event of a condition; names of objects have at most 253 characters, and so has this.
fn name(key: &Key, topic: &str) -> String {
    let kind = key.resource.as_str().split('.').next().unwrap_or_default();
    let end = format!(".{kind}.{}", topic.to_ascii_lowercase());
    let most = 253_usize.saturating_sub(end.len());
    // Names are ASCII.
    let start = key.name.get(..most.min(key.name.len())).unwrap_or(&key.name);
    format!("{start}{end}")
}

fn event(kind: &Kind, key: &Key, uid: &str, notice: &Notice, now: &str) -> Value {
    let mut involved = json!({
        "apiVersion": kind.preferred_api_version(),
        "kind": kind.kind,
        "name": key.name,
        "uid": uid,
    });
    if !key.namespace.is_empty() {
        involved["namespace"] = (*key.namespace).into();
    }
    // Longer messages are refused by Kubernetes.
    let message: String = notice.message.chars().take(1000).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name(key, &notice.topic), "namespace": namespace(key)},
        "involvedObject": involved,
        "type": "Warning",
        "reason": notice.reason,
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

/// What of an event is new when it is told again.
pub(crate) const RENEWED: [&str; 4] = ["reason", "message", "involvedObject", "lastTimestamp"];

/// Whether two events say the same of the same object.
pub(crate) fn is_same(current: &Value, new: &Value) -> bool {
    ["reason", "message", "involvedObject"].iter().all(|field| current[*field] == new[*field])
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_store::GroupResource;

    #[test]
    fn what_is_wrong_is_told_once_for_each_type() {
        let condition = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": "m"});
        let status = json!({
            "conditions": [condition("Accepted", "True", "Accepted"), condition("Programmed", "False", "AddressNotAssigned")],
            "listeners": [
                {"name": "a", "conditions": [condition("Conflicted", "False", "NoConflicts")]},
                {"name": "b", "conditions": [condition("Conflicted", "True", "HostnameConflict")]},
            ],
            "parents": [{"conditions": [condition("ResolvedRefs", "False", "BackendNotFound")]}],
        });
        let notices = of_gateway_api(&status);
        let told: Vec<_> = notices.iter().map(|notice| (&*notice.topic, &*notice.reason, &*notice.message)).collect();
        assert_eq!(
            told,
            [("Conflicted", "HostnameConflict", "listener b: m"), ("ResolvedRefs", "BackendNotFound", "m")]
        );
    }

    #[test]
    fn names_of_events_are_names_of_objects() {
        let key = |name: &str| Key::new(GroupResource::new("gateway.networking.k8s.io", "gateways"), "default", name);
        assert_eq!(name(&key("edge"), "ResolvedRefs"), "edge.gateways.resolvedrefs");
        assert_eq!(name(&key(&"a".repeat(253)), "Accepted").len(), 253);
    }
}
