//! What the control plane is told of the objects of an API.

use super::{embedded, kubernetes};
use meridian_resources::Kind;
use meridian_resources::core::{endpoints, pod};
use meridian_resources::istio::service_entry;
use meridian_store::{GroupResource, Key, StoredObject};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Change {
    /// An object is there, or is different.
    Put(Observed),
    /// An object is gone.
    Gone(Key),
    /// All objects of a collection (`None`: of all) have been told, and there are no others than these.
    Listed(Option<GroupResource>, HashSet<Key>),
    /// Everything that exists has been told once: from now on there is something to say of it.
    InStep,
}

/// There will be no more changes: the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

/// An object as it was seen.
#[derive(Debug)]
pub(crate) struct Observed {
    /// Its kind.
    pub(crate) kind: &'static Kind,
    /// Its name.
    pub(crate) key: Key,
    /// The object itself.
    pub(crate) object: Body,
}

/// The text or the tree of an object.
#[derive(Debug)]
pub(crate) enum Body {
    Stored(Arc<StoredObject>),
    /// From a Kubernetes API; `own`: as it was after this process wrote its status.
    Read {
        object: Value,
        own: bool,
    },
}

impl Observed {
    /// The object as a tree.
    pub(crate) fn to_value(&self) -> Cow<'_, Value> {
        match &self.object {
            Body::Stored(object) => Cow::Owned(object.to_value(&self.kind.preferred_api_version(), self.kind.kind)),
            Body::Read { object, .. } => Cow::Borrowed(object),
        }
    }

    /// Whether the status may be one that others have written after it was last ours. The embedded API is asked for the
    /// status of the moment whenever one is written, so there is nothing to be put right later.
    pub(crate) fn may_be_of_others(&self) -> bool {
        match &self.object {
            Body::Stored(_) => false,
            Body::Read { own, .. } => !own,
        }
    }

    /// A number that is another one when anything is different that is translated. Statuses, our own reports above
    /// all, are not, but for those of Pods and the addresses of ServiceEntries.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &self.object {
            Body::Stored(object) => {
                if !counts_generations(self.kind) {
                    object.revision().hash(&mut hasher);
                    return hasher.finish();
                }
                let meta = object.metadata();
                (meta.uid, meta.generation, meta.labels, meta.annotations).hash(&mut hasher);
                if *self.kind == service_entry::KIND {
                    object.to_value("", "")["status"]["addresses"].to_string().hash(&mut hasher);
                }
            }
            Body::Read { object, .. } => {
                let meta = &object["metadata"];
                meta["uid"].to_string().hash(&mut hasher);
                for part in parts(self.kind, object) {
                    part.to_string().hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

/// What of an object of a Kubernetes API may make a difference.
fn parts<'o>(kind: &Kind, object: &'o Value) -> Vec<&'o Value> {
    let (meta, status) = (&object["metadata"], &object["status"]);
    if *kind == pod::KIND {
        // Of the conditions only what they are, and not since when.
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let ready = conditions.filter(|condition| condition["type"] == "Ready").map(|ready| &ready["status"]);
        let rest = [&meta["labels"], &meta["annotations"], &object["spec"], &status["phase"], &status["podIPs"]];
        return ready.chain(rest).collect();
    }
    if !counts_generations(kind) {
        return vec![&meta["resourceVersion"]];
    }
    let mut parts = vec![&meta["generation"], &meta["labels"], &meta["annotations"]];
    if *kind == service_entry::KIND {
        parts.push(&status["addresses"]);
    }
    parts
}

/// Whether the generation says all about an object but its labels and annotations. Core kinds have none, and of Pods
/// the status matters.
fn counts_generations(kind: &Kind) -> bool {
    *kind != pod::KIND && *kind != endpoints::KIND && !kind.group.is_empty()
}

/// The changes of an API.
#[derive(Debug)]
pub(crate) enum Changes {
    Embedded(Box<embedded::Changes>),
    Kubernetes(kubernetes::Changes),
}

impl Changes {
    /// Waits for the next one. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Result<Change, Ended> {
        match self {
            Self::Embedded(changes) => changes.next().await,
            Self::Kubernetes(changes) => changes.next().await,
        }
    }

    /// The next one when it is there already.
    pub(crate) fn try_next(&mut self) -> Result<Option<Change>, Ended> {
        match self {
            Self::Embedded(changes) => changes.try_next(),
            Self::Kubernetes(changes) => Ok(changes.try_next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::kind;
    use serde_json::json;

    fn fingerprint(group: &str, name: &str, object: Value) -> u64 {
        let kind = kind::by_group_kind(group, name).unwrap();
        let key = Key::new(GroupResource::of(kind), "default", "a");
        Observed { kind, key, object: Body::Read { object, own: false } }.fingerprint()
    }

    #[test]
    fn only_what_is_translated_makes_a_difference() {
        let route = |generation: i64, version: &str, label: &str| {
            let meta =
                json!({"uid": "u", "generation": generation, "resourceVersion": version, "labels": {"a": label}});
            fingerprint("gateway.networking.k8s.io", "HTTPRoute", json!({"metadata": meta, "status": {"x": version}}))
        };
        assert_eq!(route(1, "5", "x"), route(1, "6", "x"), "a status");
        assert_ne!(route(1, "5", "x"), route(2, "5", "x"));
        assert_ne!(route(1, "5", "x"), route(1, "5", "y"));

        let pod = |address: &str, ready: &str, since: &str| {
            let condition = json!({"type": "Ready", "status": ready, "lastTransitionTime": since});
            let status = json!({"podIPs": [{"ip": address}], "phase": "Running", "conditions": [condition]});
            fingerprint("", "Pod", json!({"metadata": {"uid": "u", "generation": 1}, "status": status}))
        };
        assert_eq!(pod("10.0.0.1", "True", "1"), pod("10.0.0.1", "True", "2"));
        assert_ne!(pod("10.0.0.1", "True", "1"), pod("10.0.0.1", "False", "1"));
        assert_ne!(pod("10.0.0.1", "True", "1"), pod("10.0.0.2", "True", "1"));

        let service =
            |version: &str| fingerprint("", "Service", json!({"metadata": {"uid": "u", "resourceVersion": version}}));
        assert_eq!(service("1"), service("1"), "a list that tells the same again");
        assert_ne!(service("1"), service("2"));

        let entry = |address: &str| {
            let status = json!({"addresses": [{"host": "a", "value": address}]});
            fingerprint("networking.istio.io", "ServiceEntry", json!({"metadata": {"uid": "u"}, "status": status}))
        };
        assert_ne!(entry("240.240.0.1"), entry("240.240.0.2"));
    }
}
