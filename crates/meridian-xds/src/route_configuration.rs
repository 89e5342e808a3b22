//! `envoy.config.route.v3.RouteConfiguration` and `VirtualHost`

use crate::message::{Message, ads};
use crate::read::{Node, Read, ReadError, label, resource};
use crate::route::{self, route};
use meridian_ir::{RouteConfig, VirtualHost};
use serde_json::{Value, json};
use std::sync::Arc;

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

/// The same without its virtual hosts, which come by themselves (VHDS).
pub fn without_virtual_hosts(config: &RouteConfig) -> Value {
    let mut value = route_configuration(&RouteConfig::new(config.name.clone(), Vec::new()));
    value["vhds"] = vhds();
    value
}

/// Whether the virtual hosts of a message come by themselves.
pub fn has_virtual_hosts_elsewhere(value: &Value) -> bool {
    value.get("vhds").is_some()
}

fn vhds() -> Value {
    json!({"configSource": Value::from(ads())})
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

/// Reads virtual hosts with their routes.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value) -> Result<Read<RouteConfig>, ReadError> {
    resource(value, &label("routes", value), read_node)
}

/// See [`read`].
pub(crate) fn read_node(node: &Node<'_>) -> Result<RouteConfig, ReadError> {
    node.message(|fields| {
        fields.known("validateClusters", &json!(false));
        fields.known("vhds", &vhds());
        fields.known("maxDirectResponseBodySizeBytes", &json!(MAX_DIRECT_RESPONSE_BODY_SIZE));
        let hosts = fields.each("virtualHosts", |host| read_virtual_host(host).map(Arc::new))?;
        // Ports are always ignored, which nobody notices where every host matches.
        if hosts.iter().flat_map(|host| &host.domains).any(|domain| **domain != *"*") {
            fields.always("ignorePortInHostMatching", &json!(true));
        } else {
            fields.known("ignorePortInHostMatching", &json!(true));
        }
        Ok(RouteConfig::new(fields.name("name")?, hosts))
    })
}

/// Reads one virtual host.
///
/// # Errors
/// See [`crate::read`].
pub fn read_host(value: &Value) -> Result<Read<VirtualHost>, ReadError> {
    resource(value, &label("virtual host", value), read_virtual_host)
}

fn read_virtual_host(node: &Node<'_>) -> Result<VirtualHost, ReadError> {
    node.message(|fields| {
        fields.always("includeRequestAttemptCount", &json!(true));
        let name = fields.need("name")?.name()?;
        Ok(VirtualHost {
            domains: fields.each("domains", |domain| Ok(domain.text()?.to_ascii_lowercase().into()))?,
            routes: fields.each("routes", |one| route::read(one, &name).map(Arc::new))?,
            require_tls: fields.choice("requireTls", &[("NONE", false), ("ALL", true)], false)?,
            name,
        })
    })
}
