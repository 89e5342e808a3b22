//! Analyzers of VirtualServices.

pub(crate) mod destination_hosts;
pub(crate) mod destination_rules;
pub(crate) mod gateways;
pub(crate) mod mesh_hosts;

use meridian_resources::istio::VirtualService;
use meridian_resources::istio::virtual_service::Destination;

/// One destination and where it stands.
struct Named<'v> {
    destination: &'v Destination,
    /// The field of its host.
    field: String,
    is_mirror: bool,
}

/// All destinations of routes and mirrors.
fn destinations(service: &VirtualService) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    let mut add = |destination, field: String, is_mirror| found.push(Named { destination, field, is_mirror });
    for (rule, tcp) in service.tcp.iter().enumerate() {
        for (index, route) in tcp.route.iter().enumerate() {
            add(&route.destination, format!("spec.tcp[{rule}].route[{index}].destination.host"), false);
        }
    }
    for (rule, tls) in service.tls.iter().enumerate() {
        for (index, route) in tls.route.iter().enumerate() {
            add(&route.destination, format!("spec.tls[{rule}].route[{index}].destination.host"), false);
        }
    }
    for (rule, http) in service.http.iter().enumerate() {
        for (index, route) in http.route.iter().enumerate() {
            add(&route.destination, format!("spec.http[{rule}].route[{index}].destination.host"), false);
        }
        if let Some(mirror) = &http.mirror {
            add(mirror, format!("spec.http[{rule}].mirror.host"), true);
        }
        for (index, mirror) in http.mirrors.iter().enumerate() {
            add(&mirror.destination, format!("spec.http[{rule}].mirrors[{index}].destination.host"), true);
        }
    }
    found
}
