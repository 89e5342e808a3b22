//! Authorities that peers' certificates are verified against, and what they have revoked.

use crate::der::{Der, INTEGER, SEQUENCE};
use crate::parts::{Parts, SignedParts};
use crate::pem::describe;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList, anchor_from_trusted_cert};

/// Why a text of authorities or revocation lists cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The authorities are not PEM.
    #[error("the authorities are not PEM with at least one CERTIFICATE: {0}")]
    Authorities(&'static str),
    /// One of them is not X.509.
    #[error("authority number {0} is not X.509 in DER")]
    Malformed(usize),
    /// The revocation lists are not PEM.
    #[error("the revocation lists are not PEM with at least one X509 CRL: {0}")]
    RevocationLists(&'static str),
    /// One of them is not what RFC 5280 asks for.
    #[error("revocation list number {0} is not an X.509 CRL of version 2 (RFC 5280 section 5)")]
    MalformedRevocationList(usize),
}

/// Authorities with their revocation lists. Each of them is trusted by itself, whoever has signed it (as Envoy's
/// `X509_V_FLAG_PARTIAL_CHAIN`).
#[derive(Debug, Default)]
pub struct Trust {
    /// The authorities' certificates.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The same, as paths end at them; in the same order.
    pub anchors: Vec<TrustAnchor<'static>>,
    /// What was revoked; empty: nothing is checked.
    pub revocation_lists: Vec<RevocationList>,
}

/// A revocation list (RFC 5280 section 5).
#[derive(Debug)]
pub struct RevocationList {
    /// As it was signed.
    pub der: CertificateRevocationListDer<'static>,
    /// The same, to look into.
    pub list: CertRevocationList<'static>,
    /// Seconds since 1970 until which it holds.
    pub next_update: u64,
}

impl Trust {
    /// Those of `certificates` that can be read; for the system's many.
    #[must_use]
    pub fn of_system(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut trust = Self::default();
        for certificate in certificates {
            if Parts::parse(&certificate).is_some()
                && let Ok(anchor) = anchor_from_trusted_cert(&certificate)
            {
                trust.anchors.push(anchor.to_owned());
                trust.certificates.push(certificate);
            }
        }
        trust
    }
}

/// Reads authorities and their revocation lists (empty: none).
///
/// # Errors
/// See [`TrustError`].
pub fn load_trust(certificates: &[u8], revocation_lists: &[u8]) -> Result<Trust, TrustError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| TrustError::Authorities(describe(&error)))?;
    if certificates.is_empty() {
        return Err(TrustError::Authorities(describe(&pem::Error::NoItemsFound)));
    }
    let mut anchors = Vec::with_capacity(certificates.len());
    for (position, certificate) in certificates.iter().enumerate() {
        let error = || TrustError::Malformed(position + 1);
        Parts::parse(certificate).ok_or_else(error)?;
        anchors.push(anchor_from_trusted_cert(certificate).map_err(|_| error())?.to_owned());
    }
    let is_blank = revocation_lists.trim_ascii().is_empty();
    let revocation_lists = if is_blank { Vec::new() } else { load_revocation_lists(revocation_lists)? };
    Ok(Trust { certificates, anchors, revocation_lists })
}

/// Reads revocation lists, at least one.
///
/// # Errors
/// See [`TrustError`].
pub fn load_revocation_lists(text: &[u8]) -> Result<Vec<RevocationList>, TrustError> {
    let ders: Vec<CertificateRevocationListDer<'static>> = CertificateRevocationListDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| TrustError::RevocationLists(describe(&error)))?;
    if ders.is_empty() {
        return Err(TrustError::RevocationLists(describe(&pem::Error::NoItemsFound)));
    }
    let mut lists = Vec::with_capacity(ders.len());
    for (position, der) in ders.into_iter().enumerate() {
        let error = || TrustError::MalformedRevocationList(position + 1);
        let list = OwnedCertRevocationList::from_der(&der).map_err(|_| error())?.into();
        let next_update = next_update(&der).ok_or_else(error)?;
        lists.push(RevocationList { der, list, next_update });
    }
    Ok(lists)
}

/// Reads the one field that webpki keeps for itself.
fn next_update(der: &[u8]) -> Option<u64> {
    let mut fields = Der(Der(SignedParts::parse(der)?.message).expect(SEQUENCE)?);
    fields.optional(INTEGER);
    fields.expect(SEQUENCE)?; // signature algorithm
    fields.expect(SEQUENCE)?; // issuer
    fields.time()?; // this update
    u64::try_from(fields.time()?).ok()
}

/// Whether authorities and their revocation lists (empty: none) can be used.
///
/// # Errors
/// See [`TrustError`].
pub fn check_trust(certificates: &[u8], revocation_lists: &[u8]) -> Result<(), TrustError> {
    load_trust(certificates, revocation_lists).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_tells_what_to_change() {
        let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let list = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
        for (text, expected) in [
            ("", "the authorities are not PEM with at least one CERTIFICATE: nothing of the kind found"),
            (nonsense, "authority number 1 is not X.509 in DER"),
        ] {
            assert_eq!(check_trust(text.as_bytes(), b"").unwrap_err().to_string(), expected);
        }
        for (text, expected) in [
            (nonsense, "the revocation lists are not PEM with at least one X509 CRL: nothing of the kind found"),
            (list, "revocation list number 1 is not an X.509 CRL of version 2 (RFC 5280 section 5)"),
        ] {
            assert_eq!(load_revocation_lists(text.as_bytes()).unwrap_err().to_string(), expected);
        }
    }
}
