//! Which hosts there are, who sees them, and what a short name means.

use crate::objects::Objects;
use std::collections::BTreeMap;

/// The domain of Services.
const DOMAIN: &str = "cluster.local";

/// A short name with the namespace and domain of Services; others stay.
pub(crate) fn qualified(namespace: &str, host: &str) -> String {
    if host.starts_with('*') || host.contains('.') {
        host.to_owned()
    } else {
        format!("{host}.{namespace}.svc.{DOMAIN}")
    }
}

/// `namespace/name` of the Service that a host means, or of the host itself where it means none.
pub(crate) fn service_name(namespace: &str, host: &str) -> (String, String) {
    let full = host.strip_suffix(&format!(".svc.{DOMAIN}")).and_then(|rest| rest.rsplit_once('.'));
    match full {
        Some((name, own)) if !name.contains('.') => (own.to_owned(), name.to_owned()),
        _ => (namespace.to_owned(), host.to_owned()),
    }
}

/// Whether `wider` covers `host`; a wildcard in either place covers what ends like it.
pub(crate) fn covers(wider: &str, host: &str) -> bool {
    match (wider.strip_prefix('*'), host.strip_prefix('*')) {
        (None, None) => wider == host,
        (Some(wider), None) => host.ends_with(wider),
        (None, Some(host)) => wider.ends_with(host),
        (Some(wider), Some(host)) => host.ends_with(wider) || wider.ends_with(host),
    }
}

/// All hosts that destinations may name, with the ports of each, by the namespace that sees them (`*`: all).
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    ports: BTreeMap<(String, String), Vec<u32>>,
}

impl Hosts {
    pub(crate) fn new(objects: &Objects) -> Self {
        let mut hosts = Self::default();
        for entry in objects.service_entries.values() {
            let ports: Vec<u32> = entry.spec.ports.iter().map(|port| port.number).collect();
            for scope in scopes(&entry.spec.export_to, &entry.meta.namespace) {
                for host in &entry.spec.hosts {
                    let host = qualified(&entry.meta.namespace, host);
                    hosts.ports.insert((scope.clone(), host), ports.clone());
                }
            }
        }
        for service in objects.services.values() {
            let export = service.meta.annotations.get("networking.istio.io/exportTo").map_or("", String::as_str);
            let export: Vec<String> =
                export.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
            let host = qualified(&service.meta.namespace, &service.meta.name);
            let ports: Vec<u32> = service.spec.ports.iter().filter_map(|port| u32::try_from(port.port).ok()).collect();
            for scope in scopes(&export, &service.meta.namespace) {
                hosts.ports.insert((scope, host.clone()), ports.clone());
            }
        }
        hosts
    }

    /// The ports of `host` as an object in `namespace` with this `exportTo` means it.
    pub(crate) fn ports(&self, namespace: &str, export_to: &[String], host: &str) -> Option<&[u32]> {
        let host = qualified(namespace, host);
        let own = if export_to.is_empty() { vec![namespace.to_owned()] } else { scopes(export_to, namespace) };
        let mut visible = std::iter::once("*".to_owned()).chain(own);
        let exact = visible.find_map(|scope| self.ports.get(&(scope, host.clone())));
        let wildcard = || {
            let found = self.ports.iter().find(|((scope, wide), _)| {
                (scope == "*" || scope == namespace)
                    && wide.strip_prefix('*').is_some_and(|suffix| host.trim_start_matches('*').ends_with(suffix))
            });
            found.map(|(_, ports)| ports)
        };
        exact.or_else(wildcard).map(Vec::as_slice)
    }
}

/// The namespaces that see an object with this `exportTo`; `*` stands for all of them.
pub(crate) fn scopes(export_to: &[String], namespace: &str) -> Vec<String> {
    if export_to.is_empty() || export_to.iter().any(|scope| scope == "*") {
        return vec!["*".to_owned()];
    }
    let own = |scope: &String| if scope == "." { namespace.to_owned() } else { scope.clone() };
    export_to.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_services_of_the_namespace() {
        assert_eq!(qualified("a", "b"), "b.a.svc.cluster.local");
        assert_eq!(qualified("a", "b.com"), "b.com");
        assert_eq!(service_name("a", "b"), ("a".into(), "b".into()));
        assert_eq!(service_name("a", "b.c.svc.cluster.local"), ("c".into(), "b".into()));
    }

    #[test]
    fn wildcards_cover_what_ends_like_them() {
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("*", "a"));
        assert!(covers("a.example.com", "*.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("a.com", "b.com"));
    }
}
