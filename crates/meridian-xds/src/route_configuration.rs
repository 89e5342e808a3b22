//! `envoy.config.route.v3.RouteConfiguration` and `VirtualHost`

use crate::message::Message;
use crate::route::route;
use meridian_ir::{RouteConfig, VirtualHost};
use serde_json::Value;

/// Istio's limit on the bodies of direct responses, in bytes.
const MAX_DIRECT_RESPONSE_BODY_SIZE: u32 = 1 << 20;

/// Virtual hosts with their routes.
pub fn route_configuration(config: &RouteConfig) -> Value {
    Message::new()
        .with("name", &*config.name)
        .with_list("virtualHosts", config.virtual_hosts.iter().map(|host| virtual_host(host)))
        .with("validateClusters", false)
        .with("maxDirectResponseBodySizeBytes", MAX_DIRECT_RESPONSE_BODY_SIZE)
        .with("ignorePortInHostMatching", true)
        .into()
}

/// One virtual host.
pub fn virtual_host(host: &VirtualHost) -> Value {
    Message::new()
        .with("name", &*host.name)
        .with_list("domains", host.domains.iter().map(|domain| Value::from(&**domain)))
        .with_list("routes", host.routes.iter().map(|one| route(one, &host.name)))
        .with_some("requireTls", host.require_tls.then_some("ALL"))
        .with_flag("includeRequestAttemptCount", true)
        .into()
}
