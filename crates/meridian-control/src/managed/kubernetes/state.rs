//! What is wanted, what was applied, and what is seen of it. It has no clock and no IO.

use super::{FIRST_RETRY, LAST_RETRY, Outcome};
use crate::managed::addresses::{self, Reached};
use crate::managed::names;
use crate::managed::objects::{MANAGED_BY, MANAGED_LABEL};
use crate::managed::parameters::{self, Settings};
use crate::managed::{Input, Installation, NamespacedName, Provisioned};
use meridian_ir::Name;
use meridian_resources::core::{EndpointSlice, Service};
use meridian_resources::{Object, Resource};
use meridian_translate::{GATEWAY_NAME_LABEL, ManagedGateway, Provision, ProvisionProblem};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::time::Instant;

/// Namespace and name of a Gateway.
pub(super) type Key = (Name, Name);

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Id {
    fn of(object: &Value) -> Id {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        Id {
            api_version: text(&object["apiVersion"]),
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
        }
    }
}

/// What is to be done for one Gateway.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) apply: Vec<Value>,
    pub(super) delete: Vec<Id>,
}

/// Everything that is known.
#[derive(Debug)]
pub(super) struct State {
    installation: Installation,
    settings: Settings,
    gateways: BTreeMap<Key, Gateway>,
    services: HashMap<NamespacedName, Arc<Object<Service>>>,
    /// How many endpoints of a slice are ready, and of which Service it is.
    slices: HashMap<NamespacedName, (NamespacedName, usize)>,
    /// Gateways of which something may be to be done.
    pending: BTreeSet<Key>,
    /// Gateways of which something else may be to be said.
    untold: BTreeSet<Key>,
    /// Everything that there was at the start has been told.
    in_step: bool,
}

/// One Gateway.
#[derive(Debug, Default)]
struct Gateway {
    wanted: Option<Arc<ManagedGateway>>,
    /// The objects that are there as far as is known: what was applied last.
    applied: BTreeMap<Id, Value>,
    /// They may not be there any more as they were applied.
    uncertain: bool,
    /// A task works on it.
    busy: bool,
    /// What failed last, how often in a row, and when it is tried again.
    failure: Option<(String, u32, Instant)>,
    /// What was said last.
    told: Option<Provision>,
}

impl State {
    pub(super) fn new(installation: Installation) -> State {
        State {
            installation,
            settings: Settings::default(),
            gateways: BTreeMap::new(),
            services: HashMap::new(),
            slices: HashMap::new(),
            pending: BTreeSet::new(),
            untold: BTreeSet::new(),
            in_step: false,
        }
    }

