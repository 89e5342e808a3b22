//! A certificate authority: a key that signs, and the chain from its certificate to the mesh's roots.

use crate::csr::{self, CsrError};
use crate::{SpiffeId, WorkloadCertificate};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use std::fmt;
use std::time::{Duration, SystemTime};

/// How long a workload's certificate is valid where nobody asks for another time (Istio: 24 hours).
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The longest life that a workload may ask for (istiod's `MAX_WORKLOAD_CERT_TTL`: 90 days).
pub const MAX_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long an authority that is made here is valid (Istio: 10 years).
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Certificates begin so much before they are made, for peers whose clocks are late (Istio: 2 minutes).
const CLOCK_SKEW: Duration = Duration::from_secs(120);

/// An authority as text, under the names of Istio's Secrets. `Debug` hides the key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthorityPem {
    /// `ca-cert.pem`: the certificate that signs.
    pub certificate: String,
    /// `ca-key.pem`: its private key.
    pub key: String,
    /// `cert-chain.pem`: the certificates from that one up to the root; may be empty.
    pub chain: String,
    /// `root-cert.pem`: whom the mesh trusts; the certificate itself when empty.
    pub roots: String,
}

impl fmt::Debug for AuthorityPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityPem")
            .field("certificate", &self.certificate)
            .field("key", &"(hidden)")
            .finish_non_exhaustive()
    }
}

