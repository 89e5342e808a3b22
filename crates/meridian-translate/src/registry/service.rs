//! One service of the registry: a host name, its ports, and how its endpoints are found.

use crate::key::Age;
use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use ipnet::IpNet;
use meridian_ir::cluster::{Discovery, ServiceName};
use meridian_ir::{Name, Origin};
use meridian_resources::core::service::ServiceType;
use meridian_resources::core::{self, Protocol as Transport};
use meridian_resources::istio::service_entry::{ServiceEntryLocation, ServiceEntryResolution};
use meridian_resources::istio::{Protocol, ServiceEntry};
use meridian_resources::{IntOrString, Object};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// The annotation of Services that has the place of `exportTo`.
const EXPORT_TO_ANNOTATION: &str = "networking.istio.io/exportTo";

/// The label that keeps a gateway's ports as its Gateways write them.
const DISABLE_PORT_TRANSLATION_LABEL: &str = "experimental.istio.io/disable-gateway-port-translation";

/// One service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its host name, lowercase; may be a wildcard.
    pub(crate) host: Name,
    pub(crate) ports: Vec<Port>,
    /// Those of UDP, which only routes of Gateway API lead to.
    pub(crate) udp_ports: Vec<Port>,
    pub(crate) discovery: Discovery,
    pub(crate) export_to: ExportTo,
    /// The host that it is another name for (a Service of type `ExternalName`): it has no cluster of its own.
    pub(crate) alias: Option<Name>,
    /// Its virtual addresses (a single address is the longest prefix); none for what is told apart by names only.
    pub(crate) addresses: Vec<IpNet>,
    /// Addresses that were allocated to it because it has none of its own; only proxies that answer for names use them.
    pub(crate) automatic: Vec<IpAddr>,
    /// Whether clients choose among its endpoints' own addresses: a headless Service, resolution `NONE`. Sidecars send
    /// to where the client was going.
    pub(crate) passthrough: bool,
    pub(crate) age: Age,
    pub(crate) source: Source,
    /// The services that were put together in this one, which is the first of them; empty when it stands for itself.
    pub(crate) members: Vec<Arc<Service>>,
}

/// The object that a service was made from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Service(Arc<Object<core::Service>>),
    ServiceEntry(Arc<Object<ServiceEntry>>),
}

/// One port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) name: Name,
    /// What is spoken on it, as its `appProtocol`, protocol or name says; `None`: nobody says.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) target: TargetPort,
}

/// The port of the endpoints, where they do not say themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetPort {
    Number(u16),
    /// The name of a container's port.
    Name(Name),
}

/// Which namespaces see an object (`exportTo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExportTo {
    All,
    Only(Vec<Name>),
}

impl ExportTo {
    /// Those of `list`, or else of the mesh's `default`.
    pub(crate) fn or_default<'t>(list: impl IntoIterator<Item = &'t str>, default: &'t [Name], own: &Name) -> Self {
        let list: Vec<&str> = list.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect();
        match list.is_empty() {
            true => Self::new(default.iter().map(|item| &**item), own),
            false => Self::new(list, own),
        }
    }

    /// `.` is the `own` namespace, `*` all, `~` none; nothing at all is all.
    pub(crate) fn new<'t>(list: impl IntoIterator<Item = &'t str>, own: &Name) -> Self {
        let mut only = Vec::new();
        let mut empty = true;
        for item in list.into_iter().map(str::trim).filter(|item| !item.is_empty()) {
            empty = false;
            match item {
                "*" => return Self::All,
                "~" => {}
                "." => only.push(own.clone()),
                namespace => only.push(namespace.into()),
            }
        }
        if empty { Self::All } else { Self::Only(only) }
    }

    /// Whether `namespace` sees the object.
    pub(crate) fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(namespaces) => namespaces.iter().any(|only| **only == *namespace),
        }
    }
}