    /// Takes in what was told.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Wanted(namespace, name, wanted) => self.want((namespace, name), wanted),
            Input::Put(resource) => self.put(resource),
            Input::Gone(object) => {
                let key = (object.namespace.unwrap_or_default(), object.name);
                self.gone(object.kind.kind, &key);
            }
            Input::InStep => self.in_step = true,
        }
    }

    fn want(&mut self, key: Key, wanted: Option<Arc<ManagedGateway>>) {
        let gateway = self.gateways.entry(key.clone()).or_default();
        let before = std::mem::replace(&mut gateway.wanted, wanted);
        // Another Gateway of that name: what the one before owned goes with it, sooner or later.
        let uid = |gateway: &Option<Arc<ManagedGateway>>| gateway.as_ref().map(|gateway| gateway.uid.clone());
        gateway.uncertain |= uid(&before) != uid(&gateway.wanted);
        gateway.failure = None;
        gateway.told = None;
        self.concerned(key);
    }

    fn put(&mut self, resource: Resource) {
        let meta = resource.meta();
        let key: NamespacedName = (meta.namespace.clone(), meta.name.clone());
        let gateway = meta.labels.get(GATEWAY_NAME_LABEL).map(|name| (meta.namespace.clone(), name.as_str().into()));
        match resource {
            Resource::ConfigMap(map) => {
                self.settings.config_maps.insert(key.clone(), map);
                self.settings_changed("ConfigMap", &key);
            }
            Resource::EnvoyProxy(proxy) => {
                self.settings.envoy_proxies.insert(key.clone(), proxy);
                self.settings_changed("EnvoyProxy", &key);
            }
            Resource::Service(service) => {
                let before = self.services.insert(key.clone(), service.clone());
                let Some(gateway) = gateway else { return };
                // Somebody may have changed what is ours.
                let is_drift =
                    before.is_some_and(|before| before.spec != service.spec || !same_meta(&before, &service));
                self.seen(&gateway, is_drift);
                self.adopt(&gateway, &service);
            }
            Resource::EndpointSlice(slice) => {
                let Some(service) = slice.meta.labels.get("kubernetes.io/service-name") else { return };
                let service: NamespacedName = (key.0.clone(), service.as_str().into());
                let ready = ready(&slice);
                let before = self.slices.insert(key, (service, ready));
                // The Deployment may have been scaled or deleted.
                let is_less = before.is_some_and(|(_, before)| ready < before);
                if let Some(gateway) = gateway {
                    self.seen(&gateway, is_less);
                }
            }
            _ => {}
        }
    }

    fn gone(&mut self, kind: &str, key: &NamespacedName) {
        match kind {
            "ConfigMap" => {
                self.settings.config_maps.remove(key);
                self.settings_changed(kind, key);
            }
            "EnvoyProxy" => {
                self.settings.envoy_proxies.remove(key);
                self.settings_changed(kind, key);
            }
            "EndpointSlice" => {
                let Some((service, _)) = self.slices.remove(key) else { return };
                self.lost("Service", &service);
            }
            "Service" => {
                self.services.remove(key);
                self.lost(kind, key);
            }
            "ServiceAccount" => self.lost(kind, key),
            _ => {}
        }
    }

    /// An object of a Gateway has changed.
    fn seen(&mut self, key: &Key, is_drift: bool) {
        if let Some(gateway) = self.gateways.get_mut(key) {
            gateway.uncertain |= is_drift;
            self.concerned(key.clone());
        }
    }

    /// An object is gone that may be of a Gateway.
    fn lost(&mut self, kind: &str, object: &NamespacedName) {
        let is_meant = |id: &Id| id.kind == kind && *id.namespace == *object.0 && *id.name == *object.1;
        let concerned: Vec<Key> = self
            .gateways
            .iter()
            .filter(|(_, gateway)| gateway.applied.keys().any(is_meant))
            .map(|(key, _)| key.clone())
            .collect();
        concerned.iter().for_each(|key| self.seen(key, true));
    }

    /// A Service that an earlier life has made is known as ours, so that it and what is called like it can be deleted
    /// when it is not wanted any more.
    fn adopt(&mut self, key: &Key, service: &Object<Service>) {
        if service.meta.labels.get(MANAGED_LABEL).map(String::as_str) != Some(MANAGED_BY) {
            return;
        }
        let gateway = self.gateways.entry(key.clone()).or_default();
        let kinds = [("v1", "ServiceAccount"), ("v1", "Service"), ("apps/v1", "Deployment")];
        for (api_version, kind) in kinds {
            let (namespace, name) = (service.meta.namespace.to_string(), service.meta.name.to_string());
            let id = Id { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace, name };
            // Nothing is known of what it says.
            gateway.applied.entry(id).or_insert(Value::Null);
        }
        self.concerned(key.clone());
    }

    fn settings_changed(&mut self, kind: &str, key: &NamespacedName) {
        let concerned: Vec<Key> = self
            .gateways
            .iter()
            .filter(|(_, gateway)| gateway.refers_to(kind, key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in concerned {
            if let Some(gateway) = self.gateways.get_mut(&key) {
                gateway.failure = None;
            }
            self.concerned(key);
        }
    }

    fn concerned(&mut self, key: Key) {
        self.pending.insert(key.clone());
        self.untold.insert(key);
    }

    /// Everything is applied again.
    pub(super) fn all_again(&mut self) {
        for (key, gateway) in &mut self.gateways {
            gateway.uncertain = true;
            self.pending.insert(key.clone());
        }
    }

    /// When the next failed Gateway is tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.gateways
            .values()
            .filter(|gateway| !gateway.busy)
            .filter_map(|gateway| Some(gateway.failure.as_ref()?.2))
            .min()
    }

    /// The next Gateway of which something is to be done.
    pub(super) fn next_plan(&mut self, now: Instant) -> Option<(Key, Plan)> {
        if !self.in_step {
            return None;
        }
        let due = self
            .gateways
            .iter()
            .filter(|(_, gateway)| gateway.failure.as_ref().is_some_and(|(_, _, at)| *at <= now) && !gateway.busy);
        self.pending.extend(due.map(|(key, _)| key.clone()).collect::<Vec<_>>());
        loop {
            let ready = |key: &&Key| {
                self.gateways
                    .get(*key)
                    .is_none_or(|gateway| !gateway.busy && gateway.failure.as_ref().is_none_or(|(_, _, at)| *at <= now))
            };
            let key = self.pending.iter().find(ready)?.clone();
            self.pending.remove(&key);
            let Some(gateway) = self.gateways.get_mut(&key) else { continue };
            let Some(plan) = gateway.plan(&self.installation, &self.settings) else { continue };
            if plan == Plan::default() {
                gateway.failure = None;
                if gateway.wanted.is_none() {
                    self.gateways.remove(&key);
                }
                continue;
            }
            gateway.busy = true;
            gateway.uncertain = false;
            return Some((key, plan));
        }
    }

    /// A plan was carried out, or the first part of it.
    pub(super) fn finished(&mut self, key: &Key, outcome: Outcome, now: Instant) {
        let Some(gateway) = self.gateways.get_mut(key) else { return };
        gateway.busy = false;
        for object in outcome.applied {
            gateway.applied.insert(Id::of(&object), object);
        }
        for id in &outcome.deleted {
            gateway.applied.remove(id);
        }
        gateway.failure = outcome.failure.map(|error| {
            let times = gateway.failure.as_ref().map_or(0, |(_, times, _)| *times).saturating_add(1);
            let wait = FIRST_RETRY.saturating_mul(1 << times.min(16).saturating_sub(1)).min(LAST_RETRY);
            (error.to_string(), times, now + wait)
        });
        self.concerned(key.clone());
    }

    /// What became of Gateways, where it is something else than what was told last.
    pub(super) fn provisions(&mut self) -> Vec<Provisioned> {
        let mut all = Vec::new();
        if !self.in_step {
            return all;
        }
        for key in std::mem::take(&mut self.untold) {
            let Some(provision) = self.provision(&key) else { continue };
            let Some(gateway) = self.gateways.get_mut(&key) else { continue };
            if gateway.told.as_ref() != Some(&provision) {
                gateway.told = Some(provision.clone());
                all.push(Provisioned { namespace: key.0, name: key.1, provision });
            }
        }
        all
    }

    fn provision(&self, key: &Key) -> Option<Provision> {
        let gateway = self.gateways.get(key)?;
        let wanted = gateway.wanted.as_ref()?;
        if is_too_long(wanted) {
            let message =
                format!("a Gateway's name becomes the value of a label: at most {} characters", names::LONGEST);
            return Some(Provision { addresses: Vec::new(), problem: Some(addresses::problem("Invalid", message)) });
        }
        let objects = match parameters::objects(wanted, &self.installation, &self.settings) {
            Ok(objects) => objects,
            Err(error) => {
                let (condition, reason) = ("Accepted", "InvalidParameters");
                let problem = ProvisionProblem { condition, reason, message: error.to_string() };
                return Some(Provision { addresses: Vec::new(), problem: Some(problem) });
            }
        };
        let name = objects.service["metadata"]["name"].as_str().unwrap_or_default();
        let service: NamespacedName = (wanted.namespace.clone(), name.into());
        let of_service = self.slices.values().filter(|(of, _)| *of == service);
        let reached = Reached {
            service: self.services.get(&service).map(|service| &**service),
            name,
            ready: of_service.map(|(_, ready)| ready).sum(),
        };
        let mut provision = addresses::provision(wanted, reached, &self.installation);
        if let Some((message, _, _)) = &gateway.failure {
            let message = format!("what the Gateway needs cannot be made: {message}");
            provision.problem = Some(addresses::problem("NoResources", message));
        }
        Some(provision)
    }
}

