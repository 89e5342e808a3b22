//! The proxies that are configured.

use crate::registry::locality;
use meridian_ir::Name;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// A proxy at the edge, configured by the Gateways whose selector its labels satisfy.
    Gateway,
    /// A proxy beside a workload, which captures what comes to it and what it sends.
    Sidecar,
}

/// One proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyNode {
    /// What tells it from all others: its name, or the node id that it gives to the discovery service.
    pub id: Name,
    /// The name of its Pod.
    pub name: Name,
    /// Its namespace: where its Secrets are, and what `exportTo` is compared with.
    pub namespace: Name,
    /// Its service account: with the namespace, who it is in the mesh.
    pub service_account: Name,
    /// Its labels, which Gateways and Services select.
    pub labels: BTreeMap<String, String>,
    /// What it is for.
    pub kind: ProxyKind,
    /// The address that its listeners bind to; it is part of their names (`0.0.0.0_8080`).
    pub address: IpAddr,
    /// Whether it answers for the names of the mesh (`ISTIO_META_DNS_CAPTURE`): automatic addresses are used then.
    pub dns_capture: bool,
    /// Where it is, `region/zone/subzone`; empty when that is not known. Endpoints near by are preferred
    /// (`localityLbSetting`).
    pub locality: Name,
    /// Addresses of its workload. A Service or ServiceEntry of the proxy's namespace that has an endpoint at one of
    /// them leads to this proxy, as does a Service that selects its labels: its ports say on which target ports the
    /// proxy listens.
    pub ip_addresses: Vec<IpAddr>,
}

impl ProxyNode {
    /// A gateway that binds to all IPv4 addresses. Its locality is what its labels say: `istio-locality`, or those of
    /// Kubernetes' topology.
    pub fn gateway(name: impl Into<Name>, namespace: impl Into<Name>, labels: BTreeMap<String, String>) -> Self {
        let name = name.into();
        Self {
            id: name.clone(),
            service_account: name.clone(),
            name,
            namespace: namespace.into(),
            locality: locality::of_labels(&labels).into(),
            labels,
            kind: ProxyKind::Gateway,
            address: Ipv4Addr::UNSPECIFIED.into(),
            ip_addresses: Vec::new(),
            dns_capture: false,
        }
    }
}

impl ProxyNode {
    /// A sidecar of the workload at `ip_addresses`, whose listeners are on all IPv4 addresses.
    pub fn sidecar(
        name: impl Into<Name>,
        namespace: impl Into<Name>,
        labels: BTreeMap<String, String>,
        ip_addresses: Vec<IpAddr>,
    ) -> Self {
        Self { kind: ProxyKind::Sidecar, ip_addresses, ..Self::gateway(name, namespace, labels) }
    }
}

/// Whether `labels` have everything that `selector` asks for; an empty selector asks for nothing.
pub(crate) fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