impl Service {
    /// The service of a Kubernetes Service; `None` for one that stands for an external name and does not say which.
    pub(crate) fn of_service(object: &Arc<Object<core::Service>>, mesh: &MeshConfig) -> Option<Self> {
        let is_alias = object.spec.type_ == ServiceType::ExternalName;
        let target = object.spec.external_name.trim_end_matches('.');
        if is_alias && target.is_empty() {
            return None;
        }
        let meta = &object.meta;
        let read = |port: &core::service::ServicePort| {
            let number = u16::try_from(port.port).ok()?;
            let target = match &port.target_port {
                Some(IntOrString::Int(target)) if *target != 0 => TargetPort::Number(u16::try_from(*target).ok()?),
                Some(IntOrString::String(name)) => match name.parse() {
                    Ok(number) => TargetPort::Number(number),
                    Err(_) => TargetPort::Name(name.as_str().into()),
                },
                _ => TargetPort::Number(number),
            };
            let protocol = protocol(port.app_protocol.as_deref(), &port.name).or_else(|| server_first(number));
            Some(Port { number, name: port.name.as_str().into(), protocol, target })
        };
        let of = |transport: Transport| object.spec.ports.iter().filter(move |port| port.protocol == transport);
        let export_to = meta.annotations.get(EXPORT_TO_ANNOTATION).map_or("", String::as_str);
        Some(Self {
            host: mesh.service_host(&meta.name, &meta.namespace).to_ascii_lowercase().into(),
            ports: of(Transport::Tcp).filter_map(read).collect(),
            udp_ports: of(Transport::Udp).filter_map(read).collect(),
            discovery: Discovery::Eds,
            export_to: ExportTo::or_default(export_to.split(','), &mesh.default_export_to.services, &meta.namespace),
            alias: is_alias.then(|| target.to_ascii_lowercase().into()),
            addresses: cluster_addresses(&object.spec),
            automatic: Vec::new(),
            passthrough: object.spec.cluster_ip == HEADLESS,
            age: Age::of(meta),
            source: Source::Service(object.clone()),
            members: Vec::new(),
        })
    }

    /// The services of a ServiceEntry, one for each host.
    pub(crate) fn of_service_entry(object: &Arc<Object<ServiceEntry>>, mesh: &MeshConfig) -> Vec<Self> {
        let meta = &object.meta;
        let ports: Vec<Port> = (object.spec.ports.iter())
            .filter_map(|port| {
                let number = u16::try_from(port.number).ok()?;
                let target = u16::try_from(port.target_port).ok().filter(|target| *target != 0).unwrap_or(number);
                let protocol = Protocol::parse(&port.protocol).or_else(|| server_first(number));
                let name = port.name.as_str().into();
                Some(Port { number, name, protocol, target: TargetPort::Number(target) })
            })
            .collect();
        let discovery = match object.spec.resolution {
            ServiceEntryResolution::None | ServiceEntryResolution::Static => Discovery::Eds,
            ServiceEntryResolution::Dns => Discovery::StrictDns,
            ServiceEntryResolution::DnsRoundRobin => Discovery::LogicalDns,
            ServiceEntryResolution::DynamicDns => Discovery::DynamicForward,
        };
        let addresses: Vec<IpNet> = object.spec.addresses.iter().filter_map(|text| virtual_address(text)).collect();
        let written = object.spec.export_to.iter().map(String::as_str);
        let export_to = ExportTo::or_default(written, &mesh.default_export_to.services, &meta.namespace);
        let of_host = |host: &String| Self {
            host: host.to_ascii_lowercase().into(),
            ports: ports.clone(),
            udp_ports: Vec::new(),
            discovery,
            export_to: export_to.clone(),
            alias: None,
            addresses: addresses.clone(),
            automatic: if addresses.is_empty() { automatic(object, host) } else { Vec::new() },
            passthrough: object.spec.resolution == ServiceEntryResolution::None,
            age: Age::of(meta),
            source: Source::ServiceEntry(object.clone()),
            members: Vec::new(),
        };
        object.spec.hosts.iter().map(of_host).collect()
    }

