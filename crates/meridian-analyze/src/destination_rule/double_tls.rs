//! TLS origination towards a port whose clients speak TLS themselves: TLS inside of TLS, of which the endpoint
//! understands nothing.

use crate::hosts::{covers, qualified};
use crate::message::DOUBLE_TLS;
use crate::objects::Objects;
use crate::report::{Report, full_name, quoted};
use meridian_resources::Object;
use meridian_resources::istio::DestinationRule;
use meridian_resources::istio::destination_rule::{ClientTlsMode, ClientTlsSettings, TrafficPolicy};

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for rule in objects.destination_rules.values() {
        let Some(policy) = &rule.spec.traffic_policy else { continue };
        for port in ports_with_tls(objects, rule) {
            let Some((field, mode)) = originated(policy, port) else { continue };
            if is_routed_as_http(objects, rule, port) {
                continue;
            }
            let text = format!(
                "DestinationRule {} originates TLS ({mode}) towards port {port} of host {}, whose protocol says that \
                 clients speak TLS themselves: the endpoint gets TLS inside of TLS. Declare the port as HTTP, with \
                 targetPort {port}, or take the TLS settings out",
                full_name(rule),
                quoted(&rule.spec.host)
            );
            report.about(rule, &field, DOUBLE_TLS, text);
        }
    }
}

/// The ports of the rule's host whose clients speak TLS.
fn ports_with_tls(objects: &Objects, rule: &Object<DestinationRule>) -> Vec<u32> {
    let host = qualified(&rule.meta.namespace, &rule.spec.host);
    let is_tls = |protocol: &str| protocol.eq_ignore_ascii_case("HTTPS") || protocol.eq_ignore_ascii_case("TLS");
    let entries = objects
        .service_entries
        .values()
        .filter(|entry| entry.spec.hosts.iter().any(|own| covers(&host, &qualified(&entry.meta.namespace, own))));
    let of_entries = entries.flat_map(|entry| &entry.spec.ports).filter(|port| is_tls(&port.protocol));
    let services = objects
        .services
        .values()
        .filter(|service| covers(&host, &qualified(&service.meta.namespace, &service.meta.name)));
    let of_services = services.flat_map(|service| &service.spec.ports).filter(|port| {
        let by_name = port.name.split('-').next().unwrap_or_default();
        is_tls(port.app_protocol.as_deref().unwrap_or(by_name))
    });
    let mut ports: Vec<u32> = of_entries
        .map(|port| port.number)
        .chain(of_services.filter_map(|port| u32::try_from(port.port).ok()))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The settings that count for `port`, and their mode, if they originate TLS. Those of a port replace the others whole.
fn originated(policy: &TrafficPolicy, port: u32) -> Option<(String, &'static str)> {
    let own = policy
        .port_level_settings
        .iter()
        .enumerate()
        .find(|(_, settings)| settings.port.is_some_and(|own| own.number == port));
    let (field, tls): (String, Option<&ClientTlsSettings>) = match own {
        Some((index, settings)) => {
            (format!("spec.trafficPolicy.portLevelSettings[{index}].tls"), settings.tls.as_ref())
        }
        None => ("spec.trafficPolicy.tls".to_owned(), policy.tls.as_ref()),
    };
    let mode = match tls?.mode {
        ClientTlsMode::Simple => "SIMPLE",
        ClientTlsMode::Mutual => "MUTUAL",
        _ => return None,
    };
    Some((field, mode))
}

/// Whether a VirtualService sends plain HTTP to the port: then TLS is originated for that, as egress gateways do it.
fn is_routed_as_http(objects: &Objects, rule: &Object<DestinationRule>, port: u32) -> bool {
    let host = qualified(&rule.meta.namespace, &rule.spec.host);
    objects.virtual_services.values().any(|service| {
        service.spec.http.iter().flat_map(|http| &http.route).any(|route| {
            let destination = &route.destination;
            destination.port.is_some_and(|own| own.number == port)
                && covers(&host, &qualified(&service.meta.namespace, &destination.host))
        })
    })
}
