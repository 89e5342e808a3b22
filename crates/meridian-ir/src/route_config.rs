//! A route configuration: virtual hosts, found by the request's host.

use crate::{Name, VirtualHost};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Virtual hosts with an index over their domains.
#[derive(Debug, Clone)]
pub struct RouteConfig {
    /// `http.8080`, `https.443.https.gateway.namespace`.
    pub name: Name,
    /// In the order in which they claim domains: a domain belongs to the first virtual host that has it. To be read
    /// only: the index points into it.
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
    index: Arc<HostIndex>,
}

/// Where a domain's virtual host stands in [`RouteConfig::virtual_hosts`]. Keys are bytes, because hosts of requests
/// are, and lowercase.
#[derive(Debug, Default)]
struct HostIndex {
    exact: HashMap<Arc<[u8]>, u32>,
    /// `.example.com` of `*.example.com`
    suffixes: Wildcards,
    /// `api.` of `api.*`
    prefixes: Wildcards,
    any: Option<u32>,
}

/// The fixed parts of wildcard domains.
#[derive(Debug, Default)]
struct Wildcards {
    hosts: HashMap<Box<[u8]>, u32>,
    /// Distinct lengths of the fixed parts, longest first.
    lengths: Vec<usize>,
}

impl RouteConfig {
    /// Indexes `virtual_hosts` by their domains (lowercase: `host`, `*.suffix`, `prefix.*` or `*`). A domain that an
    /// earlier virtual host has already claimed stays with it.
    pub fn new(name: impl Into<Name>, virtual_hosts: Vec<Arc<VirtualHost>>) -> Self {
        let index = Arc::new(HostIndex::new(&virtual_hosts));
        Self { name: name.into(), virtual_hosts, index }
    }

    /// This configuration with other virtual hosts. When their domains are the same in the same order, as after a
    /// change of routes, the index is shared rather than built again.
    pub fn with_virtual_hosts(&self, virtual_hosts: Vec<Arc<VirtualHost>>) -> Self {
        let same_domains = self.virtual_hosts.len() == virtual_hosts.len()
            && std::iter::zip(&self.virtual_hosts, &virtual_hosts)
                .all(|(old, new)| Arc::ptr_eq(old, new) || old.domains == new.domains);
        if same_domains {
            return Self { name: self.name.clone(), virtual_hosts, index: self.index.clone() };
        }
        Self::new(self.name.clone(), virtual_hosts)
    }

    /// The virtual host for a request's Host or `:authority`, as Envoy finds it under `ignore_port_in_host_matching`:
    /// without its port and without case, first by the whole name, then by the longest `*.suffix`, then by the longest
    /// `prefix.*`, then `*`. A wildcard stands for at least one character, and a trailing dot is part of the name.
    pub fn virtual_host(&self, authority: &[u8]) -> Option<&Arc<VirtualHost>> {
        let host = without_port(authority);
        let found = if host.iter().any(u8::is_ascii_uppercase) {
            let mut lowercase: SmallVec<[u8; 256]> = SmallVec::from_slice(host);
            lowercase.make_ascii_lowercase();
            self.index.find(&lowercase)
        } else {
            self.index.find(host)
        };
        found.map(|position| &self.virtual_hosts[position as usize])
    }
}

impl HostIndex {
    fn new(virtual_hosts: &[Arc<VirtualHost>]) -> Self {
        let mut index = Self::default();
        index.exact.reserve(virtual_hosts.len());
        for (position, virtual_host) in std::iter::zip(0u32.., virtual_hosts) {
            for domain in &virtual_host.domains {
                index.claim(domain, position);
            }
        }
        index.suffixes.sort();
        index.prefixes.sort();
        index
    }

    fn claim(&mut self, domain: &Name, position: u32) {
        if &**domain == "*" {
            self.any.get_or_insert(position);
        } else if let Some(suffix) = domain.strip_prefix('*') {
            self.suffixes.hosts.entry(suffix.as_bytes().into()).or_insert(position);
        } else if let Some(prefix) = domain.strip_suffix('*') {
            self.prefixes.hosts.entry(prefix.as_bytes().into()).or_insert(position);
        } else {
            self.exact.entry(Arc::<[u8]>::from(domain.clone())).or_insert(position);
        }
    }

    fn find(&self, host: &[u8]) -> Option<u32> {
        (self.exact.get(host).copied())
            .or_else(|| self.suffixes.find(host, |length| &host[host.len() - length..]))
            .or_else(|| self.prefixes.find(host, |length| &host[..length]))
            .or(self.any)
    }
}

impl Wildcards {
    fn sort(&mut self) {
        self.lengths = self.hosts.keys().map(|fixed| fixed.len()).collect();
        self.lengths.sort_unstable_by(|a, b| b.cmp(a));
        self.lengths.dedup();
    }

    fn find<'h>(&self, host: &[u8], fixed_part: impl Fn(usize) -> &'h [u8]) -> Option<u32> {
        let shorter = self.lengths.iter().filter(|length| **length < host.len());
        shorter.into_iter().find_map(|length| self.hosts.get(fixed_part(*length)).copied())
    }
}

/// The host of an authority: what stands before the last colon, unless that colon is inside the brackets of an IPv6
/// address (Envoy's `HeaderUtility::getPortStart`).
pub fn without_port(authority: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', authority) {
        Some(colon) if memchr::memchr(b']', &authority[colon..]).is_none() => &authority[..colon],
        _ => authority,
    }
}

impl PartialEq for RouteConfig {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.virtual_hosts == other.virtual_hosts
    }
}
