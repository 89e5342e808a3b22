//! Envoy's attributes: which there are.

use crate::Value;

/// Where the attributes of a request or connection come from.
pub trait Attributes {
    /// The attribute at a path, such as `["request", "headers", "user-agent"]`; `None` when it is missing.
    fn get(&self, path: &[&str]) -> Option<Value>;
}

/// The attributes that there are, by their first name.
pub(crate) const KNOWN: [(&str, &[&str]); 7] = [
    (
        "request",
        &[
            "duration",
            "headers",
            "host",
            "id",
            "method",
            "path",
            "protocol",
            "query",
            "referer",
            "scheme",
            "size",
            "total_size",
            "url_path",
            "useragent",
        ],
    ),
    ("response", &["code", "code_details", "flags", "grpc_status", "headers", "size", "total_size", "trailers"]),
    ("source", &["address", "port"]),
    ("destination", &["address", "port"]),
    (
        "connection",
        &[
            "dns_san_peer_certificate",
            "id",
            "mtls",
            "requested_server_name",
            "sha256_peer_certificate_digest",
            "subject_peer_certificate",
            "termination_details",
            "tls_version",
            "transport_failure_reason",
            "uri_san_peer_certificate",
        ],
    ),
    (
        "upstream",
        &["address", "local_address", "port", "request_attempt_count", "tls_version", "transport_failure_reason"],
    ),
    ("xds", &["cluster_name", "filter_chain_name", "listener_direction", "route_name"]),
];

/// Those that are maps of texts.
const MAPS: [(&str, &str); 3] = [("request", "headers"), ("response", "headers"), ("response", "trailers")];

/// Whether an attribute is a map.
pub(crate) fn is_map(first: &str, second: &str) -> bool {
    MAPS.contains(&(first, second))
}
