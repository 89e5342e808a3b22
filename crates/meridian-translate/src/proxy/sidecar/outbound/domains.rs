//! The names by which a service is asked for over HTTP and TLS: the domains of its virtual host.

use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use crate::registry::service::{Service, Source};
use meridian_ir::Name;
use std::net::IpAddr;

/// The domains of one service's virtual host.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Domains {
    /// In Istio's order, and whether each is a shorter or longer form of the service's own name, which gives way to a
    /// service that really is called so.
    pub(super) all: Vec<(Name, bool)>,
}

impl Domains {
    /// Those of `service`, to which `aliases` are other names (Services of type `ExternalName`).
    pub(super) fn of(service: &Service, aliases: &[Name], node: &ProxyNode, mesh: &MeshConfig) -> Self {
        let mut all: Vec<(Name, bool)> = Vec::new();
        for host in std::iter::once(&service.host).chain(aliases) {
            all.push((bracketed(host), false));
            all.extend(other_forms(host, node, mesh).into_iter().map(|name| (name, true)));
        }
        if service.passthrough && matches!(service.source, Source::Service(_)) {
            // The pods of a headless Service have names of their own below it.
            let pods: Vec<_> = all.iter().map(|(name, form)| (Name::from(format!("*.{name}")), *form)).collect();
            all.extend(pods);
        }
        let addresses = service.virtual_addresses(node);
        let single = addresses.iter().filter(|range| range.prefix_len() == range.max_prefix_len());
        all.extend(single.map(|range| (bracketed(&range.addr().to_string()), false)));
        Self { all }
    }
}

/// `host` as a Host header writes it: IPv6 addresses in brackets.
fn bracketed(host: &str) -> Name {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]").into(),
        _ => host.into(),
    }
}

/// The absolute form with a dot at the end, and for a Service of Kubernetes the short forms that the search domains of
/// the proxy's namespace complete: `svc` in its own namespace, `svc.ns` and `svc.ns.svc`.
pub(super) fn other_forms(host: &str, node: &ProxyNode, mesh: &MeshConfig) -> Vec<Name> {
    if host.parse::<IpAddr>().is_ok() {
        return Vec::new();
    }
    let mut forms: Vec<Name> = vec![format!("{host}.").into()];
    let suffix = format!(".svc.{}", mesh.cluster_domain);
    let Some(short) = host.strip_suffix(&suffix).filter(|_| !mesh.cluster_domain.is_empty()) else { return forms };
    let Some((name, namespace)) = short.split_once('.') else { return forms };
    if *namespace == *node.namespace {
        forms.push(name.into());
    }
    forms.push(format!("{short}.svc").into());
    forms.push(short.into());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn short_forms_depend_on_the_namespace() {
        let mesh = MeshConfig::default();
        let node = ProxyNode::sidecar("client", "default", BTreeMap::new(), Vec::new());
        let forms = |host: &str| other_forms(host, &node, &mesh).join(" ");
        assert_eq!(forms("a.default.svc.cluster.local"), "a.default.svc.cluster.local. a a.default.svc a.default");
        assert_eq!(forms("a.other.svc.cluster.local"), "a.other.svc.cluster.local. a.other.svc a.other");
        assert_eq!(forms("a.example.com"), "a.example.com.");
        assert_eq!(forms("10.0.0.1"), "");
    }
}
