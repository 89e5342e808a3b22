//! The endpoints of a service's port, for all of it or for a subset.

use super::locality::{self, Located};
use super::service::{Port, Service, Source, TargetPort};
use super::workload::{Described, Known};
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::proxy::node::selects;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_ir::endpoint::{Address, Endpoint};
use meridian_resources::core::endpoint_slice::{self, AddressType, EndpointConditions};
use meridian_resources::core::{self, ObjectReference, Pod};
use meridian_resources::istio::service_entry::ServiceEntryResolution;
use meridian_resources::istio::{ServiceEntry, WorkloadEntry};
use meridian_resources::{Meta, Object, StringMap};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// Labels of an endpoint that has none.
static NO_LABELS: StringMap = StringMap::new();

/// The endpoints of `port` whose labels include `labels` (those of a subset; empty for all).
///
/// Endpoints that are not ready are left out, as Istio does. A port of a Service whose endpoints have no such port has
/// none; see Istio's `endpoints[].ports` before `targetPort` before `number` for ServiceEntries.
pub(crate) fn endpoints<'r>(
    resources: &'r Resources,
    mesh: &MeshConfig,
    service: &'r Service,
    port: &Port,
    labels: &StringMap,
) -> Located<'r> {
    let in_mesh = !service.is_external();
    let mut found = Found { resources, mesh, in_mesh, labels, seen: HashSet::new(), located: Located::default() };
    if service.members.is_empty() {
        of_one(resources, service, port, &mut found);
    }
    for member in &service.members {
        if let Some(port) = member.port(port.number) {
            of_one(resources, member, port, &mut found);
        }
    }
    found.located
}

/// Those of a service that stands for itself.
fn of_one<'r>(resources: &'r Resources, service: &'r Service, port: &Port, found: &mut Found<'_, 'r>) {
    match &service.source {
        Source::Service(object) => of_service(resources, object, port, found),
        Source::ServiceEntry(object) => of_service_entry(resources, &service.host, object, port, found),
    }
}

/// Endpoints that were found, each address once.
struct Found<'l, 'r> {
    resources: &'r Resources,
    mesh: &'l MeshConfig,
    /// Whether the service is one of the mesh.
    in_mesh: bool,
    labels: &'l StringMap,
    seen: HashSet<Address>,
    located: Located<'r>,
}

impl<'r> Found<'_, 'r> {
    fn add(&mut self, address: Address, described: Described<'r>, weight: u32, locality: &str) {
        let labels = match described {
            Described::Pod(pod) => &pod.meta.labels,
            Described::Entry(entry, ..) => &entry.labels,
            Described::Address(_) => &NO_LABELS,
        };
        let (ip, port) = match &address {
            Address::Socket(address) => (Some(address.ip()), address.port()),
            Address::Dns(_, port) => (None, *port),
        };
        let known = self.in_mesh.then(|| Known::new(self.resources, described, ip));
        self.located.identities.extend(known.iter().flat_map(|known| known.identities(self.mesh)));
        if selects(self.labels, labels) && self.seen.insert(address.clone()) {
            self.located.endpoints.push(Endpoint {
                weight: weight.max(1),
                locality: locality.into(),
                mesh_tls: known.as_ref().is_some_and(|known| known.has_mesh_tls(self.resources, self.mesh, port)),
                workload: known.as_ref().and_then(Known::for_metrics),
                ..Endpoint::new(address)
            });
            self.located.labels.push(labels);
        }
    }

    fn add_ip(&mut self, ip: &str, port: u16, described: Described<'r>, locality: &str) {
        if let Ok(ip) = ip.parse::<IpAddr>() {
            self.add(Address::Socket(SocketAddr::new(ip, port)), described, 1, locality);
        }
    }
}

