//! Two Gateways that claim one host on one port of the same pods.

use crate::message::CONFLICTING_GATEWAYS;
use crate::objects::Objects;
use crate::report::{Report, full_name};
use crate::selector::{self, selects};
use meridian_resources::istio::Gateway;
use meridian_resources::istio::gateway::Server;
use meridian_resources::{Object, StringMap};

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for gateway in objects.gateways.values() {
        let rivals = || objects.gateways.values().filter(|other| other.object_ref() != gateway.object_ref());
        let same_pods: Vec<_> =
            rivals().filter(|other| share_pods(objects, &gateway.spec.selector, &other.spec.selector)).collect();
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let names: Vec<String> =
                same_pods.iter().filter(|other| claims(other, server)).map(|other| full_name(other)).collect();
            if !names.is_empty() {
                let text = format!(
                    "Conflict with gateways {} (workload selector {}, port {}, hosts {}).",
                    names.join(","),
                    selector::text(&gateway.spec.selector),
                    server.port.number,
                    server.hosts.join(",")
                );
                report.about(gateway, &format!("spec.servers[{index}]"), CONFLICTING_GATEWAYS, text);
            }
        }
    }
}

/// Whether some server of `other` has the port, the bind address and one of the hosts of `server`.
fn claims(other: &Object<Gateway>, server: &Server) -> bool {
    other.spec.servers.iter().any(|theirs| {
        theirs.port.number == server.port.number
            && theirs.bind == server.bind
            && theirs.hosts.iter().any(|host| server.hosts.contains(host))
    })
}

/// Whether the selectors are the same, or one is narrower and a pod has the labels of both.
fn share_pods(objects: &Objects, a: &StringMap, b: &StringMap) -> bool {
    let related = selects(a, b) || selects(b, a);
    a == b || related && selector::pods(objects, a).any(|pod| selects(b, &pod.meta.labels))
}
