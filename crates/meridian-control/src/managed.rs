//! What Gateways need to be reached: on Kubernetes a Deployment, a Service and a ServiceAccount for each, on the embedded
//! API a process of this machine.
//!
//! [`objects`] and [`deployment`] make the objects of a Gateway, [`parameters`] lays the settings over them that the
//! Gateway and its class refer to, and [`kubernetes`] keeps the cluster as it is wanted and says what became of it;
//! [`local`] does so with processes.

mod addresses;
mod deployment;
mod gateways;
mod installation;
mod kubernetes;
mod local;
mod names;
mod objects;
mod overlay;
mod parameters;

use meridian_ir::Name;
use meridian_resources::{ObjectRef, Resource};
use meridian_translate::{GATEWAY_NAME_LABEL, ManagedGateway, Provision};
use std::sync::Arc;

pub(crate) use gateways::Gateways;
pub use installation::{AddressRange, AddressRangeError, Installation};
pub use local::{LocalGateways, LocalHandle, LocalOptions};

/// Namespace and name of an object.
pub(crate) type NamespacedName = (Arc<str>, Arc<str>);

/// What the control plane tells of.
#[derive(Debug)]
pub(crate) enum Input {
    /// What a Gateway needs: namespace and name; `None`: nothing any more.
    Wanted(Name, Name, Option<Arc<ManagedGateway>>),
    /// An object is there, or is different.
    Put(Resource),
    /// An object is gone.
    Gone(ObjectRef),
    /// Everything that there was at the start has been told, and all that is wanted of it.
    InStep,
}

impl Input {
    /// Whether an object is of any concern.
    fn concerns(resource: &Resource) -> bool {
        match resource {
            Resource::ConfigMap(_) | Resource::EnvoyProxy(_) => true,
            Resource::Service(_) | Resource::ServiceAccount(_) | Resource::EndpointSlice(_) => {
                resource.meta().labels.contains_key(GATEWAY_NAME_LABEL)
            }
            _ => false,
        }
    }
}

/// What became of what a Gateway needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provisioned {
    pub(crate) namespace: Name,
    pub(crate) name: Name,
    pub(crate) provision: Provision,
}

/// Whose conventions the objects of a Gateway follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Style {
    /// Istio's: the pod is a proxy of the mesh.
    #[default]
    Istio,
    /// Envoy Gateway's, for Gateways with an EnvoyProxy: its names and ports, so that a sidecar may stand beside it.
    EnvoyGateway,
}

impl Style {
    /// The container.
    fn container(self) -> &'static str {
        match self {
            Style::Istio => "istio-proxy",
            Style::EnvoyGateway => "envoy",
        }
    }

    /// Whom the process runs as. A sidecar lets traffic of user 1337 pass, which is its own.
    fn user(self) -> u32 {
        match self {
            Style::Istio => 1337,
            Style::EnvoyGateway => 65532,
        }
    }

    /// Where pods are asked for readiness.
    fn readiness_port(self) -> u16 {
        match self {
            Style::Istio => objects::STATUS_PORT,
            Style::EnvoyGateway => 19003,
        }
    }

    /// Where pods are asked for metrics.
    fn metrics_port(self) -> u16 {
        match self {
            Style::Istio => 15090,
            Style::EnvoyGateway => 19001,
        }
    }
}

#[cfg(test)]
mod tests;
