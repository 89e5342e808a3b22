//! Who the proxies of this process are in the mesh: certificates with SPIFFE identities (`ISTIO_MUTUAL`), signed by the
//! mesh's authority.
//!
//! The authority is where Istio has it, in Secrets of `istio-system`: `cacerts`, which a user provides, else
//! `istio-ca-secret`, which is made at the first start.

use crate::mesh::NAMESPACE;
use meridian_ir::tls::{MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_resources::core::Secret;
use meridian_resources::{Object, ObjectRef};
use meridian_translate::{ProxyNode, WorkloadIdentity};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The Secret that a user provides; it wins.
const PROVIDED: &str = "cacerts";

/// The Secret of the authority that is made here.
pub(crate) const SELF_SIGNED: &str = "istio-ca-secret";

/// How long a proxy's certificate is valid (Istio: 24 hours); at half of it a new one takes its place.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long the authority that is made here is valid (Istio: 10 years).
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Certificates begin so much before they are made, for peers whose clocks are late (Istio: 2 minutes).
const CLOCK_SKEW: Duration = Duration::from_secs(120);

/// Why a Secret is no authority, or no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// A key is missing.
    #[error("Secret {NAMESPACE}/{0} has no {1:?}; it needs ca-cert.pem, ca-key.pem and root-cert.pem")]
    Missing(String, &'static str),
    /// Certificate and key cannot be used.
    #[error("Secret {NAMESPACE}/{0}, ca-cert.pem and ca-key.pem: {1}")]
    Pair(String, meridian_tls::PairError),
    /// The roots cannot be used.
    #[error("Secret {NAMESPACE}/{0}, root-cert.pem: {1}")]
    Roots(String, meridian_tls::TrustError),
    /// The certificate or the key is of a kind that cannot sign.
    #[error("Secret {NAMESPACE}/{0} cannot sign certificates: {1}")]
    Signing(String, rcgen::Error),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// Whether this is a Secret that may hold the mesh's authority.
pub(crate) fn is_authority(object: &ObjectRef) -> bool {
    object.kind.kind == "Secret"
        && object.namespace.as_deref() == Some(NAMESPACE)
        && matches!(&*object.name, PROVIDED | SELF_SIGNED)
}

/// The mesh's authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Certificates between the issued ones and the root, as PEM.
    chain: String,
    /// As PEM.
    roots: Vec<u8>,
}

impl Authority {
    fn of_secret(secret: &Object<Secret>) -> Result<Self, IdentityError> {
        let name = || secret.meta.name.to_string();
        let text = |key: &'static str| {
            let value = secret.spec.get(key).and_then(|value| String::from_utf8(value).ok());
            value.filter(|value| !value.trim().is_empty()).ok_or_else(|| IdentityError::Missing(name(), key))
        };
        let (certificate, key) = (text("ca-cert.pem")?, text("ca-key.pem")?);
        meridian_tls::check_pair(certificate.as_bytes(), key.as_bytes())
            .map_err(|error| IdentityError::Pair(name(), error))?;
        let signing = |error| IdentityError::Signing(name(), error);
        let key = KeyPair::from_pem(&key).map_err(signing)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(signing)?;
        // Istio's own self-signed authority is its root.
        let roots = text("root-cert.pem").unwrap_or(certificate).into_bytes();
        meridian_tls::check_trust(&roots, b"").map_err(|error| IdentityError::Roots(name(), error))?;
        Ok(Self { issuer, chain: text("cert-chain.pem").unwrap_or_default(), roots })
    }

    /// A certificate for `spiffe_id`, and what its owner trusts.
    fn issue(&self, spiffe_id: &str, now: SystemTime) -> Result<WorkloadIdentity, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(spiffe_id.try_into()?)];
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + LIFETIME).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(WorkloadIdentity {
            certificate: Arc::new(meridian_ir::Secret {
                name: WORKLOAD_CERTIFICATE.into(),
                certificate_chain: format!("{}{}", certificate.pem(), self.chain).into_bytes(),
                private_key: key.serialize_pem().into_bytes(),
            }),
            authority: Arc::new(meridian_ir::Authority {
                name: MESH_AUTHORITY.into(),
                certificates: self.roots.clone(),
                revocation_lists: Vec::new(),
            }),
        })
    }
}

