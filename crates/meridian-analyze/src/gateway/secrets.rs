//! Certificates of servers that are missing or cannot be used.

use super::report_missing_pods;
use crate::message::{INVALID_GATEWAY_CREDENTIAL, REFERENCED_RESOURCE_NOT_FOUND};
use crate::objects::Objects;
use crate::report::{Report, quoted};
use crate::selector;
use meridian_resources::core::Secret;
use meridian_tls::Certificate;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for gateway in objects.gateways.values() {
        let Some(pod) = selector::pods(objects, &gateway.spec.selector).next() else {
            report_missing_pods(report, gateway);
            continue;
        };
        let namespace = &pod.meta.namespace;
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let Some(tls) = &server.tls else { continue };
            let one = (!tls.credential_name.is_empty())
                .then(|| (tls.credential_name.as_str(), format!("spec.servers[{index}].tls.credentialName")));
            let several = tls.credential_names.iter().enumerate();
            let several = several
                .map(|(number, name)| (name.as_str(), format!("spec.servers[{index}].tls.credentialNames[{number}]")));
            for (name, field) in one.into_iter().chain(several) {
                match objects.secrets.get(&(namespace.clone(), Arc::from(name))) {
                    None => {
                        let text = format!("Referenced credentialName not found: {}", quoted(name));
                        report.about(gateway, &field, REFERENCED_RESOURCE_NOT_FOUND, text);
                    }
                    Some(secret) if !is_usable(&secret.spec) => {
                        let text = format!(
                            "The credential referenced by the Gateway {} in namespace {namespace} is invalid, which can \
                             cause the traffic not to work as expected.",
                            gateway.meta.name
                        );
                        report.about(gateway, &field, INVALID_GATEWAY_CREDENTIAL, text);
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

/// Whether a gateway can serve with it, and clients take the certificate: a pair, in either of the forms that gateways
/// read, whose certificate is valid now.
fn is_usable(secret: &Secret) -> bool {
    let value = |names: [&str; 2]| names.into_iter().find_map(|name| secret.get(name)).unwrap_or_default();
    let chain = value(["cert", "tls.crt"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let is_valid = |certificate: Certificate| (certificate.not_before..=certificate.not_after).contains(&now);
    meridian_tls::check_pair(&chain, &value(["key", "tls.key"])).is_ok()
        && meridian_tls::certificate::first_of_pem(&chain).is_some_and(is_valid)
}
