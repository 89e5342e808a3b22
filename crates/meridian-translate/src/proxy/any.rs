//! A proxy of either kind.

use crate::condition::Finding;
use crate::gateway_api::proxy::GatewayState;
use crate::key::Key;
use crate::proxy::credentials::WorkloadIdentity;
use crate::proxy::node::{ProxyKind, ProxyNode};
use crate::proxy::sidecar::SidecarState;
use crate::proxy::state::{Inputs, ProxyState, Stale};
use crate::translator::Changes;
use meridian_ir::ProxyConfig;
use std::sync::Arc;

/// What is kept for one proxy between two translations.
#[derive(Debug)]
pub(crate) enum AnyProxy {
    /// A gateway, configured by Istio's Gateways.
    Gateway(Box<ProxyState>),
    /// A gateway that belongs to one Gateway of Gateway API.
    GatewayApi(Box<GatewayState>),
    /// A sidecar.
    Sidecar(Box<SidecarState>),
}

impl AnyProxy {
    pub(crate) fn new(node: ProxyNode) -> Self {
        match (GatewayState::gateway_of(&node), node.kind) {
            (Some(gateway), _) => Self::GatewayApi(Box::new(GatewayState::new(node, gateway))),
            (None, ProxyKind::Gateway) => Self::Gateway(Box::new(ProxyState::new(node))),
            (None, ProxyKind::Sidecar) => Self::Sidecar(Box::new(SidecarState::new(node))),
        }
    }

    pub(crate) fn node(&self) -> &ProxyNode {
        match self {
            Self::Gateway(proxy) => &proxy.node,
            Self::GatewayApi(proxy) => &proxy.node,
            Self::Sidecar(proxy) => &proxy.node,
        }
    }

    /// Sets who it is in the mesh.
    pub(crate) fn set_identity(&mut self, identity: WorkloadIdentity) {
        match self {
            Self::Gateway(proxy) => proxy.set_identity(identity),
            Self::GatewayApi(proxy) => proxy.set_identity(identity),
            Self::Sidecar(proxy) => proxy.set_identity(identity),
        }
    }

    /// Forgets everything but who it is and the version of its configuration.
    pub(crate) fn start_over(&mut self) {
        match self {
            Self::Gateway(proxy) => proxy.start_over(),
            Self::GatewayApi(proxy) => proxy.start_over(),
            Self::Sidecar(proxy) => proxy.start_over(),
        }
    }

    /// Takes `changes` in; a new configuration is returned when it has one.
    pub(crate) fn update(
        &mut self,
        inputs: &mut Inputs<'_>,
        changes: &Changes,
        stale: &mut Stale,
    ) -> Option<Arc<ProxyConfig>> {
        match self {
            Self::Gateway(proxy) => proxy.update(inputs, changes, stale),
            Self::GatewayApi(proxy) => proxy.update(inputs, changes, stale),
            Self::Sidecar(proxy) => proxy.update(inputs, changes, stale),
        }
    }

    /// What is to be said of a Gateway because of this proxy; `None` when it does not select it.
    pub(crate) fn gateway_findings(&self, key: &Key) -> Option<Vec<Finding>> {
        match self {
            Self::Gateway(proxy) => proxy.gateway_findings(key),
            Self::GatewayApi(_) | Self::Sidecar(_) => None,
        }
    }

    /// What is to be said of a VirtualService because of this proxy, and whether the proxy serves any of it.
    pub(crate) fn virtual_service_findings(&self, key: &Key) -> (Vec<Finding>, bool) {
        match self {
            Self::Gateway(proxy) => proxy.virtual_service_findings(key),
            Self::GatewayApi(_) => (Vec::new(), false),
            Self::Sidecar(proxy) => proxy.virtual_service_findings(key),
        }
    }

    /// What is to be said of the VirtualService `leaf` because `root` delegates to it, and whether the proxy serves any
    /// of it so.
    pub(crate) fn delegate_findings(&self, root: &Key, leaf: &Key) -> (Vec<Finding>, bool) {
        match self {
            Self::Gateway(proxy) => proxy.delegate_findings(root, leaf),
            Self::GatewayApi(_) => (Vec::new(), false),
            Self::Sidecar(proxy) => proxy.delegate_findings(root, leaf),
        }
    }

    /// What is to be said of a DestinationRule because of this proxy.
    pub(crate) fn destination_rule_findings(&self, key: &Key) -> &[Finding] {
        match self {
            Self::Gateway(proxy) => proxy.destination_rule_findings(key),
            Self::GatewayApi(_) => &[],
            Self::Sidecar(proxy) => proxy.destination_rule_findings(key),
        }
    }

    /// What is to be said of a ServiceEntry because of this proxy.
    pub(crate) fn service_entry_findings(&self, key: &Key) -> Vec<Finding> {
        match self {
            Self::Gateway(_) | Self::GatewayApi(_) => Vec::new(),
            Self::Sidecar(proxy) => proxy.service_entry_findings(key),
        }
    }

    /// Whether a Gateway selects this proxy.
    pub(crate) fn is_selected_by(&self, key: &Key) -> bool {
        match self {
            Self::Gateway(proxy) => proxy.is_selected_by(key),
            Self::GatewayApi(_) | Self::Sidecar(_) => false,
        }
    }
}
