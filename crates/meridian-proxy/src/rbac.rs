//! Access control on a worker: the filters of a chain with their counters.

use crate::listener::ConnectionInfo;
use crate::stats::{RbacScope, RbacStats, WorkerStats};
use crate::tls::PeerCertificate;
use meridian_ir::Name;
use meridian_ir::rbac::{DenialDetails, NoRequest, Rbac, View};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One filter.
#[derive(Debug)]
pub struct AccessFilter {
    rbac: Arc<Rbac>,
    enforced: RbacStats,
    shadow: RbacStats,
}

/// A request or connection may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The policy that says so; `None` when none allows it.
    pub policy: Option<Name>,
}

impl AccessFilter {
    /// The filters of a connection manager.
    pub fn of_requests(filters: &[Arc<Rbac>], stat_prefix: &Name, stats: &WorkerStats) -> Vec<Self> {
        filters.iter().map(|rbac| Self::new(rbac, Some(stat_prefix), stats)).collect()
    }

    /// The filters of a TCP proxy.
    pub fn of_connections(filters: &[Arc<Rbac>], stats: &WorkerStats) -> Vec<Self> {
        filters.iter().map(|rbac| Self::new(rbac, None, stats)).collect()
    }

    fn new(rbac: &Arc<Rbac>, manager: Option<&Name>, stats: &WorkerStats) -> Self {
        let scope = |shadow| RbacScope { manager: manager.cloned(), shadow };
        Self {
            rbac: rbac.clone(),
            enforced: stats.rbac(&scope(None)),
            shadow: stats.rbac(&scope(Some(rbac.shadow_rules_stat_prefix.clone()))),
        }
    }

    /// Judges what `view` shows, and counts it.
    fn judge(&self, view: &impl View) -> Result<(), Denied> {
        let verdicts = self.rbac.decide(view);
        if let Some(decision) = verdicts.shadow {
            self.shadow.judged(decision.allowed);
        }
        let Some(decision) = verdicts.enforced else { return Ok(()) };
        self.enforced.judged(decision.allowed);
        if decision.allowed { Ok(()) } else { Err(Denied { policy: decision.policy.cloned() }) }
    }
}

/// Asks `filters` in their order about what `view` shows.
///
/// # Errors
/// The first that denies it.
pub fn judge(filters: &[AccessFilter], view: &impl View) -> Result<(), Denied> {
    filters.iter().try_for_each(|filter| filter.judge(view))
}

/// Why a connection that is not HTTP is denied; `None`: it may pass.
pub fn denial(filters: &[AccessFilter], info: &ConnectionInfo) -> Option<String> {
    let denied = judge(filters, &ConnectionView(info)).err()?;
    Some(DenialDetails(denied.policy.as_deref()).to_string())
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionView<'a>(pub &'a ConnectionInfo);

impl View for ConnectionView<'_> {
    type Request = NoRequest;

    fn request(&self) -> Option<&NoRequest> {
        None
    }

    fn direct_remote_ip(&self) -> IpAddr {
        self.0.direct.as_ref().map_or(self.0.remote, |direct| direct.remote).ip()
    }

    fn remote_ip(&self) -> IpAddr {
        self.0.remote.ip()
    }

    fn destination(&self) -> SocketAddr {
        self.0.local
    }

    fn server_name(&self) -> &str {
        self.0.server_name.as_deref().unwrap_or_default()
    }

    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let peer = self.0.tls.as_ref().and_then(|tls| tls.peer.as_deref()).filter(|peer| peer.is_validated);
        peer.is_some_and(|peer| any_name(peer, test))
    }
}

/// The names of a certificate in Envoy's order: URIs, DNS names, the subject.
fn any_name(peer: &PeerCertificate, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let facts = &peer.facts;
    facts.uris().any(|uri| test(uri.as_bytes()))
        || facts.dns_names().any(|name| test(name.as_bytes()))
        || test(facts.subject.as_bytes())
}
