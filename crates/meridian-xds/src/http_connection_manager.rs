//! `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`

use crate::access_log::access_log;
use crate::message::{Message, ads, duration};
use crate::route_configuration::route_configuration;
use crate::type_url;
use meridian_ir::HttpConnectionManager;
use meridian_ir::http::{PathNormalization, RouteSource, ServerHeader};
use serde_json::{Value, json};
use std::time::Duration;

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The network filter of a chain that speaks HTTP.
pub fn filter(manager: &HttpConnectionManager) -> Value {
    let config = Message::any(type_url::HTTP_CONNECTION_MANAGER).with("statPrefix", delimited(&manager.stat_prefix));
    let config = routes(config, &manager.routes)
        .with("httpFilters", json!([router()]))
        .with("httpProtocolOptions", Message::new().with_flag("acceptHttp10", manager.accept_http_10))
        .with("streamIdleTimeout", duration(manager.stream_idle_timeout))
        .with("useRemoteAddress", manager.use_remote_address)
        .with_number("xffNumTrustedHops", manager.xff_num_trusted_hops)
        .with("proxy100Continue", true)
        .with_list("upgradeConfigs", manager.upgrades.iter().map(|protocol| json!({"upgradeType": &**protocol})))
        .with_list("accessLog", manager.access_log.iter().map(access_log));
    let config = timeouts(config, manager);
    let config = server_header(config, &manager.server_header);
    let config = path_normalization(config, manager.path_normalization);
    let config = if manager.use_remote_address { client_certificate(config) } else { config };
    Message::new().with("name", "envoy.filters.network.http_connection_manager").with("typedConfig", config).into()
}

/// Istio ends the prefixes of statistics with a semicolon, so that names that contain dots can be told from what
/// follows them.
fn delimited(prefix: &str) -> String {
    if prefix.ends_with(';') { prefix.to_owned() } else { format!("{prefix};") }
}

fn router() -> Value {
    json!({"name": "envoy.filters.http.router", "typedConfig": {"@type": type_url::ROUTER}})
}

fn routes(config: Message, source: &RouteSource) -> Message {
    match source {
        RouteSource::Named(name) => config.with(
            "rds",
            Message::new()
                .with("configSource", ads().with("initialFetchTimeout", "0s"))
                .with("routeConfigName", &**name),
        ),
        RouteSource::Inline(routes) => config.with("routeConfig", route_configuration(routes)),
    }
}

fn timeouts(config: Message, manager: &HttpConnectionManager) -> Message {
    let headers = manager.request_headers_timeout;
    let idle = (manager.idle_timeout != IDLE_TIMEOUT)
        .then(|| Message::new().with("idleTimeout", duration(manager.idle_timeout)));
    config
        .with_some("requestHeadersTimeout", (!headers.is_zero()).then(|| duration(headers)))
        .with_some("commonHttpProtocolOptions", idle)
}

fn server_header(config: Message, header: &ServerHeader) -> Message {
    match header {
        ServerHeader::Overwrite(name) => config.with("serverName", &**name),
        ServerHeader::PassThrough => config.with("serverHeaderTransformation", "PASS_THROUGH"),
    }
}

fn path_normalization(config: Message, normalization: PathNormalization) -> Message {
    let (normalize, merge, escaped) = match normalization {
        PathNormalization::None => (false, false, "KEEP_UNCHANGED"),
        PathNormalization::Base => (true, false, "KEEP_UNCHANGED"),
        PathNormalization::MergeSlashes => (true, true, "KEEP_UNCHANGED"),
        PathNormalization::DecodeAndMergeSlashes => (true, true, "UNESCAPE_AND_FORWARD"),
    };
    config
        .with("normalizePath", normalize)
        .with_flag("mergeSlashes", merge)
        .with("pathWithEscapedSlashesAction", escaped)
}

/// At the edge nobody else's word on the client's certificate counts.
fn client_certificate(config: Message) -> Message {
    config
        .with("forwardClientCertDetails", "SANITIZE_SET")
        .with("setCurrentClientCertDetails", json!({"subject": true, "cert": true, "dns": true, "uri": true}))
}
