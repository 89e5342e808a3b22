//! Ports of a Gateway that its pods' Services do not have.

use super::report_missing_pods;
use crate::message::GATEWAY_PORT_NOT_DEFINED;
use crate::objects::Objects;
use crate::report::Report;
use crate::selector::{self, selects};
use meridian_resources::IntOrString;
use meridian_resources::core::Service;
use meridian_resources::{Object, StringMap};
use std::collections::BTreeSet;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for gateway in objects.gateways.values() {
        let selector = &gateway.spec.selector;
        if selector::pods(objects, selector).next().is_none() {
            report_missing_pods(report, gateway);
            continue;
        }
        let known = ports(objects, selector);
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let port = server.port.number;
            if !known.contains(&port) {
                let text = format!(
                    "The gateway is listening on a target port (port {port}) that is not defined in the Service \
                     associated with its workload instances (Pod selector {}). If you need to access the gateway port \
                     through the gateway Service, it will not be available.",
                    selector::text(selector)
                );
                report.about(gateway, &format!("spec.servers[{index}].port.number"), GATEWAY_PORT_NOT_DEFINED, text);
            }
        }
    }
}

/// Ports and target ports of the Services before the selected pods.
fn ports(objects: &Objects, selector: &StringMap) -> BTreeSet<u32> {
    let mut known = BTreeSet::new();
    for pod in selector::pods(objects, selector) {
        let selecting = |service: &&std::sync::Arc<Object<Service>>| {
            service.meta.namespace == pod.meta.namespace
                && !service.spec.selector.is_empty()
                && selects(&service.spec.selector, &pod.meta.labels)
        };
        for service in objects.services.values().filter(selecting) {
            for port in &service.spec.ports {
                known.extend(u32::try_from(port.port).ok());
                if let Some(IntOrString::Int(target)) = &port.target_port {
                    known.extend(u32::try_from(*target).ok());
                }
            }
        }
    }
    known
}