    /// Whether routes and clusters cannot tell the two apart; their endpoints may differ.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.host == other.host
            && self.ports == other.ports
            && self.udp_ports == other.udp_ports
            && self.discovery == other.discovery
            && self.export_to == other.export_to
            && self.alias == other.alias
            && self.addresses == other.addresses
            && self.automatic == other.automatic
            && self.passthrough == other.passthrough
            && self.age == other.age
            && self.kind() == other.kind()
            && self.is_external() == other.is_external()
            && self.disables_port_translation() == other.disables_port_translation()
    }

    /// Its virtual addresses for a proxy: its own, or else those that were allocated to it, of the proxy's families,
    /// where the proxy is asked for names.
    pub(crate) fn virtual_addresses(&self, node: &ProxyNode) -> Cow<'_, [IpNet]> {
        if !self.addresses.is_empty() || !node.dns_capture {
            return Cow::Borrowed(&self.addresses);
        }
        let of_family = |address: &&IpAddr| match node.ip_addresses.is_empty() {
            true => address.is_ipv4(),
            false => node.ip_addresses.iter().any(|own| own.is_ipv4() == address.is_ipv4()),
        };
        Cow::Owned(self.automatic.iter().filter(of_family).map(|address| IpNet::from(*address)).collect())
    }

    /// Whether Istio makes one service of the two, which have the same host: both of ServiceEntries of one namespace
    /// that differ in their ports, endpoints and addresses only.
    pub(crate) fn merges_with(&self, other: &Self) -> bool {
        let (Source::ServiceEntry(own), Source::ServiceEntry(others)) = (&self.source, &other.source) else {
            return false;
        };
        own.meta.namespace == others.meta.namespace
            && own.spec.resolution == others.spec.resolution
            && own.meta.labels == others.meta.labels
            && own.spec.workload_selector == others.spec.workload_selector
            && self.export_to == other.export_to
    }

    /// This service with the ports of another, as far as it has not its own of that number.
    pub(crate) fn merged_with(self: &Arc<Self>, other: &Arc<Self>) -> Self {
        let mut members = if self.members.is_empty() { vec![self.clone()] } else { self.members.clone() };
        members.push(other.clone());
        let more = other.ports.iter().filter(|port| self.port(port.number).is_none());
        Self {
            host: self.host.clone(),
            ports: self.ports.iter().chain(more).cloned().collect(),
            udp_ports: Vec::new(),
            discovery: self.discovery,
            export_to: self.export_to.clone(),
            alias: None,
            addresses: distinct(&self.addresses, &other.addresses),
            automatic: distinct(&self.automatic, &other.automatic),
            passthrough: self.passthrough,
            age: self.age.clone(),
            source: self.source.clone(),
            members,
        }
    }

    /// The namespace of the object that made it.
    pub(crate) fn namespace(&self) -> &Name {
        &self.meta().namespace
    }

    /// Metadata of the object that made it.
    pub(crate) fn meta(&self) -> &meridian_resources::Meta {
        match &self.source {
            Source::Service(object) => &object.meta,
            Source::ServiceEntry(object) => &object.meta,
        }
    }

    /// Kind of the object that made it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.source {
            Source::Service(_) => "Service",
            Source::ServiceEntry(_) => "ServiceEntry",
        }
    }

    /// The object that made it.
    pub(crate) fn origin(&self) -> Origin {
        let meta = self.meta();
        Origin { kind: self.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() }
    }

    /// What metrics call it: a Service by its name, a ServiceEntry's by its host.
    pub(crate) fn name_for_metrics(&self) -> ServiceName {
        let name = match &self.source {
            Source::Service(object) => object.meta.name.clone(),
            Source::ServiceEntry(_) => self.host.clone(),
        };
        ServiceName { host: self.host.clone(), name, namespace: self.namespace().clone() }
    }

    /// Whether it is outside the mesh: its workloads have no part in the mesh's mutual TLS.
    pub(crate) fn is_external(&self) -> bool {
        match &self.source {
            Source::Service(_) => false,
            Source::ServiceEntry(object) => object.spec.location == ServiceEntryLocation::MeshExternal,
        }
    }

    /// Whether gateways that it leads to listen on the ports that their Gateways write, not on its target ports.
    pub(crate) fn disables_port_translation(&self) -> bool {
        self.meta().labels.contains_key(DISABLE_PORT_TRANSLATION_LABEL)
    }

    /// The port of this number.
    pub(crate) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// `8000 (http), 9000 (grpc)`, for messages.
    pub(crate) fn list_ports(&self) -> String {
        let one = |port: &Port| match &*port.name {
            "" => port.number.to_string(),
            name => format!("{} ({name})", port.number),
        };
        match &self.ports[..] {
            [] => "none".into(),
            ports => ports.iter().map(one).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Everything in `a` and `b`, once.
fn distinct<T: Copy + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
    let more = b.iter().filter(|one| !a.contains(one));
    a.iter().chain(more).copied().collect()
}

/// What `clusterIP` says of a Service without virtual address.
const HEADLESS: &str = "None";

/// The virtual addresses of a Kubernetes Service.
fn cluster_addresses(spec: &core::Service) -> Vec<IpNet> {
    let mut addresses: Vec<IpNet> = Vec::new();
    for text in std::iter::once(&spec.cluster_ip).chain(&spec.cluster_ips) {
        addresses.extend(text.parse::<IpAddr>().ok().map(IpNet::from).filter(|address| !addresses.contains(address)));
    }
    addresses
}

/// The addresses that were allocated to a host of a ServiceEntry (`status.addresses`).
fn automatic(object: &Object<ServiceEntry>, host: &str) -> Vec<IpAddr> {
    let of_host = object.status.addresses.iter().filter(|address| address.host == host);
    of_host.filter_map(|address| address.value.parse().ok()).collect()
}

/// An address or a range of a ServiceEntry, without the bits that say nothing.
fn virtual_address(text: &str) -> Option<IpNet> {
    let range: Option<IpNet> = text.parse().ok();
    range.map(|range| range.trunc()).or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Plain TCP for ports on which servers speak first where nobody says what is spoken there: looking for HTTP would wait
/// for a client that waits itself. SMTP, DNS, MySQL and MongoDB, as in Istio.
fn server_first(port: u16) -> Option<Protocol> {
    matches!(port, 25 | 53 | 3306 | 27017).then_some(Protocol::Tcp)
}

/// The protocol that `appProtocol`, or else the port's name up to its first hyphen, stands for.
fn protocol(app_protocol: Option<&str>, name: &str) -> Option<Protocol> {
    match app_protocol {
        Some("kubernetes.io/h2c") => return Some(Protocol::Http2),
        Some("kubernetes.io/ws") => return Some(Protocol::Http),
        Some("kubernetes.io/wss") => return Some(Protocol::Https),
        _ => {}
    }
    let name = app_protocol.unwrap_or(name).to_ascii_lowercase();
    if name.starts_with("grpc-web") {
        return Some(Protocol::GrpcWeb);
    }
    Protocol::parse(name.split('-').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_to_names_namespaces() {
        let own: Name = "own".into();
        for (list, sees_own, sees_other) in [
            (&[][..], true, true),
            (&["*"], true, true),
            (&["."], true, false),
            (&["other", "third"], false, true),
            (&["~"], false, false),
        ] {
            let export_to = ExportTo::new(list.iter().copied(), &own);
            assert_eq!((export_to.includes("own"), export_to.includes("other")), (sees_own, sees_other), "{list:?}");
        }
    }

    #[test]
    fn protocols_are_in_names() {
        for (app_protocol, name, expected) in [
            (None, "http2", Some(Protocol::Http2)),
            (None, "grpc-web", Some(Protocol::GrpcWeb)),
            (None, "GRPC-a", Some(Protocol::Grpc)),
            (None, "http-web", Some(Protocol::Http)),
            (None, "web", None),
            (None, "", None),
            (Some("kubernetes.io/h2c"), "http", Some(Protocol::Http2)),
            (Some("kubernetes.io/ws"), "grpc", Some(Protocol::Http)),
            (Some("grpc"), "http", Some(Protocol::Grpc)),
            (Some("mine.example.com/x"), "http2", None),
        ] {
            assert_eq!(protocol(app_protocol, name), expected, "{app_protocol:?} {name}");
        }
    }
}
