//! `/certs`: the certificates in use.

use super::Context;
use super::page::Page;
use crate::access_log::rfc3339_seconds;
use meridian_ir::ProxyConfig;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE, SYSTEM_AUTHORITY};
use meridian_tls::certificate::{AlternativeName, Certificate, first_of_pem};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(test)]
mod tests;

pub(super) fn page(context: &Context) -> Page {
    let config = context.shared.config.load();
    Page::json(&json!({ "certificates": certificates(&config) }))
}

/// For each way in which chains and clusters use TLS: what they show, and what they verify the other side against.
/// Those that are alike are told once.
fn certificates(config: &ProxyConfig) -> Vec<Value> {
    let chains = config.listeners.values().flat_map(|listener| listener.chains.iter().chain(&listener.default_chain));
    let of_chains = chains.filter_map(|chain| chain.tls.as_ref()).map(|tls| {
        let authority = tls.client_auth.validation().and_then(|validation| validation.authority.as_deref());
        (tls.certificates.iter().map(|name| &**name).collect::<Vec<_>>(), authority)
    });
    let mut clusters: Vec<_> = config.clusters.values().collect();
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    let of_clusters = clusters
        .into_iter()
        .filter_map(|cluster| cluster.tls.as_ref())
        .map(|tls| (tls.certificate.iter().map(|name| &**name).collect(), tls.validation.authority.as_deref()));
    let mut uses: Vec<(Vec<&str>, Option<&str>)> = Vec::new();
    for one in of_chains.chain(of_clusters) {
        if !uses.contains(&one) {
            uses.push(one);
        }
    }
    let shown = uses.into_iter().map(|(certificates, authority)| {
        let chain: Vec<Value> = certificates.into_iter().filter_map(|name| of_secret(config, name)).collect();
        let authorities: Vec<Value> = authority.and_then(|name| of_authority(config, name)).into_iter().collect();
        (chain, authorities)
    });
    shown
        .filter(|(chain, authorities)| !chain.is_empty() || !authorities.is_empty())
        .map(|(chain, authorities)| json!({"ca_cert": authorities, "cert_chain": chain}))
        .collect()
}

/// The certificate of a secret; `None` when it is not there.
fn of_secret(config: &ProxyConfig, name: &str) -> Option<Value> {
    if let Some(files) = name.strip_prefix(FILE_CERTIFICATE) {
        return of_file(files.split_once('~').map_or(files, |(certificate, _)| certificate));
    }
    let secret = config.secrets.get(name)?;
    Some(show(name, &first_of_pem(&secret.certificate_chain)?))
}

/// The first of the authorities of that name. Those of the operating system are not listed.
fn of_authority(config: &ProxyConfig, name: &str) -> Option<Value> {
    if name == SYSTEM_AUTHORITY {
        return None;
    }
    if let Some(file) = name.strip_prefix(FILE_AUTHORITY) {
        return of_file(file);
    }
    let authority = config.authorities.get(name)?;
    Some(show(name, &first_of_pem(&authority.certificates)?))
}

fn of_file(path: &str) -> Option<Value> {
    Some(show(path, &first_of_pem(&std::fs::read(path).ok()?)?))
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