/// A new authority that has signed itself, as the Secret [`SELF_SIGNED`].
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn self_signed(trust_domain: &str, now: SystemTime) -> Result<Value, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, trust_domain);
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + AUTHORITY_LIFETIME).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(json!({
        "metadata": {"name": SELF_SIGNED, "namespace": NAMESPACE},
        "type": "istio.io/ca-root",
        "stringData": {
            "ca-cert.pem": certificate,
            "ca-key.pem": key.serialize_pem(),
            "cert-chain.pem": "",
            "root-cert.pem": certificate,
        },
    }))
}

/// The identities of the proxies of one control plane.
#[derive(Default)]
pub(crate) struct Identities {
    provided: Option<Authority>,
    self_signed: Option<Authority>,
    trust_domain: String,
    /// When the certificates are to be renewed; `None`: there are none.
    renewal: Option<SystemTime>,
    outdated: bool,
}

impl Identities {
    /// Takes a Secret in that [`is_authority`]. One that cannot be used leaves what is there in its place.
    pub(crate) fn put(&mut self, secret: &Object<Secret>) {
        match Authority::of_secret(secret) {
            Ok(authority) => {
                *self.place(&secret.meta.name) = Some(authority);
                self.outdated = true;
            }
            Err(error) => tracing::error!("{error}; the mesh's certificates stay as they are"),
        }
    }

    /// Forgets a Secret that [`is_authority`].
    pub(crate) fn forget(&mut self, name: &str) {
        self.outdated |= self.place(name).take().is_some();
    }

    fn place(&mut self, name: &str) -> &mut Option<Authority> {
        if name == PROVIDED { &mut self.provided } else { &mut self.self_signed }
    }

    /// Sets the trust domain.
    pub(crate) fn set_trust_domain(&mut self, trust_domain: &str) {
        if self.trust_domain != trust_domain {
            trust_domain.clone_into(&mut self.trust_domain);
            self.outdated = true;
        }
    }

    /// How long from `now` until the certificates are to be renewed; `None`: there are none.
    pub(crate) fn due(&self, now: SystemTime) -> Option<Duration> {
        self.renewal.map(|renewal| renewal.duration_since(now).unwrap_or_default())
    }

