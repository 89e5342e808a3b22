//! The authority and the trust domains that count now, shared by those who ask and the one who sets them.

use crate::{Authority, SpiffeId};
use std::sync::Arc;
use tokio::sync::watch;

/// What the mesh is at one moment.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// Who signs; `None`: nobody yet.
    pub authority: Option<Arc<Authority>>,
    /// The domain of identities that are issued.
    pub trust_domain: String,
    /// Domains whose identities count as those of the trust domain (`trustDomainAliases`).
    pub trust_domain_aliases: Vec<String>,
}

impl Mesh {
    /// Whether identities of this domain are the mesh's own.
    pub fn trusts(&self, domain: &str) -> bool {
        self.trust_domain == domain || self.trust_domain_aliases.iter().any(|alias| alias == domain)
    }

    /// The identity of a service account.
    pub fn identity(&self, namespace: &str, service_account: &str) -> SpiffeId {
        SpiffeId::new(&*self.trust_domain, namespace, service_account)
    }
}

/// A handle on the mesh's authority. Clones share it; what one sets, all see at once.
#[derive(Debug, Clone)]
pub struct MeshAuthority(Arc<watch::Sender<Mesh>>);

impl Default for MeshAuthority {
    /// No authority, in Istio's default trust domain `cluster.local`.
    fn default() -> Self {
        let mesh = Mesh { authority: None, trust_domain: "cluster.local".into(), trust_domain_aliases: Vec::new() };
        Self(Arc::new(watch::Sender::new(mesh)))
    }
}

impl MeshAuthority {
    /// Sets who signs.
    pub fn set_authority(&self, authority: Option<Arc<Authority>>) {
        self.0.send_if_modified(|mesh| {
            let same = match (&mesh.authority, &authority) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            };
            mesh.authority = authority;
            !same
        });
    }

    /// Sets the trust domain and the domains that count as it.
    pub fn set_trust_domain(&self, trust_domain: &str, aliases: &[String]) {
        self.0.send_if_modified(|mesh| {
            let same = mesh.trust_domain == trust_domain && mesh.trust_domain_aliases == aliases;
            trust_domain.clone_into(&mut mesh.trust_domain);
            mesh.trust_domain_aliases = aliases.to_vec();
            !same
        });
    }

    /// What the mesh is now.
    pub fn current(&self) -> Mesh {
        self.0.borrow().clone()
    }

    /// What the mesh is now and will be; a server renews its own certificate when it changes.
    pub fn subscribe(&self) -> watch::Receiver<Mesh> {
        self.0.subscribe()
    }
}
