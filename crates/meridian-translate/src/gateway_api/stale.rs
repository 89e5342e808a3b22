//! What must be looked at again when objects change that others refer to.

use super::GatewayApi;
use super::index;
use super::model::Provision;
use super::route::RouteId;
use crate::key::Key;
use meridian_ir::Name;
use meridian_resources::core::Namespace;
use meridian_resources::gateway_api::common::{ObjectReference, SecretObjectReference};
use meridian_resources::gateway_api::gateway::Listener;
use meridian_resources::gateway_api::{BackendTlsPolicy, Gateway};
use meridian_resources::{Meta, Object};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What must be looked at again.
#[derive(Debug, Default)]
pub(super) struct Stale {
    pub(super) classes: BTreeSet<Name>,
    /// Gateways whose listeners may be others.
    pub(super) gateways: BTreeSet<Key>,
    /// Gateways of which something else may be to be said, and of all their ListenerSets.
    pub(super) touched: BTreeSet<Key>,
    /// Gateways some of whose listeners have other routes, and these listeners.
    pub(super) counted: BTreeMap<Key, BTreeSet<usize>>,
    pub(super) routes: BTreeSet<RouteId>,
    /// Routes that lead to something which is not the same any more.
    pub(super) led_elsewhere: BTreeSet<RouteId>,
    /// BackendTLSPolicies that may ask for something else.
    pub(super) policies: BTreeSet<Key>,
    /// XBackends of which something else may be to be said.
    pub(super) backends: BTreeSet<Key>,
    /// XBackendTrafficPolicies of which something else may be to be said.
    pub(super) traffic_policies: BTreeSet<Key>,
    /// ListenerSets that may have lost their Gateway.
    pub(super) orphans: BTreeSet<Key>,
    /// Whether something else may be to be said of policies of Envoy Gateway.
    pub(super) extensions: bool,
}

/// The authorities that clients of a Gateway are verified with.
fn authorities(gateway: &Gateway) -> impl Iterator<Item = &ObjectReference> {
    let frontend = gateway.tls.iter().filter_map(|tls| tls.frontend.as_ref()).flat_map(|frontend| {
        let ports = frontend.per_port.iter().map(|port| &port.tls);
        ports.chain(std::iter::once(&frontend.default)).filter_map(|tls| tls.validation.as_ref())
    });
    frontend.flat_map(|validation| &validation.ca_certificate_refs)
}

/// The certificates of listeners.
fn certificates(listeners: &[Listener]) -> impl Iterator<Item = &SecretObjectReference> {
    listeners.iter().filter_map(|listener| listener.tls.as_ref()).flat_map(|tls| &tls.certificate_refs)
}

/// The Secrets of a Gateway's listeners, and the one that it shows to backends.
fn secrets(gateway: &Gateway) -> impl Iterator<Item = &SecretObjectReference> {
    let backend = gateway.tls.iter().filter_map(|tls| tls.backend.as_ref()?.client_certificate_ref.as_ref());
    certificates(&gateway.listeners).chain(backend)
}

impl GatewayApi {
    /// Notes that a Service is another one now.
    pub(crate) fn service_changed(&mut self, key: &Key) {
        self.stale.routes.extend(self.index.routes_to(key).cloned());
        let asks_for_host = |gateway: &Gateway| gateway.addresses.iter().any(|address| address.type_.0 == "Hostname");
        let gateways = self.gateways.iter().filter(|(_, gateway)| asks_for_host(&gateway.spec));
        self.stale.touched.extend(gateways.map(|(key, _)| key.clone()));
    }

    /// Services may have other hosts.
    pub(crate) fn services_changed(&mut self) {
        self.stale.routes.extend(self.routes.keys().cloned());
        self.stale.touched.extend(self.states.keys().cloned());
    }

    /// Takes in a namespace, by whose labels routes are let in.
    pub(crate) fn put_namespace(&mut self, object: Arc<Object<Namespace>>) {
        let name = object.meta.name.clone();
        let before = self.namespaces.insert(name.clone(), object.clone());
        if before.is_none_or(|before| before.meta.labels != object.meta.labels) {
            self.namespace_changed(&name);
        }
    }

