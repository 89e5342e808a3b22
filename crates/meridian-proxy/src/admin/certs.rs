//! `/certs`: the certificates in use.

use super::Context;
use super::page::Page;
use crate::access_log::rfc3339_seconds;
use meridian_tls::certificate::{AlternativeName, Certificate, first_of_pem};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn page(context: &Context) -> Page {
    let config = context.shared.config.load();
    let certificates: Vec<Value> = config
        .secrets
        .values()
        .filter_map(|secret| {
            let certificate = first_of_pem(&secret.certificate_chain)?;
            Some(json!({"ca_cert": [], "cert_chain": [show(&secret.name, &certificate)]}))
        })
        .collect();
    Page::json(&json!({ "certificates": certificates }))
}

fn show(name: &str, certificate: &Certificate) -> Value {
    let names: Vec<Value> = certificate
        .alternative_names
        .iter()
        .map(|name| match name {
            AlternativeName::Dns(name) => json!({"dns": name}),
            AlternativeName::Uri(uri) => json!({"uri": uri}),
            AlternativeName::Ip(address) => json!({"ip_address": address}),
            AlternativeName::Email(address) => json!({"email": address}),
        })
        .collect();
    json!({
        "path": name,
        "serial_number": certificate.serial_number,
        "subject_alt_names": names,
        "days_until_expiration": days_left(certificate).to_string(),
        "valid_from": rfc3339_seconds(certificate.not_before),
        "expiration_time": rfc3339_seconds(certificate.not_after),
    })
}

/// Whole days until a certificate expires; 0 when it has.
pub(super) fn days_left(certificate: &Certificate) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = certificate.not_after.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
    u64::try_from(left / 86_400).unwrap_or(0)
}
