//! What a sidecar sees of the mesh: the parts of `Sidecar.egress`, or one part with everything.

use crate::host;
use crate::istio::sidecar;
use crate::proxy::node::ProxyNode;
use crate::registry::Registry;
use crate::registry::service::{ExportTo, Service, Source};
use meridian_ir::Name;
use meridian_resources::istio::Protocol;
use meridian_resources::istio::sidecar::{CaptureMode, EgressListener};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Egress {
    /// A port of its own; `None`: every port of the services, as far as no part before it has that port.
    pub(super) port: Option<OwnPort>,
    /// The address of its listeners, instead of those of the services.
    pub(super) bind: Option<IpAddr>,
    /// Whether its listeners are really bound: nothing is captured for them (`captureMode: NONE`).
    pub(super) bind_to_port: bool,
    pub(super) hosts: Hosts,
}

/// The port of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnPort {
    pub(super) number: u16,
    pub(super) protocol: Option<Protocol>,
}

impl Egress {
    /// Everything that the mesh exports.
    pub(super) fn everything() -> Self {
        Self { port: None, bind: None, bind_to_port: false, hosts: Hosts::everything() }
    }

    /// A part of a Sidecar for a proxy in namespace `own`; `None` when it is not supported, which its status says.
    pub(super) fn of_sidecar(listener: &EgressListener, own: &Name) -> Option<Self> {
        if sidecar::unsupported(listener).is_some() {
            return None;
        }
        let port = match &listener.port {
            None => None,
            Some(port) => {
                let number = u16::try_from(port.number).ok()?;
                Some(OwnPort { number, protocol: Protocol::parse(&port.protocol) })
            }
        };
        Some(Self {
            port,
            bind: listener.bind.parse().ok(),
            bind_to_port: listener.capture_mode == CaptureMode::None,
            hosts: Hosts::parse(listener.hosts.iter().map(String::as_str), own),
        })
    }

    /// Whether it has something to do with a port at all.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own.number == port)
    }
}

/// Which services and VirtualServices are imported, by the namespace that makes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hosts {
    /// Hosts by namespace; `*` is all namespaces.
    imported: HashMap<Name, Vec<Name>>,
    /// Those that are left out all the same (`~namespace/host`).
    excluded: HashMap<Name, Vec<Name>>,
}

/// All namespaces.
const ANY: &str = "*";
/// The beginning of a namespace whose hosts are left out.
const EXCLUDING: char = '~';

impl Hosts {
    fn everything() -> Self {
        Self { imported: [(ANY.into(), vec![ANY.into()])].into(), excluded: HashMap::new() }
    }

    /// Those of `Sidecar.egress[].hosts`, which are `namespace/host`; `own` is the namespace that `.` means.
    pub(super) fn parse<'t>(hosts: impl IntoIterator<Item = &'t str>, own: &Name) -> Self {
        let mut parsed = Self::default();
        for text in hosts {
            let Some((namespace, host)) = text.split_once('/') else { continue };
            let (list, namespace) = match namespace.strip_prefix(EXCLUDING) {
                Some("") => (&mut parsed.excluded, ANY),
                Some(namespace) => (&mut parsed.excluded, namespace),
                None => (&mut parsed.imported, namespace),
            };
            let namespace = if namespace == "." { own.clone() } else { namespace.into() };
            list.entry(namespace).or_default().push(host.to_ascii_lowercase().into());
        }
        parsed
    }

    /// Whether a service of `namespace` is imported.
    pub(super) fn imports_service(&self, namespace: &str, host: &str) -> bool {
        let covered = |own: &Name| host::is_subset(host, own);
        lists(&self.imported, namespace).any(covered) && !lists(&self.excluded, namespace).any(covered)
    }

    /// Whether a VirtualService of `namespace` is imported: one of its hosts overlaps what is.
    pub(super) fn imports_rule(&self, namespace: &str, hosts: &[Name]) -> bool {
        hosts.iter().any(|host| {
            lists(&self.imported, namespace).any(|own| host::overlap(host, own))
                && !lists(&self.excluded, namespace).any(|own| host::is_subset(host, own))
        })
    }
}

/// What is said of `namespace` and of all.
fn lists<'h>(hosts: &'h HashMap<Name, Vec<Name>>, namespace: &str) -> impl Iterator<Item = &'h Name> {
    let own = hosts.get(namespace).into_iter().flatten();
    own.chain(hosts.get(ANY).into_iter().flatten())
}

/// The services of `host` that `part` imports for `node`, oldest first. Of several namespaces that make one, that of the
/// proxy is taken, else the one that Kubernetes knows, else the oldest.
pub(super) fn services(part: &Egress, registry: &Registry, host: &str, node: &ProxyNode) -> Vec<Arc<Service>> {
    let imported = |service: &&Arc<Service>| {
        service.export_to.includes(&node.namespace)
            && part.hosts.imports_service(service.namespace(), &service.host)
            && part.port.is_none_or(|own| service.port(own.number).is_some())
    };
    let mut found: Vec<Arc<Service>> = registry.services(host).iter().filter(imported).cloned().collect();
    found.sort_by_key(|service| Order::of(service));
    let preferred = found
        .iter()
        .find(|service| *service.namespace() == node.namespace)
        .or_else(|| found.iter().find(|service| matches!(service.source, Source::Service(_))))
        .or_else(|| found.first());
    if let Some(namespace) = preferred.map(|service| service.namespace().clone()) {
        found.retain(|service| *service.namespace() == namespace);
    }
    found
}

/// Where a service stands among others that want the same: those that are for some namespaces only come first, then
/// the older, then by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    is_public: bool,
    created: i64,
    name: Name,
    namespace: Name,
}

impl Order {
    pub(super) fn of(service: &Service) -> Self {
        let meta = service.meta();
        let name = match &service.source {
            Source::Service(_) => meta.name.clone(),
            Source::ServiceEntry(_) => service.host.clone(),
        };
        let is_public = service.export_to == ExportTo::All;
        Self { is_public, created: meta.creation_seconds, name, namespace: meta.namespace.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_imported_by_namespace() {
        let own: Name = "own".into();
        for (hosts, namespace, host, service, rule) in [
            (&["*/*"][..], "any", "a.com", true, true),
            (&["./*"], "own", "a.com", true, true),
            (&["./*"], "other", "a.com", false, false),
            (&["~/*"], "own", "a.com", false, false),
            (&["*/a.com"], "any", "a.com", true, true),
            (&["*/a.com"], "any", "b.com", false, false),
            (&["other/*.com"], "other", "a.com", true, true),
            (&["other/*.com"], "own", "a.com", false, false),
            // A wildcard of a VirtualService overlaps a host that is imported; a wildcard service is not imported by it.
            (&["*/a.com"], "any", "*.com", false, true),
            (&["*/*", "~other/*"], "other", "a.com", false, false),
            (&["*/*", "~other/*"], "own", "a.com", true, true),
            (&["*/*", "~/b.com"], "own", "b.com", false, false),
        ] {
            let parsed = Hosts::parse(hosts.iter().copied(), &own);
            assert_eq!(parsed.imports_service(namespace, host), service, "{hosts:?} {namespace}/{host}");
            assert_eq!(parsed.imports_rule(namespace, &[host.into()]), rule, "{hosts:?} {namespace}/{host}");
        }
    }
}
