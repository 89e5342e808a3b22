//! `envoy.config.endpoint.v3.ClusterLoadAssignment`

use crate::message::{Message, socket_address};
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::{Endpoint, Endpoints, Name};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Envoy's default, in percent; its config dumps print it.
const OVERPROVISIONING_FACTOR: u32 = 140;

/// The endpoints of the cluster of that name, grouped by locality; localities are sorted.
pub fn load_assignment(cluster: &str, endpoints: &Endpoints) -> Value {
    assignment(cluster, endpoints, |health| match health {
        // What stands in for UNKNOWN, the default.
        Health::Healthy => None,
        Health::Unhealthy => Some("UNHEALTHY"),
        Health::Draining => Some("DRAINING"),
    })
    .into()
}

/// The same as Envoy's config dump shows it: whether every endpoint is used, and the default policy.
pub fn dumped_load_assignment(cluster: &str, endpoints: &Endpoints) -> Value {
    assignment(cluster, endpoints, |health| match health {
        Health::Healthy => Some("HEALTHY"),
        Health::Unhealthy | Health::Draining => Some("UNHEALTHY"),
    })
    .with("policy", json!({"overprovisioningFactor": OVERPROVISIONING_FACTOR}))
    .into()
}

fn assignment(cluster: &str, endpoints: &Endpoints, health: impl Fn(Health) -> Option<&'static str>) -> Message {
    let mut localities: BTreeMap<&Name, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in &endpoints.endpoints {
        localities.entry(&endpoint.locality).or_default().push(endpoint);
    }
    let groups = localities.into_iter().map(|(locality, members)| {
        let weight = members.iter().fold(0u32, |sum, endpoint| sum.saturating_add(endpoint.weight));
        Message::new()
            .with("locality", self::locality(locality))
            .with_list("lbEndpoints", members.into_iter().map(|endpoint| lb_endpoint(endpoint, &health)))
            .with("loadBalancingWeight", weight)
            .into()
    });
    Message::new().with("clusterName", cluster).with_list("endpoints", groups)
}

/// `region/zone/subzone` as a message.
fn locality(locality: &str) -> Message {
    let mut parts = locality.splitn(3, '/');
    ["region", "zone", "subZone"]
        .into_iter()
        .fold(Message::new(), |message, field| message.with_text(field, parts.next().unwrap_or_default()))
}

fn lb_endpoint(endpoint: &Endpoint, health: impl Fn(Health) -> Option<&'static str>) -> Value {
    let address = match &endpoint.address {
        Address::Socket(address) => socket_address(&address.ip().to_string(), address.port()),
        Address::Dns(name, port) => socket_address(name, *port),
    };
    Message::new()
        .with("endpoint", json!({"address": address}))
        .with_some("healthStatus", health(endpoint.health))
        .with("loadBalancingWeight", endpoint.weight)
        .into()
}
