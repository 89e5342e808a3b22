//! What a sidecar's workload sends: the listener `virtualOutbound` and what unknown destinations come to.

use super::Pieces;
use crate::condition::Finding;
use crate::key::Key;
use crate::proxy::clusters::Clusters;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{Inputs, Stale};
use crate::translator::Changes;

/// The outbound side of a sidecar.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    pieces: Pieces,
}

impl Outbound {
    /// Takes `changes` in; whether [`Self::pieces`] are others now. Clusters of services that are named or no longer
    /// named are acquired from and released to `clusters`.
    pub(super) fn update(
        &mut self,
        _inputs: &mut Inputs<'_>,
        _node: &ProxyNode,
        _changes: &Changes,
        fresh: bool,
        _clusters: &mut Clusters,
        _stale: &mut Stale,
    ) -> bool {
        fresh
    }

    /// Listeners, routes and clusters of this side.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// See [`super::SidecarState::virtual_service_findings`].
    pub(super) fn virtual_service_findings(&self, _key: &Key) -> (Vec<Finding>, bool) {
        (Vec::new(), false)
    }

    /// See [`super::SidecarState::delegate_findings`].
    pub(super) fn delegate_findings(&self, _root: &Key, _leaf: &Key) -> (Vec<Finding>, bool) {
        (Vec::new(), false)
    }

    /// See [`super::SidecarState::destination_rule_findings`].
    pub(super) fn destination_rule_findings(&self, _key: &Key) -> &[Finding] {
        &[]
    }
}