/// Why a text is no authority, or no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Something is missing.
    #[error("there is no {0:?}; an authority needs ca-cert.pem, ca-key.pem and root-cert.pem")]
    Missing(&'static str),
    /// Certificate and key cannot be used.
    #[error("ca-cert.pem and ca-key.pem: {0}")]
    Pair(#[source] meridian_tls::PairError),
    /// The roots cannot be used.
    #[error("root-cert.pem: {0}")]
    Roots(#[source] meridian_tls::TrustError),
    /// The certificate or the key is of a kind that cannot sign.
    #[error("it cannot sign certificates: {0}")]
    Signing(#[source] rcgen::Error),
    /// The certificate says that it is no authority.
    #[error(
        "ca-cert.pem is no certificate of an authority: it needs basicConstraints CA:TRUE, and keyCertSign if it has a key usage"
    )]
    NotAuthority,
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
    /// The authority's own certificate has ended.
    #[error("ca-cert.pem has expired; replace the authority")]
    Expired,
}

/// Why a request for a certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The request itself.
    #[error(transparent)]
    Request(#[from] CsrError),
    /// The life that it asks for.
    #[error("found a validity of {} seconds, allowed: at most {} seconds", .0.as_secs(), MAX_LIFETIME.as_secs())]
    Lifetime(Duration),
    /// The authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// A certificate authority that can sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    chain: String,
    roots: String,
    not_after: SystemTime,
}

impl Authority {
    /// Reads an authority, and tries whether it can sign.
    ///
    /// # Errors
    /// See [`AuthorityError`]; the messages show nothing of the key.
    pub fn from_pem(pem: &AuthorityPem) -> Result<Self, AuthorityError> {
        let present = |text: &str, name| {
            if text.trim().is_empty() { Err(AuthorityError::Missing(name)) } else { Ok(()) }
        };
        present(&pem.certificate, "ca-cert.pem")?;
        present(&pem.key, "ca-key.pem")?;
        meridian_tls::check_pair(pem.certificate.as_bytes(), pem.key.as_bytes()).map_err(AuthorityError::Pair)?;
        let roots = if pem.roots.trim().is_empty() { &pem.certificate } else { &pem.roots };
        meridian_tls::check_trust(roots.as_bytes(), b"").map_err(AuthorityError::Roots)?;
        let not_after = csr::authority_end(&pem.certificate).ok_or(AuthorityError::NotAuthority)?;
        let key = KeyPair::from_pem(&pem.key).map_err(AuthorityError::Signing)?;
        let issuer = Issuer::from_ca_cert_pem(&pem.certificate, key).map_err(AuthorityError::Signing)?;
        Ok(Self { issuer, chain: with_newline(&pem.chain), roots: with_newline(roots), not_after })
    }

    /// A new authority that has signed itself.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate(trust_domain: &str, now: SystemTime) -> Result<AuthorityPem, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, trust_domain);
        // Long ago: a clock that was ahead when the authority was made, and is set back, would else end the mesh's trust.
        params.not_before = SystemTime::UNIX_EPOCH.into();
        params.not_after = (now + AUTHORITY_LIFETIME).into();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(AuthorityPem { roots: certificate.clone(), certificate, key: key.serialize_pem(), chain: String::new() })
    }

    /// Whom the mesh trusts, as PEM.
    pub fn roots(&self) -> &str {
        &self.roots
    }

    /// A key and a certificate of [`LIFETIME`] for a workload.
    ///
    /// # Errors
    /// The authority has expired, or the system has no random numbers.
    pub fn issue(&self, id: &SpiffeId, now: SystemTime) -> Result<WorkloadCertificate, AuthorityError> {
        self.with_new_key(vec![uri(id)?], now)
    }

    /// A key and a certificate of [`LIFETIME`] for a server of the control plane, which its clients find by these host
    /// names and IP addresses.
    ///
    /// # Errors
    /// As [`Authority::issue`]; a name that is no host name.
    pub fn issue_server(&self, names: &[&str], now: SystemTime) -> Result<WorkloadCertificate, AuthorityError> {
        let name = |name: &&str| match name.parse() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ok(SanType::DnsName((*name).try_into()?)),
        };
        self.with_new_key(names.iter().map(name).collect::<Result<_, rcgen::Error>>()?, now)
    }

    fn with_new_key(&self, names: Vec<SanType>, now: SystemTime) -> Result<WorkloadCertificate, AuthorityError> {
        let key = KeyPair::generate()?;
        let (certificate, not_before, not_after) = self.certificate(names, &key, LIFETIME, now)?;
        Ok(WorkloadCertificate {
            chain: format!("{certificate}{}", self.chain),
            key: key.serialize_pem(),
            roots: self.roots.clone(),
            not_before,
            not_after,
        })
    }

    /// The certificate for the key of a signing request (PKCS#10 in PEM) and those between it and the root, each as
    /// PEM; the roots are not among them. Of the request only the key counts: who the workload is was found out from its
    /// credentials, and names and extensions that it asks for are passed over.
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn sign(
        &self,
        request: &str,
        id: &SpiffeId,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Vec<String>, SignError> {
        if lifetime > MAX_LIFETIME {
            return Err(SignError::Lifetime(lifetime));
        }
        let key = csr::public_key(request)?;
        let (certificate, ..) = self.certificate(vec![uri(id)?], &key, lifetime, now)?;
        let mut chain = vec![certificate];
        chain.extend(csr::certificates(&self.chain));
        Ok(chain)
    }

    /// Its text and validity, which never goes beyond the authority's own.
    fn certificate(
        &self,
        names: Vec<SanType>,
        key: &impl PublicKeyData,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<(String, SystemTime, SystemTime), AuthorityError> {
        let (not_before, not_after) = (now - CLOCK_SKEW, (now + lifetime).min(self.not_after));
        if not_after <= now {
            return Err(AuthorityError::Expired);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = names;
        params.not_before = not_before.into();
        params.not_after = not_after.into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Ok((params.signed_by(key, &self.issuer)?.pem(), not_before, not_after))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("roots", &self.roots).finish_non_exhaustive()
    }
}

fn uri(id: &SpiffeId) -> Result<SanType, AuthorityError> {
    let text = id.to_string().try_into().map_err(AuthorityError::Making)?;
    Ok(SanType::URI(text))
}

/// PEM texts are joined, so each ends its line.
fn with_newline(pem: &str) -> String {
    let trimmed = pem.trim();
    if trimmed.is_empty() { String::new() } else { format!("{trimmed}\n") }
}

#[cfg(test)]
mod tests;
