//! From a definition to a plan: which namespaces, addresses, servers and objects a lab has. Nothing here touches the machine.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

use crate::definition::{Backend, Lab, Workload};
use crate::error::Error;
use proxies::{Proxy, Role};

pub mod dns;
mod envoy;
pub mod network;
pub mod nginx;
pub mod objects;
pub mod proxies;
pub mod site;
#[cfg(test)]
mod tests;

/// The address of the lab's DNS server, on the bridge that joins all namespaces.
pub const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
/// The address of the control plane and its API.
pub const API_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 2);
/// The port of the API.
pub const API_PORT: u16 = 6443;
/// The port of the control plane for proxies.
pub const DISCOVERY_PORT: u16 = 15012;
/// The port where the control plane tells what it wants of each proxy.
pub const DEBUG_PORT: u16 = 15014;
/// The namespace that the bridge and the DNS server live in.
pub const NET: &str = "net";
/// The namespace that the API and the control plane live in, and every gateway that is one process with them.
pub const MESH: &str = "mesh";
/// The workload that runs the check.
pub const CLIENT: &str = "client";

/// How the system under test is divided into processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One process: `meridian up`.
    Together,
    /// A control plane, and each proxy a process of its own that the control plane drives. Sidecars need it.
    Apart,
}

/// A lab, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The network namespaces; the first is [`NET`], the second [`MESH`].
    pub spaces: Vec<Space>,
    /// How the system under test is divided.
    pub shape: Shape,
    /// The gateways and their addresses.
    pub gateways: Vec<(String, Ipv4Addr)>,
    /// The proxies that are processes of their own.
    pub proxies: Vec<Proxy>,
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
    /// Decides the lab. It is of the `least` shape that it can have.
    ///
    /// # Errors
    /// When the definition asks for something that cannot be built: no proxy, no client, a name that is not one or comes twice.
    pub fn new(lab: &Lab, least: Shape) -> Result<Self, Error> {
        check(lab)?;
        let shape = if lab.workloads.iter().any(|workload| workload.sidecar) { Shape::Apart } else { least };
        let workloads: Vec<_> =
            (10..).zip(&lab.workloads).map(|(host, workload)| (workload, Ipv4Addr::new(10, 10, 1, host))).collect();
        let gateways: Vec<_> =
            (10..).zip(&lab.gateways).map(|(host, name)| (name.clone(), Ipv4Addr::new(10, 10, 2, host))).collect();
        let spaces = spaces(lab, shape, &workloads, &gateways);
        let proxies = match shape {
            Shape::Together => Vec::new(),
            Shape::Apart => proxies(&workloads, &gateways),
        };
        let served = lab.workloads.iter().filter_map(|w| Some((&w.name, w.backend.as_ref()?)));
        let served = served.chain(lab.origins.iter().map(|origin| (&origin.name, &origin.backend)));
        Ok(Self {
            spaces,
            shape,
            servers: served.map(|(space, backend)| Server { space: space.clone(), backend: backend.clone() }).collect(),
            objects: objects::all(lab, &workloads, &proxies),
            gateways,
            proxies,
            names: lab.dns.clone(),
        })
    }

    /// The namespace that gateway `name` lives in.
    #[must_use]
    pub fn home<'a>(&self, name: &'a str) -> &'a str {
        if self.shape == Shape::Together { MESH } else { name }
    }

    /// The addresses of the workloads and origins: of everything but the lab's own namespaces and the gateways.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        let is_gateway = |space: &Space| self.gateways.iter().any(|(name, _)| *name == space.name);
        let own = self.spaces.iter().filter(move |space| space.name != NET && space.name != MESH && !is_gateway(space));
        own.filter_map(|space| Some((space.name.as_str(), *space.addresses.first()?)))
    }
}

/// The namespaces: the bridge's, the control plane's, and one for each host.
fn spaces(lab: &Lab, shape: Shape, workloads: &[(&Workload, Ipv4Addr)], gateways: &[(String, Ipv4Addr)]) -> Vec<Space> {
    let of_gateways = gateways.iter().map(|(_, address)| *address);
    let mesh = match shape {
        Shape::Together => of_gateways.chain([API_ADDRESS]).collect(),
        Shape::Apart => vec![API_ADDRESS],
    };
    let mut spaces = vec![space(NET, vec![DNS_ADDRESS]), space(MESH, mesh)];
    if shape == Shape::Apart {
        spaces.extend(gateways.iter().map(|(name, address)| space(name, vec![*address])));
    }
    spaces.extend(workloads.iter().map(|(workload, address)| space(&workload.name, vec![*address])));
    spaces.extend(lab.origins.iter().map(|origin| space(&origin.name, vec![origin.address])));
    spaces
}

/// Every gateway, and the sidecars of the workloads that have one.
fn proxies(workloads: &[(&Workload, Ipv4Addr)], gateways: &[(String, Ipv4Addr)]) -> Vec<Proxy> {
    let of_gateways = gateways.iter().map(|(name, address)| Proxy {
        name: name.clone(),
        role: Role::Gateway,
        address: *address,
        namespace: "istio-system",
        labels: objects::gateway_labels(name),
        annotations: BTreeMap::new(),
    });
    let beside = workloads.iter().filter(|(workload, _)| workload.sidecar);
    let sidecars = beside.map(|(workload, address)| Proxy {
        name: workload.name.clone(),
        role: Role::Sidecar,
        address: *address,
        namespace: "default",
        labels: objects::labels(workload),
        annotations: workload.annotations.clone(),
    });
    of_gateways.chain(sidecars).collect()
}

fn space(name: &str, addresses: Vec<Ipv4Addr>) -> Space {
    Space { name: name.to_owned(), addresses }
}

/// Refuses what cannot be built.
fn check(lab: &Lab) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::Unsupported(reason));
    if lab.gateways.is_empty() && !lab.workloads.iter().any(|workload| workload.sidecar) {
        let remedy = "add \"gateways: [ingressgateway]\", or \"sidecar: true\" to a workload";
        return refuse(format!("there is neither a gateway nor a sidecar, so nothing is under test; {remedy}"));
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
