//! The services that lead to a proxy: their ports say on which target ports its Gateways listen.

use crate::istio::gateway::ServiceTarget;
use crate::key::Key;
use crate::proxy::node::{ProxyNode, selects};
use crate::registry::Registry;
use crate::registry::service::{Service, Source, TargetPort};
use crate::resources::Resources;
use std::net::IpAddr;

/// The ports of all services that lead to `node`, by host name. As in Istio, only services of the proxy's own namespace
/// do.
pub(crate) fn of_proxy(resources: &Resources, registry: &Registry, node: &ProxyNode) -> Vec<ServiceTarget> {
    let mut targets = Vec::new();
    let mut services: Vec<_> = registry.services_in(&node.namespace).collect();
    services.sort_by(|a, b| a.host.cmp(&b.host));
    for service in services.into_iter().filter(|service| leads_to(resources, service, node)) {
        for port in &service.ports {
            let target_port = match port.target {
                TargetPort::Number(number) => number,
                TargetPort::Name(_) => port.number,
            };
            targets.push(ServiceTarget {
                host: service.host.clone(),
                port: port.number,
                target_port,
                translation_disabled: service.disables_port_translation(),
            });
        }
    }
    targets
}

/// Whether a service may lead to some proxy; false only when it cannot.
pub(crate) fn may_concern(service: &Service, node: &ProxyNode) -> bool {
    *service.namespace() == node.namespace && (!node.ip_addresses.is_empty() || selects_proxy(service, node))
}

fn leads_to(resources: &Resources, service: &Service, node: &ProxyNode) -> bool {
    selects_proxy(service, node) || has_endpoint_at(resources, service, &node.ip_addresses)
}

fn selects_proxy(service: &Service, node: &ProxyNode) -> bool {
    if service.alias.is_some() {
        return false;
    }
    match &service.source {
        Source::Service(object) => !object.spec.selector.is_empty() && selects(&object.spec.selector, &node.labels),
        Source::ServiceEntry(_) => false,
    }
}

/// Whether `service` has an endpoint at one of `addresses`, ready or not.
pub(crate) fn has_endpoint_at(resources: &Resources, service: &Service, addresses: &[IpAddr]) -> bool {
    let own = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| addresses.contains(&address));
    if addresses.is_empty() {
        return false;
    }
    match &service.source {
        Source::ServiceEntry(object) => match &object.spec.workload_selector {
            None => object.spec.endpoints.iter().any(|endpoint| own(&endpoint.address)),
            Some(selector) => {
                let namespace = &object.meta.namespace;
                let mut entries = resources.workload_entries_in(namespace);
                let mut pods = resources.pods_in(namespace);
                entries.any(|entry| own(&entry.spec.address) && selects(&selector.labels, &entry.spec.labels))
                    || pods.any(|pod| own(&pod.status.pod_ip) && selects(&selector.labels, &pod.meta.labels))
            }
        },
        Source::Service(object) => {
            let key = Key::of(&object.meta);
            let in_slices = resources
                .slices_of(&key)
                .flat_map(|slice| &slice.spec.endpoints)
                .any(|endpoint| endpoint.addresses.first().is_some_and(|address| own(address)));
            let subsets = resources.endpoints.get(&key).into_iter().flat_map(|object| &object.spec.subsets);
            let selected = |labels| !object.spec.selector.is_empty() && selects(&object.spec.selector, labels);
            let mut pods = resources.pods_in(&key.namespace);
            in_slices
                || subsets.flat_map(|subset| &subset.addresses).any(|address| own(&address.ip))
                || pods.any(|pod| own(&pod.status.pod_ip) && selected(&pod.meta.labels))
        }
    }
}
