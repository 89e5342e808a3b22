//! Garbage collection: an object whose owners are all gone goes too (Kubernetes' controller of that name).
//!
//! Who depends on whom is kept in memory, made anew from the store at every start: what was left undone when a process
//! died is done then. One that has fallen behind the history looks at everything again.

use std::collections::{BTreeSet, HashMap};

use meridian_store::{
    Change, EventType, GroupResource, Key, Selection, Snapshot, StoreError, StoredObject, WatchError,
};
use serde::Deserialize;
use serde_json::Value;

use super::delete::{DeleteOptions, FOREGROUND, ORPHAN, Propagation};
use super::{Api, target};
use crate::error::{ApiError, Reason};
use crate::resource::{self, ApiResource};

/// What garbage collection looks at in an object's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Links {
    uid: String,
    deletion_timestamp: Option<String>,
    finalizers: Vec<String>,
    owner_references: Vec<Owner>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    block_owner_deletion: bool,
}

impl Links {
    fn of(object: &StoredObject) -> Links {
        serde_json::from_str(object.metadata_text()).unwrap_or_default()
    }

    /// Whether the object is being deleted and waits for its dependents to do this.
    fn waits_to(&self, finalizer: &str) -> bool {
        self.deletion_timestamp.is_some() && self.finalizers.iter().any(|one| one == finalizer)
    }
}

/// How an owner is, from the point of view of one that depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There, or of a kind that is not known here.
    Solid,
    /// Being deleted, and waiting for its dependents.
    Waiting,
    /// Gone.
    Dangling,
}

/// Who depends on whom: the keys of dependents by the uid of their owner.
#[derive(Debug, Default)]
struct Graph(HashMap<String, BTreeSet<Key>>);

impl Graph {
    fn add(&mut self, object: &StoredObject) {
        for owner in Links::of(object).owner_references {
            self.0.entry(owner.uid).or_default().insert(object.key().clone());
        }
    }

    fn remove(&mut self, object: &StoredObject) {
        for owner in Links::of(object).owner_references {
            if let Some(dependents) = self.0.get_mut(&owner.uid) {
                dependents.remove(object.key());
                if dependents.is_empty() {
                    self.0.remove(&owner.uid);
                }
            }
        }
    }

    fn dependents(&self, uid: &str) -> Vec<Key> {
        self.0.get(uid).into_iter().flatten().cloned().collect()
    }
}

/// Whether an object can matter here; cheaper than reading its metadata.
fn is_linked(object: &StoredObject) -> bool {
    let text = object.metadata_text();
    text.contains("\"ownerReferences\"") || text.contains("\"deletionTimestamp\"")
}

/// The resource of an owner, if it is served.
fn resource_of(owner: &Owner) -> Option<&'static ApiResource> {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    resource::all().iter().find(|resource| resource.group == group && resource.kind == owner.kind)
}

impl Api {
    /// Collects until the store is closed.
    pub(crate) async fn collect(self) {
        loop {
            let Snapshot { revision, objects } = self.store.list_all();
            let mut graph = Graph::default();
            let linked: Vec<_> = objects.into_iter().filter(|object| is_linked(object)).collect();
            linked.iter().for_each(|object| graph.add(object));
            for object in linked {
                self.look_at(&graph, object.key()).await;
            }
            match self.follow(graph, revision).await {
                WatchError::Closed => return,
                error => tracing::debug!(%error, "garbage collection looks at everything again"),
            }
        }
    }

    async fn follow(&self, mut graph: Graph, revision: u64) -> WatchError {
        let mut watch = match self.store.watch(Selection::default(), revision) {
            Ok(watch) => watch,
            Err(error) => return error,
        };
        loop {
            let event = match watch.next().await {
                Ok(event) => event,
                Err(error) => return error,
            };
            if let Some(previous) = event.previous.as_deref().filter(|previous| is_linked(previous)) {
                graph.remove(previous);
            }
            if event.event_type == EventType::Deleted {
                self.after_removal(&graph, &event.object).await;
            } else if is_linked(&event.object) {
                graph.add(&event.object);
                self.look_at(&graph, event.object.key()).await;
            }
        }
    }

    /// An object is gone: those that depend on it may have to go, and an owner that waited for it may be free.
    async fn after_removal(&self, graph: &Graph, object: &StoredObject) {
        if !graph.0.is_empty() {
            let uid = object.metadata().uid;
            for dependent in graph.dependents(&uid) {
                self.look_at(graph, &dependent).await;
            }
        }
        if !is_linked(object) {
            return;
        }
        for owner in Links::of(object).owner_references {
            if let Some(resource) = resource_of(&owner) {
                self.look_at(graph, &owner_key(resource, object.key(), &owner)).await;
            }
        }
    }

    /// Does what has to be done about one object now.
    async fn look_at(&self, graph: &Graph, key: &Key) {
        let Some(object) = self.store.get(key) else { return };
        let links = Links::of(&object);
        let result = if links.waits_to(ORPHAN) {
            self.orphan_dependents(graph, key, &links).await
        } else if links.waits_to(FOREGROUND) {
            self.delete_dependents(graph, key, &links).await
        } else if links.deletion_timestamp.is_none() && !links.owner_references.is_empty() {
            self.check_owners(graph, key, &links).await
        } else {
            Ok(())
        };
        match result {
            Err(error) if !matches!(error.reason, Reason::NotFound | Reason::Conflict) => {
                tracing::warn!(object = %key, %error, "garbage collection could not finish with an object");
            }
            _ => {}
        }
    }

