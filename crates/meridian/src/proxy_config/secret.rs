//! `proxy-config secret`

use super::View;
use super::dump::Dump;
use super::json::{items, text};
use super::table::Table;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::time::SystemTime;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};

const HEADINGS: [&str; 7] =
    ["RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE"];

/// All secrets.
#[derive(clap::Args, Debug, Default)]
pub(super) struct SecretView {}

/// What a certificate says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Certificate {
    is_ca: bool,
    valid: bool,
    serial_number: String,
    not_after: String,
    not_before: String,
    trust_domain: String,
}

impl View for SecretView {
    fn table(&self, dump: &Dump, kinds: bool) -> Table {
        table(dump, kinds, SystemTime::now())
    }

    fn messages(&self, dump: &Dump) -> Value {
        dump.section("Secrets").cloned().unwrap_or_else(|| json!({}))
    }
}

/// The table at a moment.
pub(super) fn table(dump: &Dump, kinds: bool, now: SystemTime) -> Table {
    let none = Value::Null;
    let section = dump.section("Secrets").unwrap_or(&none);
    let list = |list, status| items(section, list).map(move |secret| (status, secret));
    let secrets: Vec<_> = list("/dynamicWarmingSecrets", "WARMING")
        .chain(list("/dynamicActiveSecrets", "ACTIVE"))
        .map(|(status, secret)| (status, secret, certificate(&secret["secret"], now)))
        .collect();
    let prefix = if kinds { "secret/" } else { "" };
    let rows = secrets.iter().map(|(status, secret, certificate)| {
        let name = format!("{prefix}{}", text(secret, "/name"));
        let Some(certificate) = certificate else {
            return [
                name,
                String::new(),
                (*status).to_owned(),
                "false".to_owned(),
                String::new(),
                String::new(),
                String::new(),
            ];
        };
        let kind = if certificate.is_ca { "CA" } else { "Cert Chain" };
        let Certificate { serial_number, not_after, not_before, valid, .. } = certificate;
        [
            name,
            kind.to_owned(),
            (*status).to_owned(),
            valid.to_string(),
            serial_number.clone(),
            not_after.clone(),
            not_before.clone(),
        ]
    });
    // Only where all have one, as with federation, trust domains tell something.
    let trust_domain =
        |certificate: &Option<Certificate>| certificate.as_ref().map_or("", |found| &*found.trust_domain).to_owned();
    if secrets.is_empty() || secrets.iter().any(|(.., certificate)| trust_domain(certificate).is_empty()) {
        let mut table = Table::new(5, HEADINGS).or("No active or warming secrets found.");
        rows.for_each(|row| table.push(row));
        return table;
    }
    let [name, kind, status, valid, serial, after, before] = HEADINGS;
    let mut table = Table::new(5, [name, kind, status, valid, serial, after, before, "TRUST DOMAIN"]);
    for ([name, kind, status, valid, serial, after, before], (.., found)) in std::iter::zip(rows, &secrets) {
        table.push([name, kind, status, valid, serial, after, before, trust_domain(found)]);
    }
    table
}

/// The first certificate of a secret: of its chain, or the authority that it trusts. `None` when there is none, or it
/// cannot be read.
fn certificate(secret: &Value, now: SystemTime) -> Option<Certificate> {
    let pem = ["/tlsCertificate/certificateChain", "/validationContext/trustedCa"].into_iter().find_map(|pointer| {
        let source = secret.pointer(pointer)?;
        match text(source, "/inlineString") {
            "" => STANDARD.decode(text(source, "/inlineBytes")).ok().filter(|bytes| !bytes.is_empty()),
            text => Some(text.as_bytes().to_vec()),
        }
    })?;
    let der = CertificateDer::from_pem_slice(&pem).ok()?;
    let parsed = x509_cert::Certificate::from_der(&der).ok()?;
    let certificate = parsed.tbs_certificate();
    let validity = certificate.validity();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let constraints = certificate.get_extension::<BasicConstraints>().ok().flatten();
    let serial_number: String =
        certificate.serial_number().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Certificate {
        is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
        valid: validity.not_before.to_unix_duration() < now && now < validity.not_after.to_unix_duration(),
        serial_number: format!("{:0>32}", serial_number.trim_start_matches('0')),
        not_after: validity.not_after.to_date_time().to_string(),
        not_before: validity.not_before.to_date_time().to_string(),
        trust_domain: trust_domain(
            certificate.get_extension::<SubjectAltName>().ok().flatten().map(|(_, names)| names),
        ),
    })
}

/// The domain of a SPIFFE identity.
fn trust_domain(names: Option<SubjectAltName>) -> String {
    let identities = names.into_iter().flat_map(|names| names.0).filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    });
    let mut domains = identities.filter_map(|uri| Some(uri.strip_prefix("spiffe://")?.split('/').next()?.to_owned()));
    domains.next_back().unwrap_or_default()
}
