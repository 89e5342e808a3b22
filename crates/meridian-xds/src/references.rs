//! What the resources of a configuration refer to by name, and a proxy therefore asks for.

use crate::tls::REFUSED_CERTIFICATE;
use meridian_ir::filter_chain::Filters;
use meridian_ir::http::RouteSource;
use meridian_ir::{FilterChain, Name, ProxyConfig};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The SDS names that chains and clusters refer to, with those of files.
pub fn secrets(config: &ProxyConfig) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for tls in chains(config).filter_map(|chain| chain.tls.as_ref()) {
        names.extend(tls.certificates.iter().map(|name| &**name));
        if tls.certificates.is_empty() {
            names.insert(REFUSED_CERTIFICATE);
        }
        names.extend(tls.client_auth.validation().and_then(|validation| validation.authority.as_deref()));
    }
    for tls in config.clusters.values().flat_map(|cluster| cluster.tls.iter().chain(&cluster.auto_tls)) {
        names.extend(tls.certificate.as_deref());
        names.extend(tls.validation.authority.as_deref());
    }
    names
}

/// The route configurations that chains refer to.
pub fn routes(config: &ProxyConfig) -> BTreeSet<&Name> {
    chains(config).filter_map(|chain| routes_of(chain)).collect()
}

fn routes_of(chain: &FilterChain) -> Option<&Name> {
    match &chain.filters {
        Filters::Http(manager) => match &manager.routes {
            RouteSource::Named(name) => Some(name),
            RouteSource::Inline(_) => None,
        },
        Filters::Tcp(_) => None,
    }
}

fn chains(config: &ProxyConfig) -> impl Iterator<Item = &Arc<FilterChain>> {
    config.listeners.values().flat_map(|listener| listener.chains.iter().chain(&listener.default_chain))
}
