//! Reading certificate signing requests (PKCS#10, RFC 2986) and the parts of an authority's certificate that count.

use rcgen::SubjectPublicKeyInfo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use std::time::{Duration, SystemTime};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Why a signing request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// It is no PEM.
    #[error("the request is not PEM with one CERTIFICATE REQUEST")]
    Pem,
    /// It is no PKCS#10.
    #[error("the request is not PKCS#10 in DER (RFC 2986)")]
    Malformed,
    /// It is not signed with the key that it names.
    #[error("the request is not signed with its own key")]
    Signature,
    /// Its key is of a kind that is not used in TLS.
    #[error("the request's key cannot be used; RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 can")]
    Key,
}

/// The shortest RSA key.
const RSA_BITS: usize = 2048;

/// The key of a request, of which the sender has proved that it has the private half.
///
/// # Errors
/// See [`CsrError`].
pub(crate) fn public_key(request: &str) -> Result<SubjectPublicKeyInfo, CsrError> {
    let der = CertificateSigningRequestDer::from_pem_slice(request.as_bytes()).map_err(|_| CsrError::Pem)?;
    let (rest, parsed) = X509CertificationRequest::from_der(&der).map_err(|_| CsrError::Malformed)?;
    if !rest.is_empty() {
        return Err(CsrError::Malformed);
    }
    let info = &parsed.certification_request_info.subject_pki;
    if let PublicKey::RSA(key) = info.parsed().map_err(|_| CsrError::Key)?
        && key.key_size() < RSA_BITS
    {
        return Err(CsrError::Key);
    }
    parsed.verify_signature().map_err(|_| CsrError::Signature)?;
    SubjectPublicKeyInfo::from_der(info.raw).map_err(|_| CsrError::Key)
}

/// When the certificate of an authority ends; `None` when it is no certificate that may sign others.
pub(crate) fn authority_end(pem: &str) -> Option<SystemTime> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let may_sign = certificate.key_usage().ok()?.is_none_or(|usage| usage.value.key_cert_sign());
    if !certificate.is_ca() || !may_sign {
        return None;
    }
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The certificates of a PEM text, each as a text of its own with a newline at its end.
pub(crate) fn certificates(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some(begin) = rest.find("-----BEGIN CERTIFICATE-----")
        && let Some(length) = rest[begin..].find(END)
    {
        let end = begin + length + END.len();
        found.push(format!("{}\n", &rest[begin..end]));
        rest = &rest[end..];
    }
    found
}
