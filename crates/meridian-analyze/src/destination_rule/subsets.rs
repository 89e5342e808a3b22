//! Hosts that do not exist, and subsets without pods.

use crate::hosts::{Hosts, qualified};
use crate::message::{SUBSET_SELECTS_NO_PODS, UNKNOWN_DESTINATION_RULE_HOST};
use crate::objects::Objects;
use crate::report::Report;
use crate::selector;
use meridian_resources::istio::DestinationRule;
use meridian_resources::{Object, StringMap};

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    let hosts = Hosts::new(objects);
    for rule in objects.destination_rules.values() {
        if hosts.ports(&rule.meta.namespace, &rule.spec.export_to, &rule.spec.host).is_none() {
            let text = format!(
                "The host {} defined in the DestinationRule does not match any services in the mesh.",
                rule.spec.host
            );
            report.about(rule, "spec.host", UNKNOWN_DESTINATION_RULE_HOST, text);
            continue;
        }
        let workloads = workload_selector(objects, rule);
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            let mut labels = workloads.clone();
            labels.extend(subset.labels.clone());
            if selector::pods(objects, &labels).next().is_none() && !has_endpoint(objects, rule, &labels) {
                let text = format!(
                    "The Subset {} defined in the DestinationRule does not select any pods. Which may lead to 503 UH \
                     (NoHealthyUpstream).",
                    subset.name
                );
                report.about(rule, &format!("spec.subsets[{index}]"), SUBSET_SELECTS_NO_PODS, text);
            }
        }
    }
}

/// The labels that a ServiceEntry for the host asks of its workloads.
fn workload_selector(objects: &Objects, rule: &Object<DestinationRule>) -> StringMap {
    let host = qualified(&rule.meta.namespace, &rule.spec.host);
    let entry = objects.service_entries.values().find(|entry| entry.spec.hosts.contains(&host));
    entry.and_then(|entry| entry.spec.workload_selector.as_ref()).map(|own| own.labels.clone()).unwrap_or_default()
}

/// Whether a ServiceEntry for the host has such an endpoint: without Kubernetes, endpoints are no pods.
fn has_endpoint(objects: &Objects, rule: &Object<DestinationRule>, labels: &StringMap) -> bool {
    let host = qualified(&rule.meta.namespace, &rule.spec.host);
    let mut entries = objects.service_entries.values().filter(|entry| entry.spec.hosts.contains(&host));
    entries.any(|entry| entry.spec.endpoints.iter().any(|endpoint| selector::selects(labels, &endpoint.labels)))
}
