//! `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`

use crate::access_log::{self, access_log};
use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::TcpProxy;
use meridian_ir::tcp::WeightedName;
use serde_json::{Value, json};
use std::time::Duration;

/// Name of the filter.
pub(crate) const FILTER: &str = "envoy.filters.network.tcp_proxy";

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The network filter of a chain that passes bytes on.
pub fn filter(proxy: &TcpProxy) -> Value {
    let config = Message::any(type_url::TCP_PROXY).with("statPrefix", &*proxy.stat_prefix);
    let config = match &proxy.clusters[..] {
        [only] => config.with("cluster", &*only.cluster),
        several => {
            let weighted = several.iter().map(|share| json!({"name": &*share.cluster, "weight": share.weight}));
            config.with("weightedClusters", Message::new().with_list("clusters", weighted))
        }
    };
    let config = config
        .with_some("idleTimeout", (proxy.idle_timeout != IDLE_TIMEOUT).then(|| duration(proxy.idle_timeout)))
        .with_some("hashPolicy", proxy.hash_source_ip.then(source_ip))
        .with_list("accessLog", proxy.access_log.iter().map(access_log));
    Message::new().with("name", FILTER).with("typedConfig", config).into()
}

fn source_ip() -> Value {
    json!([{"sourceIp": {}}])
}

/// Its configuration, without the filters before it.
pub(crate) fn read(fields: &Fields<'_>) -> Result<TcpProxy, ReadError> {
    let hash = fields.get("hashPolicy");
    if let Some(other) = hash.as_ref().filter(|node| *node.value() != source_ip()) {
        return Err(other.error("hashPolicy by sourceIp"));
    }
    Ok(TcpProxy {
        stat_prefix: fields.name("statPrefix")?,
        clusters: read_clusters(fields)?,
        idle_timeout: fields.some("idleTimeout", Node::duration)?.unwrap_or(IDLE_TIMEOUT),
        hash_source_ip: hash.is_some(),
        access_log: access_log::read_list(fields)?,
        ..TcpProxy::default()
    })
}

fn read_clusters(fields: &Fields<'_>) -> Result<Vec<WeightedName>, ReadError> {
    if let Some(only) = fields.get("cluster") {
        return Ok(vec![WeightedName { cluster: only.name()?, weight: 1 }]);
    }
    let Some(weighted) = fields.get("weightedClusters") else {
        return Err(fields.error("a TCP proxy with cluster or weightedClusters"));
    };
    let share = |node: &Node<'_>| {
        node.message(|share| {
            let weight = share.need("weight")?.u32()?;
            Ok(WeightedName { cluster: share.need("name")?.name()?, weight })
        })
    };
    let clusters = weighted.message(|weighted| weighted.each("clusters", share))?;
    match clusters.iter().any(|share| share.weight > 0) {
        true => Ok(clusters),
        false => Err(weighted.error("clusters whose weights sum up to more than zero")),
    }
}
