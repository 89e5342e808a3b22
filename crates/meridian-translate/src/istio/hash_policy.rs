//! What of a request decides about its endpoint (`loadBalancer.consistentHash`).

use meridian_ir::Name;
use meridian_ir::hash_policy::HashPolicy;
use meridian_resources::istio::destination_rule::{ConsistentHashLb, LoadBalancerSettings};

/// The source of the hash that `settings` ask for; `None` when requests are not balanced by hash, or when nothing is
/// hashed, so that endpoints are chosen at random.
pub(crate) fn compile(settings: Option<&LoadBalancerSettings>) -> Option<HashPolicy> {
    let ConsistentHashLb { http_cookie, http_header_name, http_query_parameter_name, use_source_ip, .. } =
        settings?.consistent_hash.as_ref()?;
    if let Some(header) = http_header_name {
        return Some(HashPolicy::Header(header.to_ascii_lowercase().into()));
    }
    if let Some(cookie) = http_cookie {
        let attributes = cookie.attributes.iter();
        return Some(HashPolicy::Cookie {
            name: cookie.name.as_str().into(),
            path: cookie.path.as_str().into(),
            ttl: cookie.ttl.map(|ttl| ttl.to_std()),
            attributes: attributes.map(|a| (Name::from(a.name.as_str()), Name::from(a.value.as_str()))).collect(),
        });
    }
    if *use_source_ip == Some(true) {
        return Some(HashPolicy::SourceIp);
    }
    http_query_parameter_name.as_ref().map(|name| HashPolicy::Query(name.as_str().into()))
}
