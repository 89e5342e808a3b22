//! `envoy.config.endpoint.v3.ClusterLoadAssignment`

use crate::message::{Message, socket_address};
use crate::metadata;
use crate::read::{Fields, Node, Read, ReadError, label, resource};
use meridian_ir::endpoint::{Address, Health, LocalityWeight};
use meridian_ir::{Endpoint, Endpoints, Name};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Envoy's default, in percent; its config dumps print it.
const OVERPROVISIONING_FACTOR: u32 = 140;

/// The endpoints of the cluster of that name, grouped by priority and locality; localities are sorted.
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
    let mut localities: BTreeMap<(u32, &Name), Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in &endpoints.endpoints {
        localities.entry((endpoint.priority, &endpoint.locality)).or_default().push(endpoint);
    }
    let groups = localities.into_iter().map(|((priority, locality), members)| {
        let weight = locality_weight(endpoints, priority, locality, &members);
        Message::new()
            .with("locality", self::locality(locality))
            .with_list("lbEndpoints", members.into_iter().map(|endpoint| lb_endpoint(endpoint, &health)))
            .with_some("loadBalancingWeight", weight)
            .with_number("priority", priority)
            .into()
    });
    Message::new().with("clusterName", cluster).with_list("endpoints", groups)
}

/// The share of a locality: the one that it was given, or, where none was, that of its endpoints.
fn locality_weight(endpoints: &Endpoints, priority: u32, locality: &Name, members: &[&Endpoint]) -> Option<u32> {
    if endpoints.locality_weights.is_empty() {
        return Some(members.iter().fold(0, |sum, endpoint| sum.saturating_add(endpoint.weight)));
    }
    let is_wanted = |weight: &&LocalityWeight| weight.priority == priority && weight.locality == *locality;
    endpoints.locality_weights.iter().find(is_wanted).map(|weight| weight.weight)
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
        .with_some("metadata", metadata::of_endpoint(endpoint))
        .into()
}

/// Reads the endpoints of a cluster, and its name. Whether their localities have weights of their own is said by the
/// cluster ([`meridian_ir::Cluster::locality_weighted`]); otherwise those are what the endpoints' weights sum up to.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value, locality_weighted: bool) -> Result<Read<(Name, Endpoints)>, ReadError> {
    resource(value, &label("endpoints", value), |node| {
        let name = value.get("clusterName").and_then(Value::as_str).unwrap_or_default();
        Ok((name.into(), read_node(node, locality_weighted)?))
    })
}

/// See [`read`].
pub(crate) fn read_node(node: &Node<'_>, locality_weighted: bool) -> Result<Endpoints, ReadError> {
    node.message(|assignment| {
        assignment.need("clusterName")?;
        assignment.known("policy", &json!({"overprovisioningFactor": OVERPROVISIONING_FACTOR}));
        let mut endpoints = Endpoints::default();
        for group in assignment.list("endpoints")? {
            group.message(|group| read_group(group, &mut endpoints, locality_weighted))?;
        }
        Ok(endpoints)
    })
}

fn read_group(group: &Fields<'_>, endpoints: &mut Endpoints, locality_weighted: bool) -> Result<(), ReadError> {
    let locality = group.some("locality", read_locality)?.unwrap_or_else(|| Name::from(""));
    let priority = group.some("priority", Node::u32)?.unwrap_or_default();
    let weight = group.some("loadBalancingWeight", Node::u32)?;
    if let Some(weight) = weight.filter(|_| locality_weighted) {
        endpoints.locality_weights.push(LocalityWeight { locality: locality.clone(), priority, weight });
    }
    for endpoint in group.list("lbEndpoints")? {
        let endpoint = endpoint.message(read_endpoint)?;
        endpoints.endpoints.push(Endpoint { locality: locality.clone(), priority, ..endpoint });
    }
    Ok(())
}

fn read_locality(node: &Node<'_>) -> Result<Name, ReadError> {
    node.message(|locality| {
        let parts = ["region", "zone", "subZone"].map(|field| locality.text(field));
        let [region, zone, sub_zone] = parts;
        let all = format!("{}/{}/{}", region?, zone?, sub_zone?);
        Ok(all.trim_end_matches('/').into())
    })
}

fn read_endpoint(fields: &Fields<'_>) -> Result<Endpoint, ReadError> {
    const HEALTH: [(&str, Health); 5] = [
        ("UNKNOWN", Health::Healthy),
        ("HEALTHY", Health::Healthy),
        ("UNHEALTHY", Health::Unhealthy),
        ("TIMEOUT", Health::Unhealthy),
        ("DRAINING", Health::Draining),
    ];
    let address = fields.need("endpoint")?.message(|endpoint| read_address(&endpoint.need("address")?))?;
    let weight = fields.some("loadBalancingWeight", Node::u32)?.unwrap_or(1);
    let health = fields.choice("healthStatus", &HEALTH, Health::Healthy)?;
    let (mesh_tls, workload) = metadata::read_of_endpoint(fields)?;
    Ok(Endpoint { weight, health, mesh_tls, workload, ..Endpoint::new(address) })
}

fn read_address(node: &Node<'_>) -> Result<Address, ReadError> {
    node.message(|address| {
        let Some(socket) = address.get("socketAddress") else {
            return Err(address.error("an address with socketAddress"));
        };
        socket.message(|socket| {
            let (host, port) =
                (socket.need("address")?.text()?, socket.some("portValue", Node::u16)?.unwrap_or_default());
            Ok(match host.parse::<IpAddr>() {
                Ok(ip) => Address::Socket(SocketAddr::new(ip, port)),
                Err(_) => Address::Dns(host.into(), port),
            })
        })
    })
}
