//! Certificates of servers that are missing or cannot be used.

use super::report_missing_pods;
use crate::message::{INVALID_GATEWAY_CREDENTIAL, REFERENCED_RESOURCE_NOT_FOUND};
use crate::objects::Objects;
use crate::report::{Report, quoted};
use crate::selector;
use meridian_resources::core::Secret;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

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

/// Whether there are a certificate and a key, in either of the forms that gateways take.
fn is_usable(secret: &Secret) -> bool {
    let value = |names: [&str; 2]| names.into_iter().find_map(|name| secret.get(name)).unwrap_or_default();
    let mut certificates = CertificateDer::pem_slice_iter(&value(["cert", "tls.crt"])).collect::<Vec<_>>().into_iter();
    let key = PrivateKeyDer::from_pem_slice(&value(["key", "tls.key"]));
    certificates.len() > 0 && certificates.all(|certificate| certificate.is_ok()) && key.is_ok()
}
