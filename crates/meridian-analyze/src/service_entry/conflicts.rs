//! One host and port with different protocols.

use crate::hosts::scopes;
use crate::message::CONFLICTING_SERVICE_ENTRY_PROTOCOL;
use crate::objects::Objects;
use crate::report::{Report, full_name};
use meridian_resources::Object;
use meridian_resources::istio::ServiceEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Entries with the protocol that they give, by the namespace that sees them, host and port.
type ByPort<'o> = BTreeMap<(String, &'o str, u32), Vec<(String, &'o Arc<Object<ServiceEntry>>)>>;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let mut by_port: ByPort<'_> = BTreeMap::new();
    for entry in objects.service_entries.values() {
        for scope in scopes(&entry.spec.export_to, &entry.meta.namespace) {
            for host in &entry.spec.hosts {
                for port in &entry.spec.ports {
                    let key = (scope.clone(), host.as_str(), port.number);
                    by_port.entry(key).or_default().push((port.protocol.to_ascii_uppercase(), entry));
                }
            }
        }
    }
    let mut reported = BTreeSet::new();
    for ((scope, host, port), entries) in &by_port {
        let everywhere = by_port.get(&("*".to_owned(), *host, *port)).filter(|_| scope != "*");
        let entries = || entries.iter().chain(everywhere.into_iter().flatten());
        let protocols: BTreeSet<&str> = entries().map(|(protocol, _)| protocol.as_str()).collect();
        if protocols.len() < 2 {
            continue;
        }
        let protocols = protocols.into_iter().collect::<Vec<_>>().join(", ");
        let names: BTreeSet<String> = entries().map(|(_, entry)| full_name(entry)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        for (_, entry) in entries() {
            if reported.insert(full_name(entry)) {
                let text = format!(
                    "Multiple ServiceEntries ({names}) define the same host {host:?} and port {port} with conflicting \
                     protocols ({protocols})."
                );
                report.about(entry, "metadata.name", CONFLICTING_SERVICE_ENTRY_PROTOCOL, text);
            }
        }
    }
}
