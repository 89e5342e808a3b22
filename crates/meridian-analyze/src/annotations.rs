//! Annotations of Istio's that do not exist.

use crate::message::UNKNOWN_ANNOTATION;
use crate::objects::{Map, Objects};
use crate::report::Report;
use meridian_resources::Spec;

/// Annotations that a user of gateways and sidecars may set, without the domain's first label where it varies.
const KNOWN: &[&str] = &[
    "ambient.istio.io/bypass-inbound-capture",
    "ambient.istio.io/dns-capture",
    "ambient.istio.io/redirection",
    "ambient.istio.io/waypoint-inbound-binding",
    "galley.istio.io/analyze-suppress",
    "gateway.istio.io/controller-version",
    "gateway.istio.io/name-override",
    "gateway.istio.io/service-account",
    "inject.istio.io/templates",
    "internal.istio.io/service-account-name",
    "istio.io/autoRegistrationGroup",
    "istio.io/connectedAt",
    "istio.io/disconnectedAt",
    "istio.io/reroute-virtual-interfaces",
    "istio.io/rev",
    "istio.io/workloadController",
    "kubernetes.io/ingress.class",
    "networking.istio.io/address-type",
    "networking.istio.io/exportTo",
    "networking.istio.io/service-type",
    "networking.istio.io/traffic-distribution",
    "prometheus.istio.io/merge-metrics",
    "proxy.istio.io/config",
    "proxy.istio.io/overrides",
    "readiness.status.sidecar.istio.io/applicationPorts",
    "readiness.status.sidecar.istio.io/failureThreshold",
    "readiness.status.sidecar.istio.io/initialDelaySeconds",
    "readiness.status.sidecar.istio.io/periodSeconds",
    "security.istio.io/autoMTLS",
    "sidecar.istio.io/agentLogLevel",
    "sidecar.istio.io/bootstrapOverride",
    "sidecar.istio.io/componentLogLevel",
    "sidecar.istio.io/controlPlaneAuthPolicy",
    "sidecar.istio.io/discoveryAddress",
    "sidecar.istio.io/enableCoreDump",
    "sidecar.istio.io/extraStatTags",
    "sidecar.istio.io/inject",
    "sidecar.istio.io/interceptionMode",
    "sidecar.istio.io/logLevel",
    "sidecar.istio.io/nativeSidecar",
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyCPULimit",
    "sidecar.istio.io/proxyImage",
    "sidecar.istio.io/proxyImageType",
    "sidecar.istio.io/proxyMemory",
    "sidecar.istio.io/proxyMemoryLimit",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    "sidecar.istio.io/statsCompression",
    "sidecar.istio.io/statsEvictionInterval",
    "sidecar.istio.io/statsHistogramBuckets",
    "sidecar.istio.io/statsInclusionPrefixes",
    "sidecar.istio.io/statsInclusionRegexps",
    "sidecar.istio.io/statsInclusionSuffixes",
    "sidecar.istio.io/status",
    "sidecar.istio.io/userVolume",
    "sidecar.istio.io/userVolumeMount",
    "status.sidecar.istio.io/port",
    "topology.istio.io/controlPlaneClusters",
    "traffic.istio.io/nodeSelector",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/excludeInterfaces",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/kubevirtInterfaces",
];

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    of(&objects.namespaces, report);
    of(&objects.services, report);
    of(&objects.pods, report);
}

fn of<T: Spec>(map: &Map<T>, report: &mut Report<'_>) {
    for object in map.values() {
        for name in object.meta.annotations.keys().filter(|name| is_istios(name) && !KNOWN.contains(&name.as_str())) {
            let text = format!("Unknown annotation: {name}");
            report.about(object, "metadata.annotations", UNKNOWN_ANNOTATION, text);
        }
    }
}

fn is_istios(annotation: &str) -> bool {
    annotation == "kubernetes.io/ingress.class"
        || annotation.split_once('/').is_some_and(|(domain, _)| domain == "istio.io" || domain.ends_with(".istio.io"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_annotations_are_sorted_and_istios() {
        assert!(KNOWN.is_sorted());
        assert!(KNOWN.iter().all(|name| is_istios(name)));
        assert!(!is_istios("meridian.dev/admin-address"));
    }
}
