//! `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`

use crate::access_log::access_log;
use crate::message::{Message, duration};
use crate::type_url;
use meridian_ir::TcpProxy;
use serde_json::{Value, json};
use std::time::Duration;

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
        .with_list("accessLog", proxy.access_log.iter().map(access_log));
    Message::new().with("name", "envoy.filters.network.tcp_proxy").with("typedConfig", config).into()
}
