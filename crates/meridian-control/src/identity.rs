//! Who the proxies of this process are in the mesh: certificates with SPIFFE identities (`ISTIO_MUTUAL`), signed by the
//! mesh's authority.
//!
//! The authority is where Istio has it, in Secrets of `istio-system`: `cacerts`, which a user provides, else
//! `istio-ca-secret`, which is made at the first start.

use crate::cluster::Cluster;
use meridian_identity::authority::{AuthorityError, LIFETIME};
use meridian_identity::{Authority, AuthorityPem, MeshAuthority, WorkloadCertificate};
use meridian_ir::Name;
use meridian_ir::tls::{MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_resources::core::Secret;
use meridian_resources::{Object, ObjectRef};
use meridian_translate::{ProxyNode, WorkloadIdentity};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The Secret that a user provides; it wins.
const PROVIDED: &str = "cacerts";

/// The Secret of the authority that is made here.
pub(crate) const SELF_SIGNED: &str = "istio-ca-secret";

/// The authority in a Secret.
fn authority_of(secret: &Object<Secret>) -> Result<Authority, String> {
    let text = |key: &str| match secret.spec.get(key).map(String::from_utf8) {
        Some(Ok(text)) => text,
        _ => String::new(),
    };
    let pem = AuthorityPem {
        certificate: text("ca-cert.pem"),
        key: text("ca-key.pem"),
        chain: text("cert-chain.pem"),
        roots: text("root-cert.pem"),
    };
    Authority::from_pem(&pem).map_err(|error| format!("Secret {}/{}: {error}", secret.meta.namespace, secret.meta.name))
}

fn in_the_model(own: WorkloadCertificate) -> WorkloadIdentity {
    WorkloadIdentity {
        certificate: Arc::new(meridian_ir::Secret {
            name: WORKLOAD_CERTIFICATE.into(),
            certificate_chain: own.chain.into_bytes(),
            private_key: own.key.into_bytes(),
        }),
        authority: Arc::new(meridian_ir::Authority {
            name: MESH_AUTHORITY.into(),
            certificates: own.roots.into_bytes(),
            revocation_lists: Vec::new(),
        }),
    }
}

/// A new authority that has signed itself, as the Secret [`SELF_SIGNED`].
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn self_signed(namespace: &str, trust_domain: &str, now: SystemTime) -> Result<Value, AuthorityError> {
    let pem = Authority::generate(trust_domain, now)?;
    Ok(json!({
        "metadata": {"name": SELF_SIGNED, "namespace": namespace},
        "type": "istio.io/ca-root",
        "stringData": {
            "ca-cert.pem": pem.certificate,
            "ca-key.pem": pem.key,
            "cert-chain.pem": pem.chain,
            "root-cert.pem": pem.roots,
        },
    }))
}

/// The identities of the proxies of one control plane.
pub(crate) struct Identities {
    /// Where the Secrets are.
    namespace: Arc<str>,
    provided: Option<Arc<Authority>>,
    self_signed: Option<Arc<Authority>>,
    /// Shared with whoever else issues certificates.
    mesh: MeshAuthority,
    /// When the certificates are to be renewed; `None`: there are none.
    renewal: Option<SystemTime>,
    outdated: bool,
}

impl Identities {
    /// Identities of which `mesh` is told who signs.
    pub(crate) fn new(mesh: MeshAuthority, namespace: Arc<str>) -> Identities {
        Identities { namespace, provided: None, self_signed: None, mesh, renewal: None, outdated: false }
    }

    /// Whether this is a Secret that may hold the mesh's authority.
    pub(crate) fn is_authority(&self, object: &ObjectRef) -> bool {
        object.kind.kind == "Secret"
            && object.namespace.as_ref() == Some(&self.namespace)
            && matches!(&*object.name, PROVIDED | SELF_SIGNED)
    }

    /// Takes a Secret in that [`Self::is_authority`]. One that cannot be used leaves what is there in its place.
    pub(crate) fn put(&mut self, secret: &Object<Secret>) {
        match authority_of(secret) {
            Ok(authority) => {
                *self.place(&secret.meta.name) = Some(Arc::new(authority));
                self.authority_changed();
            }
            Err(error) => tracing::error!("{error}; the mesh's certificates stay as they are"),
        }
    }

    /// Forgets a Secret that [`Self::is_authority`].
    pub(crate) fn forget(&mut self, name: &str) {
        if self.place(name).take().is_some() {
            self.authority_changed();
        }
    }

    fn authority_changed(&mut self) {
        self.mesh.set_authority(self.provided.as_ref().or(self.self_signed.as_ref()).cloned());
        self.outdated = true;
    }

    fn place(&mut self, name: &str) -> &mut Option<Arc<Authority>> {
        if name == PROVIDED { &mut self.provided } else { &mut self.self_signed }
    }

    /// Sets the trust domain, and the domains whose identities count as its own.
    pub(crate) fn set_trust_domain(&mut self, trust_domain: &str, aliases: &[Name]) {
        self.outdated |= self.mesh.current().trust_domain != trust_domain;
        let aliases: Vec<String> = aliases.iter().map(|alias| alias.to_string()).collect();
        self.mesh.set_trust_domain(trust_domain, &aliases);
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
        if self.mesh.current().authority.is_none() {
            if self.renewal.take().is_some() {
                tracing::error!(
                    "neither Secret {0}/{PROVIDED} nor {0}/{SELF_SIGNED} exists: the mesh's certificates end within \
                     {1} hours; bring one back, or start again to have a new one",
                    self.namespace,
                    LIFETIME.as_secs() / 3600
                );
            }
            return Vec::new();
        }
        self.renewal = Some(now + LIFETIME / 2);
        proxies.filter_map(|node| Some((node.id.to_string(), self.issue(node, now)?))).collect()
    }

    /// An identity for one proxy; `None` without an authority.
    pub(crate) fn issue(&self, node: &ProxyNode, now: SystemTime) -> Option<WorkloadIdentity> {
        let mesh = self.mesh.current();
        let id = mesh.identity(&node.namespace, &node.service_account);
        match mesh.authority?.issue(&id, now) {
            Ok(own) => Some(in_the_model(own)),
            Err(error) => {
                tracing::error!(proxy = &*node.name, "{error}");
                None
            }
        }
    }
}

/// Makes the mesh's authority on an API that has none when this process begins to lead, as istiod does.
pub(crate) struct Manager {
    cluster: Cluster,
    /// It has been asked for. One that goes later is not replaced: all proxies would have to trust another one at once.
    asked: bool,
}

impl Manager {
    /// The pause between two tries.
    const PAUSE: Duration = Duration::from_secs(2);

    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster, asked: false }
    }

    /// Has [`SELF_SIGNED`] made when there is no authority; one that others have made meanwhile stays.
    pub(crate) fn provide(&mut self, identities: &Identities, trust_domain: &str) {
        if identities.mesh.current().authority.is_some() || std::mem::replace(&mut self.asked, true) {
            return;
        }
        let mut secret = match self_signed(&identities.namespace, trust_domain, SystemTime::now()) {
            Ok(secret) => secret,
            Err(error) => return tracing::error!("the mesh has no authority: {error}"),
        };
        secret["apiVersion"] = "v1".into();
        secret["kind"] = "Secret".into();
        tokio::spawn(make(self.cluster.clone(), secret));
    }
}

