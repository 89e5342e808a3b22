//! The names that a proxy answers for (Istio's name table): those of the services that it sees.

use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use crate::registry::endpoints::endpoints;
use crate::registry::service::{Service, Source};
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_ir::endpoint::Address;
use meridian_ir::name_table::{NameInfo, Names};
use meridian_resources::StringMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Brings the entry of `host` up to date; `service` is what the proxy sees under it. Whether it is another one now.
pub(crate) fn update(
    names: &mut Names,
    resources: &Resources,
    mesh: &MeshConfig,
    node: &ProxyNode,
    host: &Name,
    service: Option<&Service>,
) -> bool {
    match service.and_then(|service| info(resources, mesh, node, service)) {
        None => names.remove(host).is_some(),
        Some(info) if names.get(host).is_some_and(|known| **known == info) => false,
        Some(info) => {
            names.insert(host.clone(), Arc::new(info));
            true
        }
    }
}

/// `None` for a service without any address: its name is for others to resolve.
fn info(resources: &Resources, mesh: &MeshConfig, node: &ProxyNode, service: &Service) -> Option<NameInfo> {
    if service.alias.is_some() {
        return None;
    }
    let is_service = matches!(service.source, Source::Service(_));
    let ranges = service.virtual_addresses(node);
    let single = ranges.iter().filter(|range| range.prefix_len() == range.max_prefix_len());
    let mut addresses: Vec<IpAddr> = single.map(|range| range.addr()).collect();
    if addresses.is_empty() && is_service && service.passthrough {
        addresses = of_endpoints(resources, mesh, service);
    }
    (!addresses.is_empty()).then_some(NameInfo { addresses, is_service })
}

/// The addresses of the endpoints of a headless Service, each once.
fn of_endpoints(resources: &Resources, mesh: &MeshConfig, service: &Service) -> Vec<IpAddr> {
    static ALL: StringMap = StringMap::new();
    let mut addresses: Vec<IpAddr> = Vec::new();
    for port in &service.ports {
        for endpoint in endpoints(resources, mesh, service, port, &ALL).endpoints {
            if let Address::Socket(address) = endpoint.address
                && !addresses.contains(&address.ip())
            {
                addresses.push(address.ip());
            }
        }
    }
    addresses.sort_unstable();
    addresses
}
