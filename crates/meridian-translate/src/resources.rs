//! All objects that translation reads, by kind, with the indexes that are needed to find them.

use crate::istio::peer_authentication::PeerAuthentications;
use crate::key::Key;
use crate::proxy::node::ProxyNode;
use crate::telemetry::Telemetries;
use meridian_ir::Name;
use meridian_resources::core::endpoint_slice::SERVICE_NAME_LABEL;
use meridian_resources::core::{ConfigMap, EndpointSlice, Endpoints, Pod, Secret};
use meridian_resources::istio::{
    AuthorizationPolicy, DestinationRule, Gateway, Sidecar, VirtualService, WorkloadEntry,
};
use meridian_resources::{Meta, Object, Spec};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Objects of one kind.
pub(crate) type Objects<T> = HashMap<Key, Arc<Object<T>>>;

/// Everything but Services and ServiceEntries, which the [`Registry`](crate::registry::Registry) holds.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(crate) gateways: Objects<Gateway>,
    pub(crate) virtual_services: Objects<VirtualService>,
    pub(crate) destination_rules: Objects<DestinationRule>,
    pub(crate) peer_authentications: PeerAuthentications,
    /// In order, so that those of a namespace are found.
    pub(crate) authorization_policies: BTreeMap<Key, Arc<Object<AuthorizationPolicy>>>,
    pub(crate) sidecars: Objects<Sidecar>,
    pub(crate) telemetries: Telemetries,
    pub(crate) secrets: Objects<Secret>,
    pub(crate) config_maps: Objects<ConfigMap>,
    pub(crate) endpoints: Objects<Endpoints>,
    pub(crate) workload_entries: BTreeMap<Key, Arc<Object<WorkloadEntry>>>,
    pub(crate) pods: BTreeMap<Key, Arc<Object<Pod>>>,
    /// The sidecars that are configured, by the addresses of their workloads.
    pub(crate) attached: HashMap<IpAddr, Arc<ProxyNode>>,
    /// EndpointSlices by the Service that their label names, then by their own name.
    slices: HashMap<Key, BTreeMap<Name, Arc<Object<EndpointSlice>>>>,
    /// The Service of each slice.
    service_of_slice: HashMap<Key, Key>,
}

/// What became of an object that was put.
#[derive(Debug)]
pub(crate) enum Put<T: Spec> {
    /// Nothing that translation reads is different.
    Same,
    /// New, or different from `before`.
    Changed {
        /// The object that was there.
        before: Option<Arc<Object<T>>>,
    },
}

impl<T: Spec> Put<T> {
    /// Whether something changed.
    pub(crate) fn changed(&self) -> bool {
        matches!(self, Self::Changed { .. })
    }
}

/// Puts `object` into a map of its kind.
pub(crate) fn put<T: Spec + PartialEq>(objects: &mut Objects<T>, object: Arc<Object<T>>) -> Put<T> {
    let same = |before: &Arc<Object<T>>| same_meta(&before.meta, &object.meta) && before.spec == object.spec;
    let before = objects.insert(Key::of(&object.meta), object.clone());
    match before {
        Some(before) if same(&before) => Put::Same,
        before => Put::Changed { before },
    }
}

/// Whether translation cannot tell the two apart: names, labels, annotations and age are equal.
pub(crate) fn same_meta(a: &Meta, b: &Meta) -> bool {
    a.name == b.name
        && a.namespace == b.namespace
        && a.labels == b.labels
        && a.annotations == b.annotations
        && a.creation_seconds == b.creation_seconds
        && a.deletion_timestamp == b.deletion_timestamp
}

impl Resources {
    /// Puts a slice; the Services that lose and gain endpoints are returned.
    pub(crate) fn put_slice(&mut self, slice: Arc<Object<EndpointSlice>>) -> Vec<Key> {
        let key = Key::of(&slice.meta);
        let mut concerned: Vec<Key> = self.delete_slice(&key).into_iter().collect();
        let Some(service) = slice.meta.labels.get(SERVICE_NAME_LABEL) else { return concerned };
        let service = Key { namespace: key.namespace.clone(), name: service.as_str().into() };
        self.slices.entry(service.clone()).or_default().insert(key.name.clone(), slice);
        self.service_of_slice.insert(key, service.clone());
        if !concerned.contains(&service) {
            concerned.push(service);
        }
        concerned
    }

    /// Removes a slice; the Service that loses endpoints is returned.
    pub(crate) fn delete_slice(&mut self, key: &Key) -> Option<Key> {
        let service = self.service_of_slice.remove(key)?;
        if let Some(slices) = self.slices.get_mut(&service) {
            slices.remove(&key.name);
            if slices.is_empty() {
                self.slices.remove(&service);
            }
        }
        Some(service)
    }

    /// The slices of a Service, by name.
    pub(crate) fn slices_of(&self, service: &Key) -> impl Iterator<Item = &Arc<Object<EndpointSlice>>> {
        self.slices.get(service).into_iter().flat_map(BTreeMap::values)
    }

    /// The pods of a namespace.
    pub(crate) fn pods_in(&self, namespace: &Name) -> impl Iterator<Item = &Arc<Object<Pod>>> {
        in_namespace(&self.pods, namespace)
    }

    /// The AuthorizationPolicies of a namespace.
    pub(crate) fn authorization_policies_in(
        &self,
        namespace: &Name,
    ) -> impl Iterator<Item = &Arc<Object<AuthorizationPolicy>>> {
        in_namespace(&self.authorization_policies, namespace)
    }

    /// The WorkloadEntries of a namespace.
    pub(crate) fn workload_entries_in(&self, namespace: &Name) -> impl Iterator<Item = &Arc<Object<WorkloadEntry>>> {
        in_namespace(&self.workload_entries, namespace)
    }
}

fn in_namespace<'m, T: Spec>(
    objects: &'m BTreeMap<Key, Arc<Object<T>>>,
    namespace: &Name,
) -> impl Iterator<Item = &'m Arc<Object<T>>> {
    let first = Key { namespace: namespace.clone(), name: "".into() };
    let namespace = namespace.clone();
    objects.range(first..).take_while(move |(key, _)| key.namespace == namespace).map(|(_, object)| object)
}
