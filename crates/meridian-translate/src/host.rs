//! Host names with wildcards: `host`, `*.suffix` and `*`, as Istio compares them (`pkg/config/host`). All lowercase.

use meridian_ir::Name;

/// Whether every host that `a` stands for is one that `b` stands for.
pub(crate) fn is_subset(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (None, None) => a == b,
        (None, Some(b)) => a.ends_with(b),
        (Some(_), None) => false,
        (Some(a), Some(b)) => a.ends_with(b),
    }
}

/// Whether some host is among those of both (Istio's `host.Name.Matches`).
pub(crate) fn overlap(a: &str, b: &str) -> bool {
    is_subset(a, b) || is_subset(b, a)
}

/// A host of a Gateway's server, which may be reserved for the VirtualServices of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ServerHost {
    /// The namespace whose VirtualServices may bind; `None`: all.
    pub(crate) namespace: Option<Name>,
    /// The host, without the namespace.
    pub(crate) host: Name,
}

impl ServerHost {
    /// Takes `host`, `namespace/host`, `./host` or `*/host` apart; `own` is the Gateway's namespace.
    pub(crate) fn parse(text: &str, own: &Name) -> Self {
        let (namespace, host) = match text.split_once('/') {
            None | Some(("*", _)) => (None, text.rsplit('/').next().unwrap_or(text)),
            Some((".", host)) => (Some(own.clone()), host),
            Some((namespace, host)) => (Some(namespace.into()), host),
        };
        Self { namespace, host: host.to_ascii_lowercase().into() }
    }

    fn admits(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|only| only == namespace)
    }
}

/// The hosts at which a VirtualService of `namespace` with these `hosts` is served by a server with these hosts: of
/// each pair that overlaps, the narrower one.
pub(crate) fn intersection(server: &[ServerHost], hosts: &[Name], namespace: &str) -> Vec<Name> {
    let mut common: Vec<Name> = Vec::new();
    for server_host in server.iter().filter(|host| host.admits(namespace)) {
        for host in hosts {
            let narrower = if is_subset(&server_host.host, host) {
                &server_host.host
            } else if is_subset(host, &server_host.host) {
                host
            } else {
                continue;
            };
            if !common.contains(narrower) {
                common.push(narrower.clone());
            }
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str]) -> Vec<Name> {
        hosts.iter().map(|host| Name::from(*host)).collect()
    }

    #[test]
    fn the_narrower_host_is_served() {
        let own: Name = "default".into();
        for (server, hosts, namespace, expected) in [
            (&["*.example.com"][..], &["a.example.com"][..], "any", &["a.example.com"][..]),
            (&["a.example.com"], &["*.example.com"], "any", &["a.example.com"]),
            (&["foo.bar"], &["*"], "any", &["foo.bar"]),
            (&["*"], &["foo.bar", "*.com"], "any", &["foo.bar", "*.com"]),
            (&["foo.com", "*.net"], &["*.com", "bar.net"], "any", &["foo.com", "bar.net"]),
            (&["*.b.example.com"], &["*.example.com"], "any", &["*.b.example.com"]),
            (&["a.example.com"], &["b.example.com"], "any", &[]),
            (&["*.example.com"], &["example.com"], "any", &[]),
            (&["./a.com", "other/b.com", "*/c.com"], &["*"], "default", &["a.com", "c.com"]),
            (&["./a.com", "other/b.com", "*/c.com"], &["*"], "other", &["b.com", "c.com"]),
            (&["A.com"], &["a.com"], "any", &["a.com"]),
        ] {
            let server: Vec<_> = server.iter().map(|host| ServerHost::parse(host, &own)).collect();
            assert_eq!(intersection(&server, &names(hosts), namespace), names(expected), "{server:?} {hosts:?}");
        }
    }
}
