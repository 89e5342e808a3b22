//! Subsets that no DestinationRule defines.

use super::destinations;
use crate::hosts::service_name;
use crate::message::REFERENCED_RESOURCE_NOT_FOUND;
use crate::objects::Objects;
use crate::report::{Report, quoted};
use std::collections::BTreeSet;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let mut known = BTreeSet::new();
    for rule in objects.destination_rules.values() {
        let host = service_name(&rule.meta.namespace, &rule.spec.host);
        known.extend(rule.spec.subsets.iter().map(|subset| (host.clone(), subset.name.as_str())));
    }
    for service in objects.virtual_services.values() {
        for named in destinations(&service.spec) {
            let destination = named.destination;
            let host = service_name(&service.meta.namespace, &destination.host);
            if destination.subset.is_empty() || known.contains(&(host, destination.subset.as_str())) {
                continue;
            }
            let what = if named.is_mirror { "mirror+subset" } else { "host+subset" };
            let missing = quoted(&format!("{}+{}", destination.host, destination.subset));
            let text = format!("Referenced {what} in destinationrule not found: {missing}");
            report.about(service, &named.field, REFERENCED_RESOURCE_NOT_FOUND, text);
        }
    }
}
