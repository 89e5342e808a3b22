//! Judging the certificate of a peer: signed by a trusted authority, valid now, not revoked, of the right name, pinned.
//!
//! Paths are built and checked by webpki. It refuses two kinds of certificates that are in wide use where TLS is set up
//! by hand, and that Envoy takes: those of version 1 (`openssl x509 -req` without extensions), and those that say that
//! they are an authority's (`openssl req -x509`). They are taken here when a trusted authority has signed them itself,
//! or when they are among the trusted ones.

use meridian_ir::string_match::StringMatch;
use meridian_ir::tls::PeerValidation;
use meridian_tls::certificate::alternative_names;
use meridian_tls::{AlternativeName, PROVIDER, Parts, RevocationList, SignedParts, Trust, sha256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved, SignatureScheme,
};
use std::sync::Arc;
use webpki::{ExpirationPolicy, KeyUsage, RevocationOptionsBuilder};

/// Why a certificate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VerifyFailure {
    /// It is not X.509.
    #[error("verify cert failed: X509_verify_cert: certificate verification error at depth 0: malformed certificate")]
    Malformed,
    /// No trusted authority has signed it.
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: unable to get local issuer \
         certificate"
    )]
    UnknownIssuer,
    /// It, or one that it depends on, has expired.
    #[error("verify cert failed: X509_verify_cert: certificate verification error at depth 0: certificate has expired")]
    Expired,
    /// It is not valid yet.
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: certificate is not yet valid"
    )]
    NotYetValid,
    /// It was revoked.
    #[error("verify cert failed: X509_verify_cert: certificate verification error at depth 0: certificate revoked")]
    Revoked,
    /// There are revocation lists, and none of its issuer.
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: unable to get certificate CRL"
    )]
    NoRevocationList,
    /// The revocation list of its issuer has expired.
    #[error("verify cert failed: X509_verify_cert: certificate verification error at depth 0: CRL has expired")]
    RevocationListExpired,
    /// A signature is wrong.
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: certificate signature failure"
    )]
    Signature,
    /// It is not for this purpose (extended key usage).
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: unsupported certificate \
         purpose"
    )]
    Purpose,
    /// Something else is wrong with the path to a trusted authority.
    #[error(
        "verify cert failed: X509_verify_cert: certificate verification error at depth 0: invalid certificate path"
    )]
    Path,
    /// None of its names is wanted.
    #[error("verify cert failed: SAN matcher")]
    AlternativeNames,
    /// It is none of the pinned ones.
    #[error("verify cert failed: cert hash and spki")]
    Hash,
}

impl VerifyFailure {
    /// The failure behind rustls's error.
    #[must_use]
    pub fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Other(OtherError(other)) => other.downcast_ref().copied().unwrap_or(Self::Path),
            CertificateError::BadEncoding => Self::Malformed,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::UnknownRevocationStatus => Self::NoRevocationList,
            CertificateError::ExpiredRevocationList => Self::RevocationListExpired,
            CertificateError::BadSignature => Self::Signature,
            CertificateError::InvalidPurpose => Self::Purpose,
            _ => Self::Path,
        }
    }

    /// As rustls takes it, which chooses the alert by it.
    fn into_error(self) -> Error {
        Error::InvalidCertificate(match self {
            Self::Malformed => CertificateError::BadEncoding,
            Self::UnknownIssuer => CertificateError::UnknownIssuer,
            Self::Expired => CertificateError::Expired,
            Self::NotYetValid => CertificateError::NotValidYet,
            Self::Revoked => CertificateError::Revoked,
            Self::NoRevocationList => CertificateError::UnknownRevocationStatus,
            Self::RevocationListExpired => CertificateError::ExpiredRevocationList,
            Self::Signature => CertificateError::BadSignature,
            Self::Purpose => CertificateError::InvalidPurpose,
            Self::Path | Self::AlternativeNames | Self::Hash => CertificateError::Other(OtherError(Arc::new(self))),
        })
    }

    fn of_webpki(error: &webpki::Error) -> Self {
        match error {
            webpki::Error::CertExpired { .. } => Self::Expired,
            webpki::Error::CertNotValidYet { .. } => Self::NotYetValid,
            webpki::Error::CertRevoked => Self::Revoked,
            webpki::Error::UnknownIssuer => Self::UnknownIssuer,
            webpki::Error::UnknownRevocationStatus => Self::NoRevocationList,
            webpki::Error::CrlExpired { .. } => Self::RevocationListExpired,
            webpki::Error::InvalidSignatureForPublicKey | webpki::Error::InvalidCrlSignatureForPublicKey => {
                Self::Signature
            }
            webpki::Error::RequiredEkuNotFoundContext(_) => Self::Purpose,
            webpki::Error::BadDer | webpki::Error::BadDerTime => Self::Malformed,
            _ => Self::Path,
        }
    }
}