/// A Kubernetes Service: its EndpointSlices; without any, its Endpoints; without these, the pods that it selects.
/// WorkloadEntries that it selects come on top, as in Istio.
fn of_service<'r>(resources: &'r Resources, object: &'r Object<core::Service>, port: &Port, found: &mut Found<'_, 'r>) {
    let key = Key::of(&object.meta);
    let mut slices = resources.slices_of(&key).peekable();
    if slices.peek().is_some() {
        slices.for_each(|slice| of_slice(resources, slice, port, found));
    } else if let Some(endpoints) = resources.endpoints.get(&key) {
        of_endpoints(resources, endpoints, port, found);
    } else if !object.spec.selector.is_empty() {
        for pod in resources.pods_in(&key.namespace).filter(|pod| selects(&object.spec.selector, &pod.meta.labels)) {
            if pod.status.is_ready() && pod.meta.deletion_timestamp.is_empty() {
                add_pod(pod, port, found);
            }
        }
    }
    if !object.spec.selector.is_empty() {
        for entry in resources.workload_entries_in(&key.namespace) {
            if selects(&object.spec.selector, &entry.spec.labels) && is_healthy(entry) {
                add_workload(&entry.spec, &entry.meta, port, false, found);
            }
        }
    }
}

/// The annotation of WorkloadEntries whose health is probed.
const HEALTH_CHECKS_ANNOTATION: &str = "proxy.istio.io/health-checks-enabled";

/// Whether a workload takes traffic: always, unless its health is probed and was not found to be good.
fn is_healthy(entry: &Object<WorkloadEntry>) -> bool {
    let is_probed = entry.meta.annotations.get(HEALTH_CHECKS_ANNOTATION).is_some_and(|value| value == "true");
    let is_good = || {
        let conditions = entry.status.conditions.iter();
        conditions.into_iter().any(|condition| condition.type_ == "Healthy" && condition.status == "True")
    };
    !is_probed || is_good()
}

fn of_slice<'r>(
    resources: &'r Resources,
    slice: &'r Object<core::EndpointSlice>,
    port: &Port,
    found: &mut Found<'_, 'r>,
) {
    if slice.spec.address_type == AddressType::Fqdn {
        return;
    }
    let number = match slice.spec.ports.iter().find(|candidate| *candidate.name == *port.name) {
        Some(slice_port) => slice_port.port.and_then(|number| u16::try_from(number).ok()).or(port.target_number()),
        None if slice.spec.ports.is_empty() => port.target_number(),
        None => return,
    };
    let Some(number) = number else { return };
    for endpoint in slice.spec.endpoints.iter().filter(|endpoint| is_ready(&endpoint.conditions)) {
        if let Some(ip) = endpoint.addresses.first() {
            let described = describe(resources, &slice.meta.namespace, endpoint.target_ref.as_ref(), ip);
            let locality = match described.locality() {
                known if !known.is_empty() => known,
                _ => of_topology(endpoint),
            };
            found.add_ip(ip, number, described, &locality);
        }
    }
}

/// The locality that a slice says itself. A zone without its region says nothing.
fn of_topology(endpoint: &endpoint_slice::Endpoint) -> String {
    let topology = |label: &str| endpoint.deprecated_topology.get(label).map_or("", String::as_str);
    let zone = endpoint.zone.as_deref().unwrap_or(topology(locality::ZONE_LABEL));
    locality::join([topology(locality::REGION_LABEL), zone, ""])
}

fn is_ready(conditions: &EndpointConditions) -> bool {
    conditions.ready.unwrap_or(true)
}

fn of_endpoints<'r>(
    resources: &'r Resources,
    object: &'r Object<core::Endpoints>,
    port: &Port,
    found: &mut Found<'_, 'r>,
) {
    for subset in &object.spec.subsets {
        let Some(number) = subset.ports.iter().find(|candidate| *candidate.name == *port.name) else { continue };
        let Ok(number) = u16::try_from(number.port) else { continue };
        for address in &subset.addresses {
            let described = describe(resources, &object.meta.namespace, address.target_ref.as_ref(), &address.ip);
            found.add_ip(&address.ip, number, described, &described.locality());
        }
    }
}