impl Gateway {
    fn refers_to(&self, kind: &str, key: &NamespacedName) -> bool {
        let Some(wanted) = &self.wanted else { return false };
        let references = wanted.class_parameters.iter().chain(&wanted.parameters);
        references.filter(|reference| reference.kind == kind && *reference.name == *key.1).any(|reference| {
            let namespace = reference.namespace.as_deref().unwrap_or(&wanted.namespace);
            *namespace == *key.0
        })
    }

    /// What is to be done; `None`: what is wanted cannot be made, so everything stays as it is.
    fn plan(&self, installation: &Installation, settings: &Settings) -> Option<Plan> {
        let Some(wanted) = &self.wanted else {
            return Some(Plan { apply: Vec::new(), delete: self.applied.keys().cloned().collect() });
        };
        if is_too_long(wanted) {
            return None;
        }
        let objects: Vec<Value> = parameters::objects(wanted, installation, settings).ok()?.into_all().collect();
        let ids: BTreeSet<Id> = objects.iter().map(Id::of).collect();
        let is_open = |object: &Value| self.uncertain || self.applied.get(&Id::of(object)) != Some(object);
        Some(Plan {
            apply: objects.into_iter().filter(is_open).collect(),
            delete: self.applied.keys().filter(|id| !ids.contains(id)).cloned().collect(),
        })
    }
}

/// No label can have the name as its value, so nothing could be found by it.
fn is_too_long(gateway: &ManagedGateway) -> bool {
    gateway.name.len() > names::LONGEST
}

fn same_meta(a: &Object<Service>, b: &Object<Service>) -> bool {
    a.meta.labels == b.meta.labels && a.meta.annotations == b.meta.annotations
}

fn ready(slice: &Object<EndpointSlice>) -> usize {
    let is_ready = |conditions: &meridian_resources::core::endpoint_slice::EndpointConditions| {
        conditions.ready != Some(false) && conditions.terminating != Some(true)
    };
    slice.spec.endpoints.iter().filter(|endpoint| is_ready(&endpoint.conditions)).count()
}

#[cfg(test)]
mod tests;