/// Who the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

impl Role {
    /// Content of the object identifier of the extended key usage.
    const fn purpose(self) -> &'static [u8] {
        match self {
            Self::Client => &[0x2B, 6, 1, 5, 5, 7, 3, 2],
            Self::Server => &[0x2B, 6, 1, 5, 5, 7, 3, 1],
        }
    }

    const fn usage(self) -> KeyUsage {
        match self {
            Self::Client => KeyUsage::client_auth(),
            Self::Server => KeyUsage::server_auth(),
        }
    }
}

/// Judges certificates of peers, as a [`PeerValidation`] says.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    validation: PeerValidation,
    /// `None`: whoever has signed the certificate.
    trust: Option<Arc<Trust>>,
    /// Those of `crl_file`.
    revocation_lists: Option<Arc<Vec<RevocationList>>>,
    role: Role,
    /// A client must show a certificate.
    is_required: bool,
    /// A server's certificate must be for the name that was asked for, where `validation` has no names.
    validates_sni: bool,
    hints: Vec<DistinguishedName>,
}

impl PeerVerifier {
    pub(super) fn new(
        validation: &PeerValidation,
        trust: Option<Arc<Trust>>,
        revocation_lists: Option<Arc<Vec<RevocationList>>>,
        role: Role,
    ) -> Self {
        let anchors = trust.iter().flat_map(|trust| &trust.anchors);
        let hints = anchors.map(|anchor| DistinguishedName::in_sequence(anchor.subject.as_ref())).collect();
        let validation = validation.clone();
        Self { validation, trust, revocation_lists, role, is_required: false, validates_sni: false, hints }
    }

    /// A client without certificate is refused.
    pub(super) fn requiring(self, is_required: bool) -> Self {
        Self { is_required, ..self }
    }

    /// The certificate must be for the name that was asked for, unless others are configured.
    pub(super) fn validating_sni(self, validates_sni: bool) -> Self {
        Self { validates_sni, ..self }
    }

    /// Whether a client that has shown `chain` is whom it has to be.
    pub(super) fn is_trusted(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        chain.split_first().is_some_and(|(leaf, intermediates)| self.judge(leaf, intermediates, None, now).is_ok())
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        sni: Option<&str>,
        now: UnixTime,
    ) -> Result<(), VerifyFailure> {
        let parts = Parts::parse(leaf).ok_or(VerifyFailure::Malformed)?;
        if let Some(trust) = &self.trust {
            if parts.version == 1 || parts.is_authority() {
                self.judge_directly(trust, leaf, &parts, now)?;
            } else {
                self.judge_path(trust, leaf, intermediates, now)?;
            }
        }
        self.judge_names(&parts, sni)?;
        self.judge_hashes(leaf, &parts)
    }

    fn revocation_lists<'s>(&'s self, trust: &'s Trust) -> impl Iterator<Item = &'s RevocationList> {
        trust.revocation_lists.iter().chain(self.revocation_lists.iter().flat_map(|lists| lists.iter()))
    }