    /// Forgets a namespace.
    pub(crate) fn delete_namespace(&mut self, name: &Name) {
        if self.namespaces.remove(name).is_some() {
            self.namespace_changed(name);
        }
    }

    fn namespace_changed(&mut self, name: &Name) {
        let of_namespace = self.routes.keys().filter(|id| id.namespace == *name);
        self.stale.routes.extend(of_namespace.cloned());
        let sets = self.listener_sets.iter().filter(|(key, _)| key.namespace == *name);
        self.stale.gateways.extend(sets.filter_map(|(_, set)| index::gateway_of(set)));
    }

    /// What may refer to objects of a namespace from elsewhere may be different.
    pub(super) fn grants_changed(&mut self, namespace: &Name) {
        self.stale.routes.extend(self.index.routes_abroad(namespace).cloned());
        let is_abroad = |reference: Option<&str>| reference == Some(&**namespace);
        let refers = |gateway: &Gateway| {
            secrets(gateway).any(|reference| is_abroad(reference.namespace.as_deref()))
                || authorities(gateway).any(|reference| is_abroad(reference.namespace.as_deref()))
        };
        let gateways = self.gateways.iter().filter(|(_, gateway)| refers(&gateway.spec));
        self.stale.gateways.extend(gateways.map(|(key, _)| key.clone()));
        let sets = self
            .listener_sets
            .values()
            .filter(|set| certificates(&set.spec.listeners).any(|reference| is_abroad(reference.namespace.as_deref())));
        self.stale.gateways.extend(sets.filter_map(|set| index::gateway_of(set)));
    }

    /// What is said of the XBackends of a namespace may be different.
    fn backends_in(&mut self, namespace: &Name) {
        let own = self.backends.keys().filter(|key| key.namespace == *namespace);
        self.stale.backends.extend(own.cloned());
    }

    /// Notes that a Secret is another one now.
    pub(crate) fn secret_changed(&mut self, key: &Key) {
        self.credentials.secret_changed(key);
        self.backends_in(&key.namespace);
        let is_named = |reference: &SecretObjectReference| *reference.name == *key.name;
        let gateways = self.gateways.iter().filter(|(_, gateway)| secrets(&gateway.spec).any(is_named));
        self.stale.gateways.extend(gateways.map(|(key, _)| key.clone()));
        let sets = self.listener_sets.values().filter(|set| certificates(&set.spec.listeners).any(is_named));
        self.stale.gateways.extend(sets.filter_map(|set| index::gateway_of(set)));
    }

    /// Notes that a ConfigMap is another one now.
    pub(crate) fn config_map_changed(&mut self, meta: &Meta) {
        let key = Key::of(meta);
        self.credentials.config_map_changed(&key);
        self.backends_in(&key.namespace);
        self.parameters_changed("ConfigMap", meta);
        let is_named = |reference: &ObjectReference| *reference.name == *key.name;
        let gateways = self.gateways.iter().filter(|(_, gateway)| authorities(&gateway.spec).any(is_named));
        self.stale.gateways.extend(gateways.map(|(key, _)| key.clone()));
        let policies: Vec<Arc<Object<BackendTlsPolicy>>> = (self.backend_tls_policies.values())
            .filter(|policy| {
                let mut references = policy.spec.validation.ca_certificate_refs.iter();
                policy.meta.namespace == key.namespace && references.any(|reference| *reference.name == *key.name)
            })
            .cloned()
            .collect();
        policies.iter().for_each(|policy| self.policy_changed(policy));
    }

    /// Says what became of what a Gateway needs to be reached.
    pub(crate) fn provisioned(&mut self, key: Key, provision: Provision) {
        if self.provisions.get(&key) != Some(&provision) {
            self.provisions.insert(key.clone(), provision);
            self.stale.touched.insert(key);
        }
    }

    /// Says of which version the CRDs are; `None`: there are none.
    pub(crate) fn set_bundle(&mut self, bundle: Option<String>) {
        if self.bundle != bundle {
            self.bundle = bundle;
            self.stale.classes.extend(self.classes.keys().cloned());
        }
    }
}
