//! What comes to a sidecar's workload: the listener `virtualInbound`.

use super::Pieces;
use crate::proxy::node::ProxyNode;
use crate::proxy::state::{Inputs, Stale};
use crate::translator::Changes;
use meridian_ir::Name;

/// The inbound side of a sidecar.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    pieces: Pieces,
}

impl Inbound {
    /// Takes `changes` in; whether [`Self::pieces`] are others now.
    pub(super) fn update(
        &mut self,
        _inputs: &mut Inputs<'_>,
        _node: &ProxyNode,
        _changes: &Changes,
        fresh: bool,
        _stale: &mut Stale,
    ) -> bool {
        fresh
    }

    /// Listeners, routes and clusters of this side.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// SDS names that its chains refer to, and whether they are authorities rather than certificates.
    pub(super) fn credentials(&self) -> impl Iterator<Item = (&Name, bool)> {
        std::iter::empty()
    }
}
