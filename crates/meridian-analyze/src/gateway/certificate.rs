//! One certificate in two Gateways: clients that reuse an HTTP/2 connection for the other's host get 404.

use crate::message::GATEWAY_DUPLICATE_CERTIFICATE;
use crate::objects::Objects;
use crate::report::{Report, full_name, list};
use crate::selector::selects;
use meridian_resources::Object;
use meridian_resources::istio::Gateway;
use meridian_resources::istio::gateway::ServerTlsSettings;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for gateway in objects.gateways.values() {
        let other = |other: &&std::sync::Arc<Object<Gateway>>| {
            other.object_ref() != gateway.object_ref() && selects(&gateway.spec.selector, &other.spec.selector)
        };
        for other in objects.gateways.values().filter(other) {
            if settings(gateway).any(|own| settings(other).any(|theirs| is_same(own, theirs))) {
                let names = list([full_name(gateway), full_name(other)]);
                let text = format!(
                    "Duplicate certificate in multiple gateways {names} may cause 404s if clients re-use HTTP2 connections."
                );
                report.about(gateway, "metadata.name", GATEWAY_DUPLICATE_CERTIFICATE, text);
            }
        }
    }
}

fn settings(gateway: &Object<Gateway>) -> impl Iterator<Item = &ServerTlsSettings> {
    gateway.spec.servers.iter().filter_map(|server| server.tls.as_ref())
}

fn is_same(a: &ServerTlsSettings, b: &ServerTlsSettings) -> bool {
    if !a.credential_name.is_empty() || !b.credential_name.is_empty() {
        return a.credential_name == b.credential_name;
    }
    let files = |tls: &ServerTlsSettings| (tls.server_certificate.clone(), tls.private_key.clone());
    !a.server_certificate.is_empty() && !a.private_key.is_empty() && files(a) == files(b)
}
