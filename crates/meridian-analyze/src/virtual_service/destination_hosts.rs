//! Destinations that no Service and no ServiceEntry has, and ports that are not said.

use super::destinations;
use crate::hosts::Hosts;
use crate::message::{
    DESTINATION_PORT_SELECTOR_REQUIRED, INGRESS_ROUTE_RULES_NOT_AFFECTED, REFERENCED_RESOURCE_NOT_FOUND,
};
use crate::objects::Objects;
use crate::report::{Report, full_name, list, quoted};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::sync::Arc;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let hosts = Hosts::new(objects);
    for service in objects.virtual_services.values() {
        hosts_and_ports(&hosts, service, report);
        ineffective_subsets(objects, service, report);
    }
}

fn hosts_and_ports(hosts: &Hosts, service: &Object<VirtualService>, report: &mut Report<'_>) {
    for named in destinations(&service.spec) {
        let host = &named.destination.host;
        let Some(ports) = hosts.ports(&service.meta.namespace, &service.spec.export_to, host) else {
            let what = if named.is_mirror { "mirror host" } else { "host" };
            let text = format!("Referenced {what} not found: {}", quoted(host));
            report.about(service, &named.field, REFERENCED_RESOURCE_NOT_FOUND, text);
            continue;
        };
        match named.destination.port {
            None if ports.len() > 1 => {
                let text = format!(
                    "This VirtualService routes to a service {} that exposes multiple ports {}. Specifying a port in the \
                     destination is required to disambiguate.",
                    quoted(host),
                    list(ports)
                );
                report.about(service, &named.field, DESTINATION_PORT_SELECTOR_REQUIRED, text);
            }
            Some(port) if !ports.contains(&port.number) => {
                let text = format!("Referenced host:port not found: {}", quoted(&format!("{host}:{}", port.number)));
                report.about(service, &named.field, REFERENCED_RESOURCE_NOT_FOUND, text);
            }
            _ => {}
        }
    }
}

/// Routes of a gateway to a host whose own VirtualService, for the mesh, chooses a subset: it has no effect here.
fn ineffective_subsets(objects: &Objects, service: &Object<VirtualService>, report: &mut Report<'_>) {
    if service.spec.gateways.is_empty() {
        return;
    }
    for (rule, http) in service.spec.http.iter().enumerate() {
        for (index, route) in http.route.iter().enumerate().filter(|(_, route)| route.destination.subset.is_empty()) {
            let host = &route.destination.host;
            let with_subset = objects.virtual_services.values().filter(|other| chooses_subset(other, host));
            for other in with_subset {
                let text = format!(
                    "Subset in virtual service {} has no effect on ingress gateway {} requests",
                    full_name(other),
                    full_name(service)
                );
                let field = format!("spec.http[{rule}].route[{index}].destination.host");
                report.about(service, &field, INGRESS_ROUTE_RULES_NOT_AFFECTED, text);
            }
        }
    }
}

fn chooses_subset(other: &Arc<Object<VirtualService>>, host: &str) -> bool {
    let mut routes = other.spec.http.iter().flat_map(|http| &http.route);
    other.spec.hosts.iter().any(|own| own == host)
        && routes.any(|route| !route.destination.subset.is_empty() && route.destination.host == host)
}
