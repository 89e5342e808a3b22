//! Hosts that two VirtualServices for the mesh define: sidecars take one of them only.

use crate::hosts::{covers, qualified, scopes};
use crate::message::CONFLICTING_MESH_GATEWAY_HOSTS;
use crate::objects::Objects;
use crate::report::{Report, full_name};
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// VirtualServices by the namespace that sees them and the host.
type ByHost<'o> = BTreeMap<(String, String), Vec<&'o Arc<Object<VirtualService>>>>;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let mut by_host: ByHost<'_> = BTreeMap::new();
    for service in objects.virtual_services.values().filter(|service| is_for_mesh(&service.spec)) {
        for scope in scopes(&service.spec.export_to, &service.meta.namespace) {
            for host in &service.spec.hosts {
                let host = qualified(&service.meta.namespace, host);
                by_host.entry((scope.clone(), host)).or_default().push(service);
            }
        }
    }
    let mut reported = BTreeSet::new();
    for ((scope, host), services) in &by_host {
        let mut rivals = services.clone();
        if scope != "*" {
            let everywhere = by_host.iter().filter(|((other, wide), _)| other == "*" && covers(host, wide));
            rivals.extend(everywhere.flat_map(|(_, services)| services));
        }
        if rivals.len() < 2 {
            continue;
        }
        let names: BTreeSet<String> = rivals.iter().map(|service| full_name(service)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(",");
        for service in rivals {
            if reported.insert(full_name(service)) {
                let text = format!(
                    "The VirtualServices {names} associated with mesh gateway define the same host {scope}/{host} which \
                     can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into \
                     a single resource."
                );
                report.about(service, "metadata.name", CONFLICTING_MESH_GATEWAY_HOSTS, text);
            }
        }
    }
}

fn is_for_mesh(service: &VirtualService) -> bool {
    service.gateways.is_empty() || service.gateways.iter().any(|gateway| gateway == "mesh")
}
