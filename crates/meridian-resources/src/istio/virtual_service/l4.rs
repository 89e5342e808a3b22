//! The parts of a VirtualService that route connections: TLS by SNI, and TCP.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Destination;

/// A rule for TLS connections that are not terminated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["match"]))]
pub struct TlsRoute {
    /// Alternatives, one of which must match.
    #[serde(rename = "match")]
    pub matches: Vec<TlsMatchAttributes>,
    /// Weighted destinations.
    pub route: Vec<RouteDestination>,
}

/// Conditions on a TLS connection; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["sniHosts"]))]
pub struct TlsMatchAttributes {
    /// Destination addresses, with optional prefix length.
    pub destination_subnets: Vec<String>,
    /// Gateways for which this match holds, instead of the VirtualService's.
    pub gateways: Vec<String>,
    /// The port of the listener.
    pub port: u32,
    /// Server names, also with a wildcard prefix; each must be within the VirtualService's hosts.
    pub sni_hosts: Vec<String>,
    /// Labels of the client's workload; only for sidecars.
    pub source_labels: BTreeMap<String, String>,
    /// Namespace of the client's workload; only for sidecars.
    pub source_namespace: String,
}

/// A rule for TCP connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpRoute {
    /// Alternatives, one of which must match; empty matches every connection.
    #[serde(rename = "match")]
    pub matches: Vec<L4MatchAttributes>,
    /// Weighted destinations.
    pub route: Vec<RouteDestination>,
}

/// Conditions on a TCP connection; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct L4MatchAttributes {
    /// Destination addresses, with optional prefix length.
    pub destination_subnets: Vec<String>,
    /// Gateways for which this match holds, instead of the VirtualService's.
    pub gateways: Vec<String>,
    /// The port of the listener.
    pub port: u32,
    /// Labels of the client's workload; only for sidecars.
    pub source_labels: BTreeMap<String, String>,
    /// Namespace of the client's workload; only for sidecars.
    pub source_namespace: String,
    /// Source addresses, with optional prefix length. Not used by Istio.
    pub source_subnet: String,
}

/// A destination of connections with its share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["destination"]))]
pub struct RouteDestination {
    /// The service (or subset) of the registry.
    pub destination: Destination,
    /// The share of connections, relative to the sum of the weights of the route's destinations.
    pub weight: i32,
}
