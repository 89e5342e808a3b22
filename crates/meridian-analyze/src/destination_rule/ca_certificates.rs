//! TLS origination without authorities of its own: the system's are used.

use crate::message::{MessageType, NO_SERVER_VERIFICATION, NO_SERVER_VERIFICATION_PORT};
use crate::objects::Objects;
use crate::report::{Report, full_name};
use meridian_resources::Object;
use meridian_resources::istio::DestinationRule;
use meridian_resources::istio::destination_rule::{ClientTlsMode, ClientTlsSettings};

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for rule in objects.destination_rules.values() {
        let Some(policy) = &rule.spec.traffic_policy else { continue };
        if let Some(mode) = unverified(rule, policy.tls.as_ref()) {
            say(report, rule, "spec.trafficPolicy.tls", NO_SERVER_VERIFICATION, mode, "");
        }
        for (index, port) in policy.port_level_settings.iter().enumerate() {
            if let Some(mode) = unverified(rule, port.tls.as_ref()) {
                let number = port.port.map_or(0, |port| port.number);
                let field = format!("spec.trafficPolicy.portLevelSettings[{index}].tls");
                say(report, rule, &field, NO_SERVER_VERIFICATION_PORT, mode, &format!(" at port number:{number}"));
            }
        }
    }
}

/// The mode of settings that name no authorities.
fn unverified(rule: &Object<DestinationRule>, tls: Option<&ClientTlsSettings>) -> Option<&'static str> {
    let tls = tls?;
    let mode = match tls.mode {
        ClientTlsMode::Simple => "SIMPLE",
        ClientTlsMode::Mutual => "MUTUAL",
        _ => return None,
    };
    let by_credential = !tls.credential_name.is_empty() && rule.spec.workload_selector.is_some();
    (tls.ca_certificates.is_empty() && !by_credential).then_some(mode)
}

fn say(
    report: &mut Report<'_>,
    rule: &Object<DestinationRule>,
    field: &str,
    kind: &'static MessageType,
    mode: &str,
    port: &str,
) {
    let text = format!(
        "DestinationRule {} in namespace {} has TLS mode set to {mode} but no caCertificates are set to validate server \
         identity for host: {}{port}",
        full_name(rule),
        rule.meta.namespace,
        rule.spec.host
    );
    report.about(rule, field, kind, text);
}
