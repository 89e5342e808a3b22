//! `envoy.config.route.v3.RouteConfiguration` and `VirtualHost`

use crate::json::Message;
use crate::route::route;
use meridian_ir::{RouteConfig, VirtualHost};
use serde_json::Value;

/// A route configuration.
#[must_use]
pub fn route_config(config: &RouteConfig) -> Value {
    let hosts: Vec<Value> = config.virtual_hosts.iter().map(|host| virtual_host(host)).collect();
    Message::default()
        .set("name", &*config.name)
        .set_used("virtualHosts", hosts)
        .set("validateClusters", false)
        .set("maxDirectResponseBodySizeBytes", 1 << 20)
        .set("ignorePortInHostMatching", true)
        .into()
}

/// A virtual host.
#[must_use]
pub fn virtual_host(host: &VirtualHost) -> Value {
    let domains: Vec<Value> = host.domains.iter().map(|domain| Value::from(&**domain)).collect();
    let port = host.name.rsplit_once(':').map_or("", |(_, port)| port);
    let routes: Vec<Value> = host.routes.iter().map(|one| route(one, port)).collect();
    Message::default()
        .set("name", &*host.name)
        .set("domains", domains)
        .set_used("routes", routes)
        .set_some("requireTls", host.require_tls.then_some("ALL"))
        .set("includeRequestAttemptCount", true)
        .into()
}