/// Creates the Secret, and tries again while that may help.
async fn make(cluster: Cluster, secret: Value) {
    let leads = cluster.leadership();
    let name = format!("Secret {}/{SELF_SIGNED}", secret["metadata"]["namespace"].as_str().unwrap_or_default());
    while *leads.borrow() {
        match cluster.create(&secret).await {
            Ok(true) => return tracing::info!("made the mesh's authority: {name}"),
            Ok(false) => return tracing::warn!("{name} exists, but cannot be used"),
            Err(error) => {
                tracing::error!("the mesh has no authority: {name}: {error}");
                tokio::time::sleep(Manager::PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh;
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
        let mut identities = Identities::new(MeshAuthority::default(), mesh::NAMESPACE.into());
        identities.set_trust_domain("example.org", &[]);
        secrets.iter().for_each(|value| identities.put(&secret(value)));
        identities
    }

    #[test]
    fn a_gateway_is_its_service_account() {
        let now = SystemTime::now();
        let mut identities = identities(&[&self_signed(mesh::NAMESPACE, "example.org", now).unwrap()]);
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
        let mut identities = identities(&[&self_signed(mesh::NAMESPACE, "example.org", now).unwrap()]);
        assert_eq!(identities.due(now), None);
        assert_eq!(identities.renew([node()].iter(), now).len(), 1);
        assert_eq!(identities.due(now), Some(LIFETIME / 2));
        assert!(identities.renew([node()].iter(), now + LIFETIME / 2 - Duration::from_secs(1)).is_empty());
        assert_eq!(identities.renew([node()].iter(), now + LIFETIME / 2).len(), 1);
        // Another trust domain is another identity.
        identities.set_trust_domain("example.net", &[]);
        assert_eq!(identities.renew([node()].iter(), now + LIFETIME / 2).len(), 1);
    }

    #[test]
    fn a_provided_authority_wins_and_a_broken_one_changes_nothing() {
        let now = SystemTime::now();
        let (own, mut provided) =
            (self_signed(mesh::NAMESPACE, "own", now).unwrap(), self_signed(mesh::NAMESPACE, "provided", now).unwrap());
        provided["metadata"]["name"] = PROVIDED.into();
        let mut identities = identities(&[&own, &provided]);
        let trusted = |issued: Vec<(String, WorkloadIdentity)>| {
            issued.first().map(|(_, identity)| String::from_utf8(identity.authority.certificates.clone()).unwrap())
        };
        let root = |value: &Value| value["stringData"]["root-cert.pem"].as_str().map(str::to_owned);
        assert_eq!(trusted(identities.renew([node()].iter(), now)), root(&provided));

        let mut broken = provided.clone();
        broken["stringData"]["ca-key.pem"] = own["stringData"]["ca-key.pem"].clone();
        let refused = authority_of(&secret(&broken)).err().unwrap_or_default();
        assert!(
            refused.starts_with("Secret istio-system/cacerts: ca-cert.pem and ca-key.pem: the private key does"),
            "{refused}"
        );
        identities.put(&secret(&broken));
        assert!(identities.renew([node()].iter(), now).is_empty());

        identities.forget(PROVIDED);
        assert_eq!(trusted(identities.renew([node()].iter(), now)), root(&own));
        identities.forget(SELF_SIGNED);
        assert!(identities.renew([node()].iter(), now).is_empty());
        assert_eq!(identities.due(now), None);
    }
}
