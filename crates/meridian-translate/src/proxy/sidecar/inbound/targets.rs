//! The services that lead to a sidecar's workload, and on which of its ports.

use crate::key::Key;
use crate::proxy::node::{ProxyNode, selects};
use crate::registry::Registry;
use crate::registry::service::{Port, Service, Source, TargetPort};
use crate::resources::Resources;
use meridian_resources::core::{self, endpoint_slice};
use meridian_resources::istio::{ServiceEntry, WorkloadEntry};
use meridian_resources::{Object, StringMap};
use std::net::IpAddr;
use std::sync::Arc;

/// A port of a service, and the workload's port that it leads to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) service: Arc<Service>,
    pub(super) port: Port,
    /// The port on which the workload listens.
    pub(super) number: u16,
}

/// What leads to the workload of `node`, oldest service first. As in Istio, only services of its own namespace do, and
/// whether its endpoints are ready does not matter.
pub(super) fn of_workload(resources: &Resources, registry: &Registry, node: &ProxyNode) -> Vec<Target> {
    let mut services: Vec<&Arc<Service>> = registry.services_in(&node.namespace).collect();
    services.sort_by(|a, b| (&a.age, &a.host).cmp(&(&b.age, &b.host)));
    services.into_iter().flat_map(|service| of_service(resources, service, node)).collect()
}

/// The ports of `service` that lead to the workload of `node`.
pub(super) fn of_service(resources: &Resources, service: &Arc<Service>, node: &ProxyNode) -> Vec<Target> {
    if service.alias.is_some() || *service.namespace() != node.namespace {
        return Vec::new();
    }
    let finder = Finder { resources, node };
    let number = |port: &Port| match &service.source {
        Source::Service(object) => finder.of_service(object, port),
        Source::ServiceEntry(object) => finder.of_service_entry(object, port),
    };
    let target = |port: &Port| Some(Target { service: service.clone(), port: port.clone(), number: number(port)? });
    service.ports.iter().filter_map(target).collect()
}

struct Finder<'a> {
    resources: &'a Resources,
    node: &'a ProxyNode,
}

impl Finder<'_> {
    fn is_own(&self, address: &str) -> bool {
        !self.node.ip_addresses.is_empty()
            && address.parse::<IpAddr>().is_ok_and(|address| self.node.ip_addresses.contains(&address))
    }

    /// A Service that selects the workload, or has one of its addresses among its endpoints.
    fn of_service(&self, object: &Object<core::Service>, port: &Port) -> Option<u16> {
        let key = Key::of(&object.meta);
        let selector = &object.spec.selector;
        let own_endpoint = |endpoint: &endpoint_slice::Endpoint| endpoint.addresses.iter().any(|ip| self.is_own(ip));
        let slices = self.resources.slices_of(&key).filter(|slice| slice.spec.endpoints.iter().any(own_endpoint));
        let mut ports = slices.flat_map(|slice| &slice.spec.ports).filter(|candidate| *candidate.name == *port.name);
        if let Some(number) = ports.find_map(|port| u16::try_from(port.port?).ok()) {
            return Some(number);
        }
        if !selector.is_empty() && selects(selector, &self.node.labels) {
            return self.resolve(&port.target);
        }
        let subsets = &self.resources.endpoints.get(&key)?.spec.subsets;
        let own = |subset: &&core::endpoints::EndpointSubset| {
            subset.addresses.iter().chain(&subset.not_ready_addresses).any(|address| self.is_own(&address.ip))
        };
        let ports = &subsets.iter().find(own)?.ports;
        u16::try_from(ports.iter().find(|candidate| *candidate.name == *port.name)?.port).ok()
    }

    /// A port of the workload; one with a name is looked for in its Pod.
    fn resolve(&self, target: &TargetPort) -> Option<u16> {
        let name = match target {
            TargetPort::Number(number) => return Some(*number),
            TargetPort::Name(name) => name,
        };
        let pods = self.resources.pods_in(&self.node.namespace);
        let own = |pod: &&Arc<Object<core::Pod>>| pod.meta.name == self.node.name || self.is_own(&pod.status.pod_ip);
        let ports = pods.filter(own).flat_map(|pod| &pod.spec.containers).flat_map(|container| &container.ports);
        let port = ports.into_iter().find(|port| *port.name == **name)?;
        u16::try_from(port.container_port).ok()
    }

    /// A ServiceEntry with an endpoint at one of the workload's addresses, or that selects what is there.
    fn of_service_entry(&self, object: &Object<ServiceEntry>, port: &Port) -> Option<u16> {
        let of_entry = |entry: &WorkloadEntry| {
            let own = entry.ports.get(&*port.name).and_then(|number| u16::try_from(*number).ok());
            own.or_else(|| self.resolve(&port.target))
        };
        let Some(selector) = &object.spec.workload_selector else {
            let endpoint = object.spec.endpoints.iter().find(|endpoint| self.is_own(&endpoint.address))?;
            return of_entry(endpoint);
        };
        let selected = |labels: &StringMap| selects(&selector.labels, labels);
        let mut entries = self.resources.workload_entries_in(&object.meta.namespace);
        if let Some(entry) = entries.find(|one| self.is_own(&one.spec.address) && selected(&one.spec.labels)) {
            return of_entry(&entry.spec);
        }
        let mut pods = self.resources.pods_in(&object.meta.namespace);
        pods.find(|pod| self.is_own(&pod.status.pod_ip) && selected(&pod.meta.labels))?;
        self.resolve(&port.target)
    }
}
