//! What the control plane is told of the objects of an API.

use super::seen::Seen;
use meridian_resources::Kind;
use meridian_resources::core::{endpoints, pod};
use meridian_resources::istio::service_entry;
use meridian_store::{GroupResource, Key};
use serde_json::Value;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Change {
    /// An object is there, or is different.
    Put(Observed),
    /// An object is gone.
    Gone(Key),
    /// All objects of a collection have been told, and there are no others than these.
    Listed(GroupResource, HashSet<Key>),
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
    pub(crate) object: Value,
    /// It is as it was after this process wrote its status.
    pub(crate) own: bool,
}

impl Observed {
    /// A number that is another one when anything is different that is translated. Statuses, our own reports above
    /// all, are not, but for those of Pods and the addresses of ServiceEntries.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.object["metadata"]["uid"].hash(&mut hasher);
        for part in parts(self.kind, &self.object) {
            part.hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// What of an object may make a difference.
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
pub(crate) struct Changes {
    watch: meridian_kube::Watch,
    seen: Seen,
}

impl Changes {
    pub(super) fn new(watch: meridian_kube::Watch, seen: Seen) -> Self {
        Self { watch, seen }
    }

    /// Waits for the next one. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Result<Change, Ended> {
        match self.watch.next().await {
            Some(change) => Ok(self.change_of(change)),
            None => Err(Ended),
        }
    }

    /// The next one when it is there already.
    pub(crate) fn try_next(&mut self) -> Option<Change> {
        self.watch.try_next().map(|change| self.change_of(change))
    }

    fn change_of(&self, change: meridian_kube::Change) -> Change {
        use meridian_kube::Change as Told;
        match change {
            Told::Put { kind, object } => {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                let key = Key::new(GroupResource::of(kind), text("namespace"), text("name"));
                let own = self.seen.told(kind, &key, &object);
                Change::Put(Observed { kind, key, object, own })
            }
            Told::Gone { kind, namespace, name } => {
                let key = Key::new(GroupResource::of(kind), &namespace, &name);
                self.seen.remove(&key);
                Change::Gone(key)
            }
            Told::Listed { kind, objects } => {
                let collection = GroupResource::of(kind);
                let key = |(namespace, name): (String, String)| Key::new(collection.clone(), &namespace, &name);
                let keys: HashSet<Key> = objects.into_iter().map(key).collect();
                Change::Listed(collection, keys)
            }
            Told::InStep => Change::InStep,
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
        Observed { kind, key, object, own: false }.fingerprint()
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