    fn judge_path(
        &self,
        trust: &Trust,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), VerifyFailure> {
        let failure = |error| VerifyFailure::of_webpki(&error);
        let lists: Vec<&webpki::CertRevocationList<'_>> = self.revocation_lists(trust).map(|list| &list.list).collect();
        // As OpenSSL with CRL_CHECK_ALL: the whole path is checked, and a list that is missing or out of date refuses.
        let revocation = RevocationOptionsBuilder::new(&lists).ok();
        let revocation = revocation.map(|builder| builder.with_expiration_policy(ExpirationPolicy::Enforce).build());
        let certificate = webpki::EndEntityCert::try_from(leaf).map_err(failure)?;
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        let usage = self.role.usage();
        let path = certificate
            .verify_for_usage(algorithms, &trust.anchors, intermediates, now, usage, revocation, None)
            .map_err(failure)?;
        // Webpki asks nothing of an authority but its key.
        let anchor = trust.anchors.element_offset(path.anchor());
        let authority = anchor.and_then(|position| Parts::parse(&trust.certificates[position]));
        authority.map_or(Ok(()), |authority| judge_time(&authority, now))
    }

    /// A certificate that a trusted authority has signed itself, or that is trusted itself.
    fn judge_directly(
        &self,
        trust: &Trust,
        leaf: &CertificateDer<'_>,
        parts: &Parts<'_>,
        now: UnixTime,
    ) -> Result<(), VerifyFailure> {
        judge_time(parts, now)?;
        if !parts.is_for(self.role.purpose()) {
            return Err(VerifyFailure::Purpose);
        }
        if parts.has_unknown_critical_extension() {
            return Err(VerifyFailure::Path);
        }
        if trust.certificates.iter().any(|trusted| trusted == leaf) {
            return Ok(());
        }
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        let mut failure = VerifyFailure::UnknownIssuer;
        for authority in trust.certificates.iter().filter_map(|trusted| Parts::parse(trusted)) {
            let is_issuer = authority.subject == parts.issuer;
            if !is_issuer || !authority.may_sign_certificates() || authority.has_name_constraints() {
                continue;
            }
            if !parts.signed.is_signed_by(&authority, algorithms) {
                failure = VerifyFailure::Signature;
                continue;
            }
            match judge_time(&authority, now).and_then(|()| self.judge_revocation(trust, parts, &authority, now)) {
                Ok(()) => return Ok(()),
                Err(found) => failure = found,
            }
        }
        Err(failure)
    }