    /// Deletes an object when none of its owners is left, and otherwise forgets those that are gone.
    async fn check_owners(&self, graph: &Graph, key: &Key, links: &Links) -> Result<(), ApiError> {
        let states: Vec<State> = links.owner_references.iter().map(|owner| self.state(key, owner)).collect();
        if states.iter().all(|state| *state == State::Solid) {
            return Ok(());
        }
        if states.contains(&State::Solid) {
            let gone = links.owner_references.iter().zip(&states).filter(|(_, state)| **state != State::Solid);
            let gone: Vec<&str> = gone.map(|(owner, _)| owner.uid.as_str()).collect();
            return self.forget_owners(key, &gone).await;
        }
        // One whose owner waits takes its own dependents along first, so that the owner goes last.
        let blocks = states.contains(&State::Waiting) && !graph.dependents(&links.uid).is_empty();
        let propagation = match () {
            () if links.finalizers.iter().any(|one| one == ORPHAN) => Propagation::Orphan,
            () if blocks || links.finalizers.iter().any(|one| one == FOREGROUND) => Propagation::Foreground,
            () => Propagation::Background,
        };
        let Some(resource) = stored_in(&key.resource) else { return Ok(()) };
        let options =
            DeleteOptions { uid: Some(links.uid.clone()), propagation: Some(propagation), ..DeleteOptions::default() };
        let namespace = resource.namespaced.then(|| key.namespace.to_string());
        let one = target(resource, resource.versions[0], namespace, Some(key.name.to_string()));
        self.delete(&one, &options).await.map(drop)
    }

    fn state(&self, dependent: &Key, owner: &Owner) -> State {
        let Some(resource) = resource_of(owner) else { return State::Solid };
        let found = self.store.get(&owner_key(resource, dependent, owner));
        match found.map(|object| Links::of(&object)) {
            Some(links) if links.uid == owner.uid => {
                if links.waits_to(FOREGROUND) {
                    State::Waiting
                } else {
                    State::Solid
                }
            }
            _ => State::Dangling,
        }
    }

    /// Takes owners out of an object's references.
    async fn forget_owners(&self, key: &Key, uids: &[&str]) -> Result<(), ApiError> {
        let forget = |current: &StoredObject| {
            let mut object = current.to_value("", "");
            if let Some(Value::Array(owners)) = object.pointer_mut("/metadata/ownerReferences") {
                owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == *uid));
                if owners.is_empty() {
                    object["metadata"].as_object_mut().map(|metadata| metadata.remove("ownerReferences"));
                }
            }
            Ok::<_, ApiError>(Change::Put(object))
        };
        self.store.modify(key, forget).await.map(drop)
    }

    /// `propagationPolicy: Orphan`: the dependents stay, without this owner.
    async fn orphan_dependents(&self, graph: &Graph, key: &Key, links: &Links) -> Result<(), ApiError> {
        for dependent in graph.dependents(&links.uid) {
            match self.forget_owners(&dependent, &[&links.uid]).await {
                Err(error) if error.reason == Reason::NotFound => {}
                result => result?,
            }
        }
        self.release(key, ORPHAN).await
    }

    /// `propagationPolicy: Foreground`: the dependents go first; the owner waits for those that say so.
    async fn delete_dependents(&self, graph: &Graph, key: &Key, links: &Links) -> Result<(), ApiError> {
        let mut blocked = false;
        for dependent in graph.dependents(&links.uid) {
            let Some(object) = self.store.get(&dependent) else { continue };
            let own = Links::of(&object);
            let blocks = |owner: &Owner| owner.uid == links.uid && owner.block_owner_deletion;
            if own.deletion_timestamp.is_none() {
                Box::pin(self.check_owners(graph, &dependent, &own)).await?;
            }
            // It may be gone by now, or have other owners that keep it.
            let left = self.store.get(&dependent).map(|object| Links::of(&object));
            blocked |= left.is_some_and(|left| left.owner_references.iter().any(blocks));
        }
        if blocked { Ok(()) } else { self.release(key, FOREGROUND).await }
    }

    /// Takes a finalizer off an object that is being deleted, which goes when it was the last.
    async fn release(&self, key: &Key, finalizer: &str) -> Result<(), ApiError> {
        let mut last = false;
        let object = self
            .store
            .modify(key, |current| -> Result<Change, StoreError> {
                let mut object = current.to_value("", "");
                let finalizers = object["metadata"]["finalizers"].as_array_mut();
                last = finalizers.is_none_or(|finalizers| {
                    finalizers.retain(|one| one != finalizer);
                    finalizers.is_empty()
                });
                Ok(if last { Change::Delete } else { Change::Put(object) })
            })
            .await?;
        if last {
            self.after_deletion(&object).await?;
        }
        Ok(())
    }
}

/// The resource whose objects are in a collection.
fn stored_in(collection: &GroupResource) -> Option<&'static ApiResource> {
    resource::all().iter().find(|resource| resource.collection == *collection)
}

/// Where an owner is: in the namespace of the one that depends on it, or in none.
fn owner_key(resource: &ApiResource, dependent: &Key, owner: &Owner) -> Key {
    let namespace = if resource.namespaced { &*dependent.namespace } else { "" };
    Key::new(resource.collection.clone(), namespace, &owner.name)
}
