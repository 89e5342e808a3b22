//! `envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig`: the one filter of a listener of UDP.

use crate::access_log::{self, access_log};
use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::UdpProxy;
use meridian_ir::tcp::WeightedName;
use serde_json::{Value, json};

/// Name of the filter.
pub(crate) const FILTER: &str = "envoy.filters.udp_listener.udp_proxy";

/// Name of the action that takes a session to a cluster.
const ROUTE: &str = "route";

/// The listener filter. Envoy knows neither weights nor a limit of its own here: it takes the first cluster and the
/// limits of clusters, and the rest is in [`settings`].
pub(crate) fn filter(proxy: &UdpProxy) -> Value {
    let route = proxy.clusters.first().map(|first| {
        let config = Message::any(type_url::UDP_ROUTE).with("cluster", &*first.cluster);
        json!({"onNoMatch": {"action": {"name": ROUTE, "typedConfig": Value::from(config)}}})
    });
    let config = Message::any(type_url::UDP_PROXY)
        .with("statPrefix", &*proxy.stat_prefix)
        .with_some("matcher", route)
        .with("idleTimeout", duration(proxy.idle_timeout))
        .with_some("hashPolicies", proxy.hash_source_ip.then(source_ip))
        .with_list("accessLog", proxy.access_log.iter().map(access_log));
    Message::new().with("name", FILTER).with("typedConfig", config).into()
}

fn source_ip() -> Value {
    json!([{"sourceIp": true}])
}

/// What Envoy's filter has no place for, as metadata of the listener; `None` for nothing.
pub(crate) fn settings(proxy: &UdpProxy) -> Option<Value> {
    let has_weights = !matches!(&proxy.clusters[..], [only] if only.weight == 1);
    let weighted = proxy.clusters.iter().map(|share| json!({"name": &*share.cluster, "weight": share.weight}));
    let limit = (proxy.max_sessions != UdpProxy::MAX_SESSIONS).then_some(proxy.max_sessions);
    let settings = Message::new()
        .with_some("clusters", has_weights.then(|| weighted.collect::<Vec<_>>()))
        .with_some("maxSessions", limit);
    let settings = Value::from(settings);
    (settings != json!({})).then_some(settings)
}

/// The listener filter, with its [`settings`].
pub(crate) fn read(filter: &Node<'_>, settings: Option<&Node<'_>>) -> Result<UdpProxy, ReadError> {
    let proxy = filter.message(|filter| {
        filter.known("name", &json!(FILTER));
        filter.any("typedConfig", type_url::UDP_PROXY)?.message(read_config)
    })?;
    let Some(settings) = settings else { return Ok(proxy) };
    settings.message(|fields| {
        let clusters = fields.some("clusters", |node| node.items()?.iter().map(read_share).collect())?;
        let clusters: Vec<WeightedName> = clusters.unwrap_or_else(|| proxy.clusters.clone());
        if !clusters.iter().any(|share| share.weight > 0) {
            return Err(settings.error("clusters whose weights sum up to more than zero"));
        }
        let max_sessions = fields.some("maxSessions", Node::u32)?.unwrap_or(proxy.max_sessions);
        Ok(UdpProxy { clusters, max_sessions, ..proxy.clone() })
    })
}

fn read_share(node: &Node<'_>) -> Result<WeightedName, ReadError> {
    node.message(|share| {
        Ok(WeightedName { cluster: share.need("name")?.name()?, weight: share.need("weight")?.u32()? })
    })
}

fn read_config(fields: &Fields<'_>) -> Result<UdpProxy, ReadError> {
    let hash = fields.get("hashPolicies");
    if let Some(other) = hash.as_ref().filter(|node| *node.value() != source_ip()) {
        return Err(other.error("hashPolicies by sourceIp"));
    }
    let only = |cluster| vec![WeightedName { cluster, weight: 1 }];
    Ok(UdpProxy {
        stat_prefix: fields.name("statPrefix")?,
        clusters: match fields.some_name("cluster")? {
            Some(cluster) => only(cluster),
            None => only(read_route(&fields.need("matcher")?)?),
        },
        idle_timeout: fields.some("idleTimeout", Node::duration)?.unwrap_or(UdpProxy::IDLE_TIMEOUT),
        hash_source_ip: hash.is_some(),
        access_log: access_log::read_list(fields)?,
        ..UdpProxy::default()
    })
}

/// The cluster of every session. One that depends on the packet is an error.
fn read_route(matcher: &Node<'_>) -> Result<meridian_ir::Name, ReadError> {
    matcher.whole(|matcher| {
        matcher.need("onNoMatch")?.whole(|on_match| {
            on_match.need("action")?.whole(|action| {
                action.known("name", &json!(ROUTE));
                action.any("typedConfig", type_url::UDP_ROUTE)?.whole(|route| route.need("cluster")?.name())
            })
        })
    })
}
