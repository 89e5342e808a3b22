//! The registry: services by host name, from Kubernetes Services and from ServiceEntries.

pub(crate) mod endpoints;
pub(crate) mod locality;
pub(crate) mod service;
pub(crate) mod workload;

use crate::key::Key;
use meridian_ir::Name;
use service::{Service, Source};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Which object a service was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Maker {
    /// A Kubernetes Service.
    Service(Key),
    /// A ServiceEntry.
    ServiceEntry(Key),
}

/// All services.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The services of one host in the order of preference: those of Kubernetes first, then by age.
    hosts: HashMap<Name, Vec<Arc<Service>>>,
    /// The same, with those in one that several ServiceEntries of a namespace make together; only hosts with such.
    merged: HashMap<Name, Vec<Arc<Service>>>,
    made: HashMap<Maker, Vec<Arc<Service>>>,
    by_namespace: HashMap<Name, BTreeSet<Name>>,
}

impl Registry {
    /// Replaces what was made from one object. The hosts whose service is a different one now, not merely one with
    /// other endpoints, are returned.
    pub(crate) fn put(&mut self, maker: Maker, services: Vec<Arc<Service>>) -> Vec<Name> {
        let before = if services.is_empty() {
            self.made.remove(&maker).unwrap_or_default()
        } else {
            self.made.insert(maker, services.clone()).unwrap_or_default()
        };
        let kept = |service: &Service, others: &[Arc<Service>]| others.iter().any(|other| other.is_like(service));
        let mut changed: Vec<Name> = Vec::new();
        for service in &before {
            self.remove(service);
            if !kept(service, &services) {
                changed.push(service.host.clone());
            }
        }
        for service in &services {
            if !kept(service, &before) && !changed.contains(&service.host) {
                changed.push(service.host.clone());
            }
            self.insert(service.clone());
        }
        for service in before.iter().chain(&services) {
            self.merge(&service.host);
        }
        changed
    }

    /// Puts the services of a host together that several ServiceEntries make of it.
    fn merge(&mut self, host: &Name) {
        let mut merged: Vec<Arc<Service>> = Vec::new();
        let services = self.services(host);
        for service in services {
            match merged.iter_mut().find(|one| one.merges_with(service)) {
                Some(one) => *one = Arc::new(one.merged_with(service)),
                None => merged.push(service.clone()),
            }
        }
        if merged.len() == services.len() {
            self.merged.remove(host);
        } else {
            self.merged.insert(host.clone(), merged);
        }
    }

    fn remove(&mut self, service: &Arc<Service>) {
        if let Some(services) = self.hosts.get_mut(&service.host) {
            services.retain(|other| !Arc::ptr_eq(other, service));
            if services.is_empty() {
                self.hosts.remove(&service.host);
            }
        }
        let namespace = service.namespace();
        let still_there = self.hosts.get(&service.host).is_some_and(|s| s.iter().any(|s| s.namespace() == namespace));
        if !still_there && let Some(hosts) = self.by_namespace.get_mut(namespace) {
            hosts.remove(&service.host);
        }
    }

    fn insert(&mut self, service: Arc<Service>) {
        self.by_namespace.entry(service.namespace().clone()).or_default().insert(service.host.clone());
        let services = self.hosts.entry(service.host.clone()).or_default();
        let at = services.partition_point(|other| other.precedence() <= service.precedence());
        services.insert(at, service);
    }

    /// The service that `host` means for a proxy in `namespace`: one of its own, or else the first in the order of
    /// preference that is visible there.
    pub(crate) fn service(&self, host: &str, namespace: &str) -> Option<&Arc<Service>> {
        let services = self.merged.get(host).or_else(|| self.hosts.get(host))?;
        let visible = || services.iter().filter(|service| service.export_to.includes(namespace));
        visible().find(|service| **service.namespace() == *namespace).or_else(|| visible().next())
    }

    /// All services of `host`, visible or not.
    pub(crate) fn services(&self, host: &str) -> &[Arc<Service>] {
        self.hosts.get(host).map_or(&[], Vec::as_slice)
    }

    /// Hosts that `namespace` sees, in no order.
    pub(crate) fn hosts(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        let visible = move |services: &[Arc<Service>]| services.iter().any(|s| s.export_to.includes(namespace));
        self.hosts.iter().filter(move |(_, services)| visible(services)).map(|(host, _)| host)
    }

    /// What was made from one object.
    pub(crate) fn made_by(&self, maker: &Maker) -> &[Arc<Service>] {
        self.made.get(maker).map_or(&[], Vec::as_slice)
    }

    /// Every host.
    pub(crate) fn all_hosts(&self) -> impl Iterator<Item = &Name> {
        self.hosts.keys()
    }

    /// Services that objects of one namespace make.
    pub(crate) fn services_in(&self, namespace: &Name) -> impl Iterator<Item = &Arc<Service>> {
        let hosts = self.by_namespace.get(namespace).into_iter().flatten();
        hosts.flat_map(|host| self.services(host)).filter(move |service| service.namespace() == namespace)
    }

    /// Every service, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.hosts.values().flatten()
    }
}

impl Service {
    /// Kubernetes Services first, then by age.
    fn precedence(&self) -> (bool, &crate::key::Age) {
        (matches!(self.source, Source::ServiceEntry(_)), &self.age)
    }
}
