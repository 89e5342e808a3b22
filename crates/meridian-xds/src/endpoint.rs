//! `envoy.config.endpoint.v3.ClusterLoadAssignment`

use crate::json::Message;
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::{Endpoint, Endpoints, Name};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// `envoy.config.core.v3.Address` of an IP address and port.
pub(crate) fn socket_address(address: SocketAddr) -> Value {
    json!({"socketAddress": {"address": address.ip().to_string(), "portValue": address.port()}})
}

/// The endpoints of a cluster, grouped by locality in the order of their first endpoint.
#[must_use]
pub fn load_assignment(cluster: &str, endpoints: &Endpoints) -> Value {
    let mut localities: Vec<(&Name, Vec<&Endpoint>)> = Vec::new();
    for endpoint in &endpoints.endpoints {
        match localities.iter_mut().find(|(locality, _)| **locality == endpoint.locality) {
            Some((_, members)) => members.push(endpoint),
            None => localities.push((&endpoint.locality, vec![endpoint])),
        }
    }
    let groups: Vec<Value> = localities.into_iter().map(|(locality, members)| group(locality, &members)).collect();
    Message::default().set("clusterName", cluster).set_used("endpoints", groups).into()
}

fn group(locality: &str, members: &[&Endpoint]) -> Value {
    let mut fields = locality.splitn(3, '/');
    let mut field = || fields.next().unwrap_or_default();
    let region = Message::default().set_used("region", field()).set_used("zone", field()).set_used("subZone", field());
    let weight: u64 = members.iter().map(|endpoint| u64::from(endpoint.weight)).sum();
    let endpoints: Vec<Value> = members.iter().map(|endpoint| lb_endpoint(endpoint)).collect();
    Message::default().set("locality", region).set("lbEndpoints", endpoints).set("loadBalancingWeight", weight).into()
}

fn lb_endpoint(endpoint: &Endpoint) -> Value {
    let address = match &endpoint.address {
        Address::Socket(address) => socket_address(*address),
        Address::Dns(name, port) => json!({"socketAddress": {"address": &**name, "portValue": port}}),
    };
    let health = match endpoint.health {
        Health::Healthy => None,
        Health::Unhealthy => Some("UNHEALTHY"),
        Health::Draining => Some("DRAINING"),
    };
    Message::default()
        .set("endpoint", json!({"address": address}))
        .set_some("healthStatus", health)
        .set("loadBalancingWeight", endpoint.weight)
        .into()
}
