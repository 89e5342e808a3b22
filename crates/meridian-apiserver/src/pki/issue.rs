//! Making certificates: ECDSA on P-256 with SHA-256.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{LIFETIME, Pair};

/// When certificates begin: long ago, so that a clock that was ahead when they were made, or that jumps back, locks nobody
/// out. kubeadm lets them begin with their authority in the same way.
const BEGIN: SystemTime = SystemTime::UNIX_EPOCH;

/// The first second of 2026. A clock that shows less has not been set yet, and an authority that is made then must last
/// nevertheless: all else is renewed.
const CLOCKS_SHOW_MORE: Duration = Duration::from_secs(1_767_225_600);

/// The authority's name.
const NAME: &str = "meridian-api";

/// An authority that can sign.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Authority {
    pub(super) fn generate(lifetime: Duration, now: SystemTime) -> Result<Pair, rcgen::Error> {
        let now = now.max(SystemTime::UNIX_EPOCH + CLOCKS_SHOW_MORE);
        let mut params = params(NAME, None, lifetime, now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
    }

    pub(super) fn read(pair: Pair) -> Result<Authority, rcgen::Error> {
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate, KeyPair::from_pem(&pair.key)?)?;
        Ok(Authority { issuer, certificate: pair.certificate })
    }

    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Whether a certificate comes from here.
    pub(super) fn has_signed(&self, pem: &str) -> bool {
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).ok();
        let (Some(leaf), Some(own)) = (der(pem), der(&self.certificate)) else { return false };
        let (Some(leaf), Some(own)) = (meridian_tls::Parts::parse(&leaf), meridian_tls::Parts::parse(&own)) else {
            return false;
        };
        leaf.signed.is_signed_by(&own, meridian_tls::PROVIDER.signature_verification_algorithms.all)
    }

    /// A certificate to serve with at these names.
    pub(super) fn server(&self, names: &[String], now: SystemTime) -> Result<Pair, rcgen::Error> {
        let mut params = params("meridian-apiserver", None, LIFETIME, now);
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => Ok(SanType::DnsName(name.as_str().try_into()?)),
            })
            .collect::<Result<_, rcgen::Error>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate by which a client is `user`, in a group.
    pub(super) fn client(&self, user: &str, group: Option<&str>, now: SystemTime) -> Result<Pair, rcgen::Error> {
        let mut params = params(user, group, LIFETIME, now);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair, rcgen::Error> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Pair { certificate: params.signed_by(&key, &self.issuer)?.pem(), key: key.serialize_pem() })
    }
}

/// The name and the organization are the user and its group.
fn params(name: &str, organization: Option<&str>, lifetime: Duration, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = BEGIN.into();
    params.not_after = (now + lifetime).into();
    params
}
