//! `envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig`: clusters that go where clients say.

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::dynamic_forward::DynamicForward;
use serde_json::{Value, json};

/// The name of the kind of cluster.
const NAME: &str = "envoy.clusters.dynamic_forward_proxy";

/// Where the model's own settings are in the metadata, which Envoy does not have: `filterMetadata.meridian`.
const SETTINGS: &str = "dynamicForward";

/// The cache of names, which clusters and filters share. Envoy wants one name to mean one configuration.
pub(crate) fn dns_cache() -> Value {
    json!({"name": "dynamic_forward_dns_cache", "dnsLookupFamily": "V4_PREFERRED", "maxHosts": 1024})
}

/// `clusterType`
pub(super) fn cluster_type() -> Value {
    json!({
        "name": NAME,
        "typedConfig": {
            "@type": type_url::DYNAMIC_FORWARD_CLUSTER,
            "dnsCacheConfig": dns_cache(),
            // The name is checked by what is configured, not by what Envoy would choose.
            "allowInsecureClusterOptions": true,
        },
    })
}

/// What of the settings is not `clusterType`, for the metadata.
pub(crate) fn settings(forward: &DynamicForward) -> (&'static str, Value) {
    let settings = Message::new()
        .with_list("hosts", forward.hosts.iter().map(|host| Value::from(&**host)))
        .with_some("port", forward.port)
        .with_flag("allowPrivate", forward.allow_private);
    (SETTINGS, settings.into())
}

/// Whether `clusterType` is this kind; settings of the cache of names are its own matter.
pub(super) fn read_type(fields: &Fields<'_>) -> Result<bool, ReadError> {
    let Some(node) = fields.get("clusterType") else { return Ok(false) };
    if node.value().get("name").and_then(Value::as_str) != Some(NAME) {
        return Err(node.error("a cluster with type EDS, STATIC, STRICT_DNS, LOGICAL_DNS or ORIGINAL_DST, or envoy.clusters.dynamic_forward_proxy"));
    }
    node.message(|kind| {
        kind.known("name", &json!(NAME));
        kind.need("typedConfig")?.message(|config| {
            config.known("@type", &json!(type_url::DYNAMIC_FORWARD_CLUSTER));
            config.known("allowInsecureClusterOptions", &json!(true));
            config.some("dnsCacheConfig", |cache| {
                cache.message(|cache| {
                    cache.some("name", Node::name)?;
                    cache.some("dnsLookupFamily", Node::name)?;
                    cache.some("maxHosts", Node::u32)
                })
            })
        })
    })?;
    Ok(true)
}

/// Reads [`settings`] of `meridian`'s metadata; without them, any host may be reached, as in Envoy.
pub(crate) fn read_settings(meridian: &Fields<'_>) -> Result<Option<DynamicForward>, ReadError> {
    meridian.some(SETTINGS, |node| {
        node.message(|settings| {
            Ok(DynamicForward {
                hosts: settings.each("hosts", Node::name)?,
                port: settings.some("port", Node::u16)?,
                allow_private: settings.flag("allowPrivate")?,
            })
        })
    })
}
