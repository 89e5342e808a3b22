//! From a definition to a plan: which namespaces, addresses, servers and objects a lab has. Nothing here touches the machine.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::definition::{Backend, Lab, Workload};
use crate::error::Error;

pub mod dns;
pub mod network;
pub mod nginx;
pub mod objects;
pub mod site;
#[cfg(test)]
mod tests;

/// The address of the lab's DNS server, on the bridge that joins all namespaces.
pub const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
/// The address of the control plane and its API.
pub const API_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 2);
/// The port of the API.
pub const API_PORT: u16 = 6443;
/// The namespace that the bridge and the DNS server live in.
pub const NET: &str = "net";
/// The namespace that the system under test lives in: the API, the control plane and every gateway.
pub const MESH: &str = "mesh";
/// The workload that runs the check.
pub const CLIENT: &str = "client";

/// A lab, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The network namespaces; the first is [`NET`], the second [`MESH`].
    pub spaces: Vec<Space>,
    /// The gateways and their addresses, which [`MESH`] owns.
    pub gateways: Vec<(String, Ipv4Addr)>,
    /// What serves in which namespace.
    pub servers: Vec<Server>,
    /// The objects that a cluster would have before the user comes.
    pub objects: Vec<Value>,
    /// The names that the lab's DNS knows beside the Services.
    pub names: Vec<(String, Vec<Ipv4Addr>)>,
}

/// A network namespace and the addresses of its one interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Its name within the lab.
    pub name: String,
    /// Its addresses; outgoing connections come from the first.
    pub addresses: Vec<Ipv4Addr>,
}

/// A server in the namespace of a workload or an origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// The namespace.
    pub space: String,
    /// The server.
    pub backend: Backend,
}

impl Plan {
    /// Decides the lab.
    ///
    /// # Errors
    /// When the definition asks for something that cannot be built: a sidecar, no gateway, no client, a name that is not one or comes twice.
    pub fn new(lab: &Lab) -> Result<Self, Error> {
        check(lab)?;
        let workloads: Vec<_> =
            (10..).zip(&lab.workloads).map(|(host, workload)| (workload, Ipv4Addr::new(10, 10, 1, host))).collect();
        let gateways: Vec<_> =
            (10..).zip(&lab.gateways).map(|(host, name)| (name.clone(), Ipv4Addr::new(10, 10, 2, host))).collect();
        let mesh = gateways.iter().map(|(_, address)| *address).chain([API_ADDRESS]).collect();
        let mut spaces = vec![space(NET, vec![DNS_ADDRESS]), space(MESH, mesh)];
        spaces.extend(workloads.iter().map(|(workload, address)| space(&workload.name, vec![*address])));
        spaces.extend(lab.origins.iter().map(|origin| space(&origin.name, vec![origin.address])));
        let served = lab.workloads.iter().filter_map(|w| Some((&w.name, w.backend.as_ref()?)));
        let served = served.chain(lab.origins.iter().map(|origin| (&origin.name, &origin.backend)));
        Ok(Self {
            spaces,
            gateways,
            servers: served.map(|(space, backend)| Server { space: space.clone(), backend: backend.clone() }).collect(),
            objects: objects::all(lab, &workloads),
            names: lab.dns.clone(),
        })
    }

    /// The addresses of the workloads and origins: of everything but the lab's own namespaces.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        let own = self.spaces.iter().filter(|space| space.name != NET && space.name != MESH);
        own.filter_map(|space| Some((space.name.as_str(), *space.addresses.first()?)))
    }
}

fn space(name: &str, addresses: Vec<Ipv4Addr>) -> Space {
    Space { name: name.to_owned(), addresses }
}

/// Refuses what cannot be built.
fn check(lab: &Lab) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::Unsupported(reason));
    if let Some(Workload { name, .. }) = lab.workloads.iter().find(|workload| workload.sidecar) {
        return refuse(format!(
            "workload {name} has \"sidecar: true\", and Meridian has no sidecar yet (no proxy beside a workload, no traffic capture)"
        ));
    }
    if lab.gateways.is_empty() {
        return refuse("there is no gateway, so nothing is under test; add \"gateways: [ingressgateway]\"".to_owned());
    }
    if !lab.workloads.iter().any(|workload| workload.name == CLIENT) {
        return refuse("there is no workload named \"client\", which is the one that runs check.sh".to_owned());
    }
    let names =
        lab.workloads.iter().map(|w| &w.name).chain(&lab.gateways).chain(lab.origins.iter().map(|origin| &origin.name));
    let mut seen = vec![NET, MESH];
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            return refuse(format!("{name:?} is not a name: lower-case letters, digits and hyphens, at most 63"));
        }
        if seen.contains(&name.as_str()) {
            return refuse(format!("{name:?} is taken: names are unique, and \"net\" and \"mesh\" are the lab's own"));
        }
        seen.push(name);
    }
    match lab.workloads.len().max(lab.gateways.len()) {
        0..=200 => Ok(()),
        many => refuse(format!("{many} hosts of one sort; at most 200")),
    }
}
