//! Services whose hosts are known only at run time: where their clusters may go.
//!
//! Sidecars go where a service with resolution `DYNAMIC_DNS` says, as in Istio. Behind a gateway, a service with
//! resolution `NONE` and no addresses is one of these too: a gateway does not know where its clients were going, but
//! they name it. Gateways serve many and often stand where internal networks can be reached, so they keep to the public
//! internet unless the ServiceEntry says otherwise; what a sidecar's workload could reach by itself is not the
//! sidecar's to refuse.

use crate::proxy::node::{ProxyKind, ProxyNode};
use crate::registry::service::{Port, Service, Source, TargetPort};
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_resources::istio::service_entry::ServiceEntryResolution as Resolution;

/// The annotation of ServiceEntries by which gateways reach addresses that are not of the public internet.
pub(crate) const ALLOW_PRIVATE_ANNOTATION: &str = "meridian.dev/allow-private-addresses";

/// Where the cluster of a port goes; `None` for services with endpoints.
pub(crate) fn of(service: &Service, port: &Port, node: &ProxyNode) -> Option<DynamicForward> {
    let Source::ServiceEntry(object) = &service.source else { return None };
    let is_gateway = node.kind == ProxyKind::Gateway;
    match object.spec.resolution {
        Resolution::DynamicDns => {}
        Resolution::None if is_gateway && service.addresses.is_empty() => {}
        _ => return None,
    }
    let allowed = object.meta.annotations.get(ALLOW_PRIVATE_ANNOTATION).is_some_and(|value| value == "true");
    let port = match port.target {
        TargetPort::Number(target) => target,
        TargetPort::Name(_) => port.number,
    };
    Some(DynamicForward { hosts: vec![service.host.clone()], port: Some(port), allow_private: !is_gateway || allowed })
}
