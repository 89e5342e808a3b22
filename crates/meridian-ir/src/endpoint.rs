//! Endpoints of a cluster.

use crate::Name;
use std::net::SocketAddr;

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and port.
    Socket(SocketAddr),
    /// A DNS name and port, for `StrictDns` and `LogicalDns` clusters.
    Dns(Name, u16),
}

/// What the control plane says of an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Ready.
    Healthy,
    /// Not ready: no requests.
    Unhealthy,
    /// Leaving: no new requests.
    Draining,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// See [`Address`].
    pub address: Address,
    /// Relative weight, above zero.
    pub weight: u32,
    /// See [`Health`].
    pub health: Health,
    /// `region/zone/subzone`; empty when unknown.
    pub locality: Name,
}

/// All endpoints of one cluster (Envoy's load assignment).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// In the registry's order.
    pub endpoints: Vec<Endpoint>,
}
