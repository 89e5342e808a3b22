//! Operators about certificates.

use super::operator::text;
use super::time;
use crate::pool::TlsFacts;
use crate::record::Record;
use crate::tls::PeerCertificate;
use meridian_ir::format::{CertificatePart, CertificateSide, TimeFormat};
use meridian_tls::{AlternativeName, Certificate};
use std::time::{Duration, UNIX_EPOCH};

/// The certificate of a side, and what else is known of a peer.
fn of<'r>(side: CertificateSide, record: &'r Record<'_>) -> Option<(&'r Certificate, Option<&'r PeerCertificate>)> {
    let (downstream, upstream) = (&record.downstream, &record.upstream);
    match side {
        CertificateSide::DownstreamPeer => downstream.peer.map(|peer| (&peer.facts, Some(peer))),
        CertificateSide::DownstreamLocal => downstream.local_certificate.map(|certificate| (certificate, None)),
        CertificateSide::UpstreamPeer => upstream.tls.and_then(TlsFacts::peer).map(|peer| (&peer.facts, Some(peer))),
        CertificateSide::UpstreamLocal => upstream.local_certificate.map(|certificate| (certificate, None)),
    }
}

/// Appends a part of a certificate.
pub(super) fn certificate(
    side: CertificateSide,
    part: CertificatePart,
    record: &Record<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (facts, peer) = of(side, record)?;
    let names = &facts.alternative_names;
    match part {
        CertificatePart::IpSan => list(names, |name| matches!(name, AlternativeName::Ip(_)), out),
        CertificatePart::DnsSan => list(names, |name| matches!(name, AlternativeName::Dns(_)), out),
        CertificatePart::UriSan => list(names, |name| matches!(name, AlternativeName::Uri(_)), out),
        CertificatePart::EmailSan => list(names, |name| matches!(name, AlternativeName::Email(_)), out),
        CertificatePart::Subject => some(&facts.subject, out),
        CertificatePart::Issuer => some(&facts.issuer, out),
        CertificatePart::Serial => some(&facts.serial_number, out),
        CertificatePart::Fingerprint256 => some(&peer?.sha256, out),
        CertificatePart::Fingerprint1 => some(&peer?.sha1, out),
        CertificatePart::Cert => some(peer?.pem(), out),
        CertificatePart::ChainFingerprints256 => joined(peer?.chain_facts().map(|link| link.sha256), out),
        CertificatePart::ChainFingerprints1 => joined(peer?.chain_facts().map(|link| link.sha1), out),
        CertificatePart::ChainSerials => joined(peer?.chain_facts().map(|link| link.serial_number), out),
        // Names of other kinds are not read, and verification does not tell which authority it ended at.
        CertificatePart::OtherNameSan | CertificatePart::IssuerFingerprint256 | CertificatePart::IssuerSerial => None,
    }
}

/// Appends since when, or until when, a certificate is valid; as `2018-12-18T01:50:34.000Z` without a format.
pub(super) fn certificate_time(
    side: CertificateSide,
    is_end: bool,
    format: &TimeFormat,
    record: &Record<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let (facts, _) = of(side, record)?;
    let seconds = if is_end { facts.not_after } else { facts.not_before };
    time::write(format, UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)), out);
    Some(())
}

fn some(value: &str, out: &mut Vec<u8>) -> Option<()> {
    if value.is_empty() {
        return None;
    }
    text(out, value.as_bytes())
}

fn list(names: &[AlternativeName], is_wanted: impl Fn(&AlternativeName) -> bool, out: &mut Vec<u8>) -> Option<()> {
    joined(names.iter().filter(|name| is_wanted(name)).map(AlternativeName::as_str), out)
}

fn joined(values: impl Iterator<Item = impl AsRef<str>>, out: &mut Vec<u8>) -> Option<()> {
    let mut is_some = false;
    for value in values {
        if is_some {
            out.push(b',');
        }
        out.extend_from_slice(value.as_ref().as_bytes());
        is_some = true;
    }
    is_some.then_some(())
}
