//! `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`

use crate::access_log::access_log;
use crate::json::{Message, duration, extension, from_ads};
use crate::route_config::route_config;
use meridian_ir::HttpConnectionManager;
use meridian_ir::http::{PathNormalization, RouteSource, ServerHeader};
use serde_json::{Value, json};
use std::time::Duration;

/// The typed configuration of the filter.
pub(crate) fn http_connection_manager(manager: &HttpConnectionManager) -> Message {
    let message = Message::typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")
        .set("statPrefix", &*manager.stat_prefix);
    let message = match &manager.routes {
        RouteSource::Named(name) => message.set("rds", json!({"configSource": from_ads(), "routeConfigName": &**name})),
        RouteSource::Inline(config) => message.set("routeConfig", route_config(config)),
    };
    let router = Message::typed("envoy.extensions.filters.http.router.v3.Router");
    let idle = (manager.idle_timeout != Duration::from_secs(3600)).then(|| duration(manager.idle_timeout));
    let common = Message::default().set_some("idleTimeout", idle);
    let http1 = Message::default().set_used("acceptHttp10", manager.accept_http_10);
    let logs: Vec<Value> = manager.access_log.iter().map(access_log).collect();
    let head = manager.request_headers_timeout;
    let upgrades: Vec<Value> = manager.upgrades.iter().map(|protocol| json!({"upgradeType": &**protocol})).collect();
    let message = message
        .set("httpFilters", vec![extension("envoy.filters.http.router", router)])
        .set_used("commonHttpProtocolOptions", common)
        .set("httpProtocolOptions", http1);
    let message = match &manager.server_header {
        ServerHeader::Overwrite(name) => message.set("serverName", &**name),
        ServerHeader::PassThrough => message.set("serverHeaderTransformation", "PASS_THROUGH"),
    };
    message
        .set("streamIdleTimeout", duration(manager.stream_idle_timeout))
        .set_some("requestHeadersTimeout", (!head.is_zero()).then(|| duration(head)))
        .set_used("accessLog", logs)
        .set("useRemoteAddress", manager.use_remote_address)
        .set_used("xffNumTrustedHops", manager.xff_num_trusted_hops)
        .merge(client_certificate(manager))
        .set("proxy100Continue", true)
        .set_used("upgradeConfigs", upgrades)
        .merge(normalization(manager.path_normalization))
        .set("requestIdExtension", request_id())
}

/// At an edge, `x-forwarded-client-cert` of clients is replaced by what their certificate says, if there is one.
fn client_certificate(manager: &HttpConnectionManager) -> Message {
    if !manager.use_remote_address {
        return Message::default();
    }
    Message::default()
        .set("forwardClientCertDetails", "SANITIZE_SET")
        .set("setCurrentClientCertDetails", json!({"subject": true, "cert": true, "dns": true, "uri": true}))
}

fn normalization(normalization: PathNormalization) -> Message {
    let (normalize, merge, escaped) = match normalization {
        PathNormalization::None => (false, false, "KEEP_UNCHANGED"),
        PathNormalization::Base => (true, false, "KEEP_UNCHANGED"),
        PathNormalization::MergeSlashes => (true, true, "KEEP_UNCHANGED"),
        PathNormalization::DecodeAndMergeSlashes => (true, true, "UNESCAPE_AND_FORWARD"),
    };
    Message::default()
        .set("normalizePath", normalize)
        .set_used("mergeSlashes", merge)
        .set("pathWithEscapedSlashesAction", escaped)
}

fn request_id() -> Value {
    let config = Message::typed("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig")
        .set("useRequestIdForTraceSampling", true);
    json!({"typedConfig": Value::from(config)})
}