    /// New identities for `proxies` when it is time for them, or when the authority is another one. Without an
    /// authority the old ones stay.
    pub(crate) fn renew<'p>(
        &mut self,
        proxies: impl Iterator<Item = &'p ProxyNode>,
        now: SystemTime,
    ) -> Vec<(String, WorkloadIdentity)> {
        let is_due = self.renewal.is_some_and(|renewal| renewal <= now);
        if !std::mem::take(&mut self.outdated) && !is_due {
            return Vec::new();
        }
        let Some(authority) = self.provided.as_ref().or(self.self_signed.as_ref()) else {
            if self.renewal.take().is_some() {
                tracing::error!(
                    "neither Secret {NAMESPACE}/{PROVIDED} nor {NAMESPACE}/{SELF_SIGNED} exists: the mesh's certificates \
                     end within {} hours; bring one back, or start again to have a new one",
                    LIFETIME.as_secs() / 3600
                );
            }
            return Vec::new();
        };
        self.renewal = Some(now + LIFETIME / 2);
        let mut issued = Vec::new();
        for node in proxies {
            let (domain, namespace, account) = (&self.trust_domain, &node.namespace, &node.service_account);
            match authority.issue(&format!("spiffe://{domain}/ns/{namespace}/sa/{account}"), now) {
                Ok(identity) => issued.push((node.name.to_string(), identity)),
                Err(error) => tracing::error!(proxy = &*node.name, "{error}"),
            }
        }
        issued
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn secret(value: &Value) -> Arc<Object<Secret>> {
        let mut value = value.clone();
        value["apiVersion"] = "v1".into();
        value["kind"] = "Secret".into();
        match meridian_resources::decode(&meridian_resources::core::secret::KIND, &value) {
            Ok(meridian_resources::Resource::Secret(secret)) => secret,
            other => panic!("{other:?}"),
        }
    }

    fn node() -> ProxyNode {
        ProxyNode::gateway("egressgateway", "istio-system", BTreeMap::new())
    }

    fn identities(secrets: &[&Value]) -> Identities {
        let mut identities = Identities::default();
        identities.set_trust_domain("example.org");
        secrets.iter().for_each(|value| identities.put(&secret(value)));
        identities
    }

    #[test]
    fn a_gateway_is_its_service_account() {
        let now = SystemTime::now();
        let mut identities = identities(&[&self_signed("example.org", now).unwrap()]);
        let issued = identities.renew([node()].iter(), now);
        let [(name, identity)] = &issued[..] else { panic!("{}", issued.len()) };
        assert_eq!(name, "egressgateway");
        let secret = &identity.certificate;
        assert_eq!(meridian_tls::check_pair(&secret.certificate_chain, &secret.private_key), Ok(()));
        assert_eq!(meridian_tls::check_trust(&identity.authority.certificates, b""), Ok(()));
        let leaf = meridian_tls::certificate::first_of_pem(&secret.certificate_chain).unwrap();
        let uris: Vec<&str> = leaf.uris().collect();
        assert_eq!(uris, ["spiffe://example.org/ns/istio-system/sa/egressgateway"]);
        assert_eq!((&*secret.name, &*identity.authority.name), ("default", "ROOTCA"));
    }

    #[test]
    fn certificates_are_renewed_at_half_of_their_life() {
        let now = SystemTime::now();
        let mut identities = identities(&[&self_signed("example.org", now).unwrap()]);
        assert_eq!(identities.due(now), None);
        assert_eq!(identities.renew([node()].iter(), now).len(), 1);
        assert_eq!(identities.due(now), Some(LIFETIME / 2));
        assert!(identities.renew([node()].iter(), now + LIFETIME / 2 - Duration::from_secs(1)).is_empty());
        assert_eq!(identities.renew([node()].iter(), now + LIFETIME / 2).len(), 1);
        // Another trust domain is another identity.
        identities.set_trust_domain("example.net");
        assert_eq!(identities.renew([node()].iter(), now + LIFETIME / 2).len(), 1);
    }

    #[test]
    fn a_provided_authority_wins_and_a_broken_one_changes_nothing() {
        let now = SystemTime::now();
        let (own, mut provided) = (self_signed("own", now).unwrap(), self_signed("provided", now).unwrap());
        provided["metadata"]["name"] = PROVIDED.into();
        let mut identities = identities(&[&own, &provided]);
        let trusted = |issued: Vec<(String, WorkloadIdentity)>| {
            issued.first().map(|(_, identity)| String::from_utf8(identity.authority.certificates.clone()).unwrap())
        };
        let root = |value: &Value| value["stringData"]["root-cert.pem"].as_str().map(str::to_owned);
        assert_eq!(trusted(identities.renew([node()].iter(), now)), root(&provided));

        let mut broken = provided.clone();
        broken["stringData"]["ca-key.pem"] = own["stringData"]["ca-key.pem"].clone();
        assert!(Authority::of_secret(&secret(&broken)).is_err_and(|error| {
            error
                .to_string()
                .starts_with("Secret istio-system/cacerts, ca-cert.pem and ca-key.pem: the private key does")
        }));
        identities.put(&secret(&broken));
        assert!(identities.renew([node()].iter(), now).is_empty());

        identities.forget(PROVIDED);
        assert_eq!(trusted(identities.renew([node()].iter(), now)), root(&own));
        identities.forget(SELF_SIGNED);
        assert!(identities.renew([node()].iter(), now).is_empty());
        assert_eq!(identities.due(now), None);
    }
}
