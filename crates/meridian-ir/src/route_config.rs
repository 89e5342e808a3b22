//! A route configuration: virtual hosts, found by the request's host.

mod host_index;
#[cfg(test)]
mod tests;

use crate::{Name, Paged, VirtualHost};
use host_index::HostIndex;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Virtual hosts with an index over their domains.
#[derive(Debug, Clone)]
pub struct RouteConfig {
    /// `http.8080`, `https.443.https.gateway.namespace`.
    pub name: Name,
    /// In the order in which they claim domains: a domain belongs to the first virtual host that has it. To be read
    /// only: the index points into it.
    pub virtual_hosts: Paged<Arc<VirtualHost>>,
    index: Arc<HostIndex>,
}

impl RouteConfig {
    /// Indexes `virtual_hosts` by their domains (lowercase: `host`, `*.suffix`, `prefix.*` or `*`). A domain that an
    /// earlier virtual host has already claimed stays with it.
    pub fn new(name: impl Into<Name>, virtual_hosts: Vec<Arc<VirtualHost>>) -> Self {
        let virtual_hosts = Paged::from(virtual_hosts);
        let index = Arc::new(HostIndex::new(&virtual_hosts));
        Self { name: name.into(), virtual_hosts, index }
    }

    /// This configuration with other virtual hosts, all of which are given. Its index is made of the present one: it is
    /// the same when the domains are, as after a change of routes, and follows when a few virtual hosts come or go. That
    /// takes least when both lists are sorted by name.
    pub fn with_virtual_hosts(&self, virtual_hosts: &[Arc<VirtualHost>]) -> Self {
        self.with_list(self.virtual_hosts.with(virtual_hosts))
    }

    /// This configuration after changes of virtual hosts, by name: other ones, or none any more. Its virtual hosts must
    /// be sorted by name.
    pub fn with_changes(&self, changes: &BTreeMap<Name, Option<Arc<VirtualHost>>>) -> Self {
        self.with_list(self.virtual_hosts.changed(changes, |virtual_host| &virtual_host.name))
    }

    fn with_list(&self, virtual_hosts: Paged<Arc<VirtualHost>>) -> Self {
        let index = HostIndex::followed(&self.index, &self.virtual_hosts, &virtual_hosts);
        Self { name: self.name.clone(), virtual_hosts, index }
    }

    /// The virtual host of a name, of a configuration whose virtual hosts are sorted by name.
    pub fn named(&self, name: &str) -> Option<&Arc<VirtualHost>> {
        self.virtual_hosts.search_by(|virtual_host| (*virtual_host.name).cmp(name))
    }

    /// The virtual host for a request's Host or `:authority`, as Envoy finds it under `ignore_port_in_host_matching`:
    /// without its port and without case, first by the whole name, then by the longest `*.suffix`, then by the longest
    /// `prefix.*`, then `*`. A wildcard stands for at least one character, and a trailing dot is part of the name.
    pub fn virtual_host(&self, authority: &[u8]) -> Option<&Arc<VirtualHost>> {
        self.virtual_hosts.get(self.position(authority)?)
    }

    /// Where the virtual host for an authority stands; see [`Self::virtual_host`].
    pub fn position(&self, authority: &[u8]) -> Option<usize> {
        let host = without_port(authority);
        let found = if host.iter().any(u8::is_ascii_uppercase) {
            let mut lowercase: SmallVec<[u8; 256]> = SmallVec::from_slice(host);
            lowercase.make_ascii_lowercase();
            self.index.find(&self.virtual_hosts, &lowercase)
        } else {
            self.index.find(&self.virtual_hosts, host)
        };
        found.map(|position| position as usize)
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