    fn judge_revocation(
        &self,
        trust: &Trust,
        parts: &Parts<'_>,
        authority: &Parts<'_>,
        now: UnixTime,
    ) -> Result<(), VerifyFailure> {
        let mut lists = self.revocation_lists(trust).peekable();
        if lists.peek().is_none() {
            return Ok(());
        }
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        let mut failure = VerifyFailure::NoRevocationList;
        for list in lists.filter(|list| list.list.issuer() == parts.issuer) {
            let is_signed = SignedParts::parse(&list.der).is_some_and(|list| list.is_signed_by(authority, algorithms));
            if !is_signed || list.list.issuing_distribution_point().is_some() {
                continue;
            }
            match list.list.find_serial(parts.serial) {
                Ok(Some(_)) => return Err(VerifyFailure::Revoked),
                Ok(None) if now.as_secs() < list.next_update => return Ok(()),
                Ok(None) => failure = VerifyFailure::RevocationListExpired,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn judge_names(&self, parts: &Parts<'_>, sni: Option<&str>) -> Result<(), VerifyFailure> {
        let wanted = &self.validation.subject_alt_names;
        let sni = sni.filter(|_| self.validates_sni && wanted.is_empty());
        if wanted.is_empty() && sni.is_none() {
            return Ok(());
        }
        let names = alternative_names(parts).ok_or(VerifyFailure::Malformed)?;
        let is_wanted = |name: &AlternativeName| {
            wanted.iter().any(|wanted| is_match(wanted, name))
                || sni.is_some_and(|sni| matches!(name, AlternativeName::Dns(name) if is_dns_match(sni, name)))
        };
        if names.iter().any(is_wanted) { Ok(()) } else { Err(VerifyFailure::AlternativeNames) }
    }

    fn judge_hashes(&self, leaf: &CertificateDer<'_>, parts: &Parts<'_>) -> Result<(), VerifyFailure> {
        let PeerValidation { hashes, spki, .. } = &self.validation;
        let is_pinned = (hashes.is_empty() && spki.is_empty())
            || (!hashes.is_empty() && hashes.contains(&sha256(leaf)))
            || (!spki.is_empty() && spki.contains(&sha256(parts.public_key_info)));
        if is_pinned { Ok(()) } else { Err(VerifyFailure::Hash) }
    }
}

fn judge_time(parts: &Parts<'_>, now: UnixTime) -> Result<(), VerifyFailure> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parts.not_before {
        Err(VerifyFailure::NotYetValid)
    } else if now > parts.not_after {
        Err(VerifyFailure::Expired)
    } else {
        Ok(())
    }
}

/// As Envoy's `StringSanMatcher`: a host name that is wanted exactly may be covered by a wildcard of the certificate.
fn is_match(wanted: &StringMatch, name: &AlternativeName) -> bool {
    match (wanted, name) {
        (StringMatch::Exact(wanted), AlternativeName::Dns(name)) => is_dns_match(wanted, name),
        (wanted, name) => wanted.is_match(name.as_str().as_bytes()),
    }
}

/// Whether the name of a certificate covers `host`: the same, or `*.` in place of its first label (RFC 6125).
fn is_dns_match(host: &str, name: &str) -> bool {
    if let Some(suffix) = name.strip_prefix("*.") {
        let rest = host.split_once('.').filter(|(label, _)| !label.is_empty()).map(|(_, rest)| rest);
        return suffix.contains('.') && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(suffix));
    }
    host.eq_ignore_ascii_case(name)
}

impl ClientCertVerifier for PeerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.validation.accept_untrusted {
            // Judged when the handshake is done, also when it resumes a session.
            return Ok(ClientCertVerified::assertion());
        }
        let judged = self.judge(end_entity, intermediates, None, now);
        judged.map(|()| ClientCertVerified::assertion()).map_err(VerifyFailure::into_error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sni = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        let judged = self.judge(end_entity, intermediates, sni, now);
        judged.map(|()| ServerCertVerified::assertion()).map_err(VerifyFailure::into_error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// The key of a certificate of version 1, which webpki does not read.
fn key_of_version_1<'c>(cert: &'c CertificateDer<'_>) -> Option<Parts<'c>> {
    Parts::parse(cert).filter(|parts| parts.version == 1)
}

fn tls12_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &PROVIDER.signature_verification_algorithms;
    let Some(parts) = key_of_version_1(cert) else {
        return rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms);
    };
    let mapped = algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
    let (_, possible) = mapped.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let is_valid = possible.iter().any(|algorithm| {
        algorithm.public_key_alg_id().as_ref() == parts.key_algorithm
            && algorithm.verify_signature(parts.key, message, dss.signature()).is_ok()
    });
    if is_valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(VerifyFailure::Signature.into_error()) }
}

fn tls13_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &PROVIDER.signature_verification_algorithms;
    let Some(parts) = key_of_version_1(cert) else {
        return rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms);
    };
    let key = SubjectPublicKeyInfoDer::from(parts.public_key_info);
    rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_wildcards() {
        for (host, name, expected) in [
            ("a.example.com", "A.example.com", true),
            ("a.example.com", "*.example.com", true),
            ("example.com", "*.example.com", false),
            ("a.b.example.com", "*.example.com", false),
            (".example.com", "*.example.com", false),
            ("example.com", "*.com", false),
            ("a.example.com", "a*.example.com", false),
        ] {
            assert_eq!(is_dns_match(host, name), expected, "{host} {name}");
        }
    }

    #[test]
    fn wanted_names_are_matched_by_their_kind() {
        let exact = StringMatch::Exact("spiffe://td/ns/a/sa/b".into());
        assert!(is_match(&exact, &AlternativeName::Uri("spiffe://td/ns/a/sa/b".to_owned())));
        assert!(!is_match(&exact, &AlternativeName::Uri("spiffe://TD/ns/a/sa/b".to_owned())));
        assert!(is_match(&StringMatch::Prefix("10.".into()), &AlternativeName::Ip("10.0.0.1".to_owned())));
        assert!(!is_match(
            &StringMatch::Exact("a.example.com".into()),
            &AlternativeName::Uri("*.example.com".to_owned())
        ));
    }
}