impl Described<'_> {
    fn locality(&self) -> String {
        match self {
            Self::Pod(pod) => locality::of_labels(&pod.meta.labels),
            Self::Entry(entry, ..) => match &*entry.locality {
                "" => locality::of_labels(&entry.labels),
                locality => locality.to_owned(),
            },
            Self::Address(_) => String::new(),
        }
    }
}

/// The pod behind an address, by reference or by address.
fn describe<'r>(
    resources: &'r Resources,
    namespace: &'r Name,
    target: Option<&ObjectReference>,
    ip: &str,
) -> Described<'r> {
    if resources.pods.is_empty() {
        return Described::Address(namespace);
    }
    let pod = match target.filter(|target| target.kind == "Pod") {
        Some(target) => {
            let key = Key { namespace: namespace.clone(), name: target.name.as_str().into() };
            resources.pods.get(&key)
        }
        None => resources.pods_in(namespace).find(|pod| !ip.is_empty() && pod.status.pod_ip == ip),
    };
    pod.map_or(Described::Address(namespace), |pod| Described::Pod(pod))
}

fn add_pod<'r>(pod: &'r Object<Pod>, port: &Port, found: &mut Found<'_, 'r>) {
    let number = match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => (pod.spec.containers.iter().flat_map(|container| &container.ports))
            .find(|container_port| *container_port.name == **name)
            .and_then(|container_port| u16::try_from(container_port.container_port).ok()),
    };
    if let Some(number) = number {
        let described = Described::Pod(pod);
        found.add_ip(&pod.status.pod_ip, number, described, &described.locality());
    }
}

/// A ServiceEntry: its own endpoints, or what it selects; with DNS and neither, its host.
fn of_service_entry<'r>(
    resources: &'r Resources,
    host: &Name,
    object: &'r Object<ServiceEntry>,
    port: &Port,
    found: &mut Found<'_, 'r>,
) {
    let dns = match object.spec.resolution {
        ServiceEntryResolution::Static | ServiceEntryResolution::None => false,
        ServiceEntryResolution::Dns | ServiceEntryResolution::DnsRoundRobin => true,
        ServiceEntryResolution::DynamicDns => return,
    };
    if let Some(selector) = &object.spec.workload_selector {
        for entry in resources.workload_entries_in(&object.meta.namespace) {
            if selects(&selector.labels, &entry.spec.labels) && is_healthy(entry) {
                add_workload(&entry.spec, &entry.meta, port, dns, found);
            }
        }
        for pod in resources.pods_in(&object.meta.namespace) {
            if selects(&selector.labels, &pod.meta.labels) && pod.status.is_ready() {
                add_pod(pod, port, found);
            }
        }
    } else if !object.spec.endpoints.is_empty() {
        object.spec.endpoints.iter().for_each(|endpoint| add_workload(endpoint, &object.meta, port, dns, found));
    } else if dns
        && !host.starts_with('*')
        && let Some(number) = port.target_number()
    {
        found.add(Address::Dns(host.clone(), number), Described::Address(&object.meta.namespace), 1, "");
    }
}

/// An endpoint that an object of `meta` describes.
fn add_workload<'r>(entry: &'r WorkloadEntry, meta: &'r Meta, port: &Port, dns: bool, found: &mut Found<'_, 'r>) {
    let own = entry.ports.get(&*port.name).and_then(|number| u16::try_from(*number).ok());
    let Some(number) = own.or(port.target_number()) else { return };
    let address = match entry.address.parse::<IpAddr>() {
        Ok(ip) => Address::Socket(SocketAddr::new(ip, number)),
        // Unix sockets are refused in the status; a name without DNS is, too.
        Err(_) if !dns || entry.address.starts_with("unix://") || entry.address.is_empty() => return,
        Err(_) => Address::Dns(entry.address.as_str().into(), number),
    };
    let described = Described::Entry(entry, &meta.name, &meta.namespace);
    found.add(address, described, entry.weight, &described.locality());
}

impl Port {
    /// The target port, when it is a number. Of a named one that no endpoint explains, nothing is known.
    fn target_number(&self) -> Option<u16> {
        match &self.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(_) => None,
        }
    }
}
