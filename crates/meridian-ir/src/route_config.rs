//! A route configuration: virtual hosts, found by the request's host.

use crate::{Name, VirtualHost};
use std::collections::HashMap;
use std::sync::Arc;

/// Virtual hosts with an index over their domains.
#[derive(Debug, Clone)]
pub struct RouteConfig {
    /// `http.8080`, `https.443.https.gateway.namespace`.
    pub name: Name,
    /// Sorted by name; a domain belongs to one of them (the first that claims it keeps it).
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
    index: HostIndex,
}

/// Where a domain's virtual host stands in [`RouteConfig::virtual_hosts`].
#[derive(Debug, Clone, Default)]
struct HostIndex {
    exact: HashMap<Name, u32>,
    /// `.suffix` of `*.suffix`
    suffix: HashMap<Name, u32>,
    /// Lengths of the suffixes, longest first.
    suffix_lengths: Vec<usize>,
    /// `prefix.` of `prefix.*`
    prefix: HashMap<Name, u32>,
    prefix_lengths: Vec<usize>,
    any: Option<u32>,
}

impl PartialEq for RouteConfig {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.virtual_hosts == other.virtual_hosts
    }
}
