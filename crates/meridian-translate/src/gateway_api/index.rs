//! Which objects refer to which: what must be looked at again when one of them changes.

use super::model::Route;
use super::reference::key_of;
use super::route::RouteId;
use crate::key::Key;
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::gateway_api::common::ParentReference;
use meridian_resources::gateway_api::{BackendTlsPolicy, GROUP, ListenerSet};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a route attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Parent {
    Gateway(Key),
    ListenerSet(Key),
}

impl Parent {
    /// The parent that a reference means; `None`: it is of a kind that is not ours.
    pub(crate) fn of(reference: &ParentReference, namespace: &Name) -> Option<Self> {
        let key = || key_of(reference.namespace.as_deref(), &reference.name, namespace);
        match (reference.group.as_str(), reference.kind.as_str()) {
            (GROUP, "Gateway") => Some(Self::Gateway(key())),
            (GROUP, "ListenerSet") => Some(Self::ListenerSet(key())),
            _ => None,
        }
    }
}

/// Objects by what they refer to.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_parent: HashMap<Parent, BTreeSet<RouteId>>,
    by_backend: HashMap<Key, BTreeSet<RouteId>>,
    /// Routes that refer to another namespace, by that namespace.
    abroad: HashMap<Name, BTreeSet<RouteId>>,
    sets: HashMap<Key, BTreeSet<Key>>,
    policies: HashMap<Key, Targeting>,
}

/// The BackendTLSPolicies of one Service, by the name of the port (empty: all), the winner first.
#[derive(Debug, Default)]
pub(crate) struct Targeting(BTreeMap<Name, BTreeSet<PolicyRank>>);

/// Where a policy stands among others: the oldest first, then by `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyRank {
    created: i64,
    key: Key,
}

impl Targeting {
    /// The policy that counts for a port: one for this port before one for all.
    pub(crate) fn winner(&self, section: Option<&str>) -> Option<&Key> {
        let of = |name: &str| self.0.get(name).and_then(BTreeSet::first).map(|rank| &rank.key);
        section.and_then(of).or_else(|| of(""))
    }

    /// The policy that counts for exactly this section.
    pub(crate) fn of_section(&self, section: Option<&str>) -> Option<&Key> {
        self.0.get(section.unwrap_or_default()).and_then(BTreeSet::first).map(|rank| &rank.key)
    }

    /// All policies.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        self.0.values().flatten().map(|rank| &rank.key)
    }
}

/// Takes `value` away from the set of `key`.
fn take<K: std::hash::Hash + Eq, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

impl Index {
    /// Notes what a route refers to.
    pub(crate) fn add_route(&mut self, route: &Route) {
        let id = route.id();
        for parent in parents_of(route) {
            self.by_parent.entry(parent).or_default().insert(id.clone());
        }
        for backend in backends_of(route) {
            if backend.namespace != id.namespace {
                self.abroad.entry(backend.namespace.clone()).or_default().insert(id.clone());
            }
            self.by_backend.entry(backend).or_default().insert(id.clone());
        }
    }

    /// Forgets what a route refers to.
    pub(crate) fn remove_route(&mut self, route: &Route) {
        let id = route.id();
        for parent in parents_of(route) {
            take(&mut self.by_parent, &parent, &id);
        }
        for backend in backends_of(route) {
            take(&mut self.abroad, &backend.namespace, &id);
            take(&mut self.by_backend, &backend, &id);
        }
    }

    /// The routes that name a parent.
    pub(crate) fn routes_of(&self, parent: &Parent) -> impl Iterator<Item = &RouteId> {
        self.by_parent.get(parent).into_iter().flatten()
    }

    /// The routes that send to a Service or XBackend of this name.
    pub(crate) fn routes_to(&self, backend: &Key) -> impl Iterator<Item = &RouteId> {
        self.by_backend.get(backend).into_iter().flatten()
    }

    /// The routes that refer to another namespace.
    pub(crate) fn routes_abroad(&self, namespace: &Name) -> impl Iterator<Item = &RouteId> {
        self.abroad.get(namespace).into_iter().flatten()
    }

    /// Notes the Gateway of a ListenerSet.
    pub(crate) fn add_set(&mut self, set: &Object<ListenerSet>) {
        if let Some(gateway) = gateway_of(set) {
            self.sets.entry(gateway).or_default().insert(Key::of(&set.meta));
        }
    }

    /// Forgets the Gateway of a ListenerSet.
    pub(crate) fn remove_set(&mut self, set: &Object<ListenerSet>) {
        if let Some(gateway) = gateway_of(set) {
            take(&mut self.sets, &gateway, &Key::of(&set.meta));
        }
    }

    /// The ListenerSets of a Gateway.
    pub(crate) fn sets_of(&self, gateway: &Key) -> impl Iterator<Item = &Key> {
        self.sets.get(gateway).into_iter().flatten()
    }

    /// Notes the Services of a BackendTLSPolicy.
    pub(crate) fn add_policy(&mut self, policy: &Object<BackendTlsPolicy>) {
        let rank = PolicyRank { created: policy.meta.creation_seconds, key: Key::of(&policy.meta) };
        for (service, section) in targets_of(policy) {
            self.policies.entry(service).or_default().0.entry(section).or_default().insert(rank.clone());
        }
    }

    /// Forgets the Services of a BackendTLSPolicy.
    pub(crate) fn remove_policy(&mut self, policy: &Object<BackendTlsPolicy>) {
        let rank = PolicyRank { created: policy.meta.creation_seconds, key: Key::of(&policy.meta) };
        for (service, section) in targets_of(policy) {
            let Some(targeting) = self.policies.get_mut(&service) else { continue };
            if let Some(ranks) = targeting.0.get_mut(&section) {
                ranks.remove(&rank);
            }
            targeting.0.retain(|_, ranks| !ranks.is_empty());
            if targeting.0.is_empty() {
                self.policies.remove(&service);
            }
        }
    }

    /// The BackendTLSPolicies of a Service.
    pub(crate) fn policies_of(&self, service: &Key) -> Option<&Targeting> {
        self.policies.get(service)
    }
}

/// The parents of a route that may be ours.
pub(crate) fn parents_of(route: &Route) -> impl Iterator<Item = Parent> {
    let namespace = route.meta().namespace.clone();
    route.parents().iter().filter_map(move |reference| Parent::of(reference, &namespace))
}

/// The keys of everything that a route sends to, whatever its kind.
pub(crate) fn backends_of(route: &Route) -> Vec<Key> {
    let namespace = &route.meta().namespace;
    let references = route.references();
    references.iter().map(|(_, reference)| key_of(reference.namespace, reference.name, namespace)).collect()
}

/// The Gateway of a ListenerSet; `None`: its parent is something else.
pub(crate) fn gateway_of(set: &Object<ListenerSet>) -> Option<Key> {
    let parent = &set.spec.parent_ref;
    let is_gateway = parent.group == GROUP && parent.kind == "Gateway";
    is_gateway.then(|| key_of(parent.namespace.as_deref(), &parent.name, &set.meta.namespace))
}

/// The Services of a BackendTLSPolicy, each with the name of the port (empty: all).
pub(crate) fn targets_of(policy: &Object<BackendTlsPolicy>) -> impl Iterator<Item = (Key, Name)> {
    let of_service = policy
        .spec
        .target_refs
        .iter()
        .filter(|target| target.kind == "Service" && (target.group.is_empty() || target.group == "core"));
    of_service.map(|target| {
        let service = Key { namespace: policy.meta.namespace.clone(), name: target.name.as_str().into() };
        (service, target.section_name.as_deref().unwrap_or_default().into())
    })
}
