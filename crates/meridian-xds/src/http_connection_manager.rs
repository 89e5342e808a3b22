//! `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`

use crate::access_log::{self, access_log};
use crate::message::{Message, ads, duration};
use crate::read::{Fields, Node, ReadError};
use crate::route_configuration::{self, route_configuration};
use crate::{cors, ext_authz, fault, rbac, stateful_session, type_url};
use meridian_ir::http::{
    ClientCertDetails, ClientCertHeader, PathNormalization, RouteFilters, RouteSource, ServerHeader,
};
use meridian_ir::{HttpConnectionManager, Rbac};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Name of the network filter.
pub(crate) const FILTER: &str = "envoy.filters.network.http_connection_manager";

/// Envoy's default for the end of a silent stream.
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// What Envoy calls itself by default.
const SERVER_NAME: &str = "envoy";

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The network filter of a chain that speaks HTTP.
pub fn filter(manager: &HttpConnectionManager) -> Value {
    let config = Message::any(type_url::HTTP_CONNECTION_MANAGER).with("statPrefix", delimited(&manager.stat_prefix));
    let config = routes(config, &manager.routes)
        .with("httpFilters", http_filters(manager))
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
    let config = client_certificate(config, manager);
    Message::new().with("name", FILTER).with("typedConfig", config).into()
}

/// Istio ends the prefixes of statistics with a semicolon, so that names that contain dots can be told from what
/// follows them.
fn delimited(prefix: &str) -> String {
    if prefix.ends_with(';') { prefix.to_owned() } else { format!("{prefix};") }
}

/// The filters behind those of access control, in the order in which Istio has them; all but the last do what routes
/// tell them.
const HTTP_FILTERS: [(&str, &str); 5] = [
    (fault::FILTER, type_url::FAULT),
    (cors::FILTER, type_url::CORS),
    (ext_authz::FILTER, type_url::EXT_AUTHZ),
    (stateful_session::FILTER, type_url::STATEFUL_SESSION),
    ("envoy.filters.http.router", type_url::ROUTER),
];

fn http_filters(manager: &HttpConnectionManager) -> Value {
    let RouteFilters { session, ext_authz } = manager.route_filters;
    let is_wanted = |type_url: &str| match type_url {
        type_url::EXT_AUTHZ => ext_authz,
        type_url::STATEFUL_SESSION => session,
        _ => true,
    };
    let filter = |(name, type_url): &(&str, &str)| {
        // Without a service of its own it is there for the routes that have one.
        let is_disabled = *type_url == type_url::EXT_AUTHZ;
        let filter = Message::new().with("name", *name).with("typedConfig", Message::any(type_url));
        filter.with_flag("disabled", is_disabled).into()
    };
    let others = HTTP_FILTERS.iter().filter(|(_, type_url)| is_wanted(type_url)).map(filter);
    manager.rbac.iter().map(|one| rbac::http_filter(one)).chain(others).collect()
}

fn routes(config: Message, source: &RouteSource) -> Message {
    match source {
        RouteSource::Named(name) => {
            config.with("rds", Message::new().with("configSource", rds_source()).with("routeConfigName", &**name))
        }
        RouteSource::Inline(routes) => config.with("routeConfig", route_configuration(routes)),
    }
}

fn rds_source() -> Message {
    ads().with("initialFetchTimeout", "0s")
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

/// Names of what becomes of `x-forwarded-client-cert`.
const CLIENT_CERT_HEADER: [(&str, ClientCertHeader); 5] = [
    ("SANITIZE", ClientCertHeader::Sanitize),
    ("FORWARD_ONLY", ClientCertHeader::ForwardOnly),
    ("APPEND_FORWARD", ClientCertHeader::AppendForward),
    ("SANITIZE_SET", ClientCertHeader::SanitizeSet),
    ("ALWAYS_FORWARD_ONLY", ClientCertHeader::AlwaysForwardOnly),
];

fn client_certificate(config: Message, manager: &HttpConnectionManager) -> Message {
    // The first is the default.
    let forward = CLIENT_CERT_HEADER[1..].iter().find(|(_, header)| *header == manager.client_cert_header);
    let details = manager.client_cert_details;
    let shown = Message::new()
        .with_flag("subject", details.subject)
        .with_flag("cert", details.cert)
        .with_flag("chain", details.chain)
        .with_flag("dns", details.dns)
        .with_flag("uri", details.uri);
    config
        .with_some("forwardClientCertDetails", forward.map(|(name, _)| *name))
        .with_some("setCurrentClientCertDetails", (details != ClientCertDetails::default()).then_some(shown))
}

/// Its configuration.
pub(crate) fn read(fields: &Fields<'_>) -> Result<HttpConnectionManager, ReadError> {
    fields.always("proxy100Continue", &json!(true));
    let (rbac, route_filters) = read_filters(fields)?;
    let accept_http_10 = fields.some("httpProtocolOptions", |node| node.message(|http| http.flag("acceptHttp10")))?;
    let common = fields
        .some("commonHttpProtocolOptions", |node| node.message(|common| common.some("idleTimeout", Node::duration)))?;
    let upgrade =
        |node: &Node<'_>| node.message(|upgrade| Ok(upgrade.need("upgradeType")?.text()?.to_ascii_lowercase().into()));
    let stat_prefix = fields.text("statPrefix")?;
    Ok(HttpConnectionManager {
        stat_prefix: stat_prefix.strip_suffix(';').unwrap_or(stat_prefix).into(),
        routes: read_routes(fields)?,
        server_header: read_server_header(fields)?,
        use_remote_address: fields.flag("useRemoteAddress")?,
        xff_num_trusted_hops: fields.some("xffNumTrustedHops", Node::u32)?.unwrap_or_default(),
        path_normalization: read_path_normalization(fields)?,
        client_cert_header: fields.choice(
            "forwardClientCertDetails",
            &CLIENT_CERT_HEADER,
            ClientCertHeader::Sanitize,
        )?,
        client_cert_details: fields.some("setCurrentClientCertDetails", read_details)?.unwrap_or_default(),
        upgrades: fields.each("upgradeConfigs", upgrade)?,
        accept_http_10: accept_http_10.unwrap_or_default(),
        stream_idle_timeout: fields.some("streamIdleTimeout", Node::duration)?.unwrap_or(STREAM_IDLE_TIMEOUT),
        request_headers_timeout: fields.some("requestHeadersTimeout", Node::duration)?.unwrap_or_default(),
        idle_timeout: common.flatten().unwrap_or(IDLE_TIMEOUT),
        rbac,
        route_filters,
        access_log: access_log::read_list(fields)?,
    })
}

/// Those of access control, and those that are there for routes. Filters that Meridian does not have are noted.
fn read_filters(fields: &Fields<'_>) -> Result<(Vec<Arc<Rbac>>, RouteFilters), ReadError> {
    let (mut access, mut route_filters) = (Vec::new(), RouteFilters::default());
    for filter in fields.list("httpFilters")? {
        let type_url = filter.value().pointer("/typedConfig/@type").and_then(Value::as_str).unwrap_or_default();
        if type_url == type_url::HTTP_RBAC {
            access.push(Arc::new(filter.message(|filter| {
                filter.known("name", &json!(rbac::HTTP_FILTER));
                rbac::read(&filter.need("typedConfig")?)
            })?));
            continue;
        }
        let known = HTTP_FILTERS.iter().find(|(_, known)| *known == type_url);
        match known {
            Some((name, type_url)) => filter.message(|filter| {
                match *type_url {
                    type_url::EXT_AUTHZ => {
                        route_filters.ext_authz = true;
                        filter.always("disabled", &json!(true));
                    }
                    type_url::STATEFUL_SESSION => route_filters.session = true,
                    _ => {}
                }
                filter.known("name", &json!(name));
                filter.any("typedConfig", type_url)?.message(|_| Ok(()))
            })?,
            None => filter.unsupported(),
        }
    }
    Ok((access, route_filters))
}

fn read_routes(fields: &Fields<'_>) -> Result<RouteSource, ReadError> {
    if let Some(routes) = fields.get("routeConfig") {
        return Ok(RouteSource::Inline(Arc::new(route_configuration::read_node(&routes)?)));
    }
    let Some(rds) = fields.get("rds") else { return Err(fields.error("routeConfig or rds")) };
    rds.message(|rds| {
        rds.known("configSource", &rds_source().into());
        Ok(RouteSource::Named(rds.need("routeConfigName")?.name()?))
    })
}

fn read_server_header(fields: &Fields<'_>) -> Result<ServerHeader, ReadError> {
    let transformations = [("OVERWRITE", false), ("PASS_THROUGH", true)];
    let name = fields.some_name("serverName")?;
    Ok(match fields.choice("serverHeaderTransformation", &transformations, false)? {
        true => ServerHeader::PassThrough,
        false => ServerHeader::Overwrite(name.unwrap_or_else(|| SERVER_NAME.into())),
    })
}

fn read_path_normalization(fields: &Fields<'_>) -> Result<PathNormalization, ReadError> {
    let escaped =
        [("IMPLEMENTATION_SPECIFIC_DEFAULT", false), ("KEEP_UNCHANGED", false), ("UNESCAPE_AND_FORWARD", true)];
    let decode = fields.choice("pathWithEscapedSlashesAction", &escaped, false)?;
    match (fields.flag("normalizePath")?, fields.flag("mergeSlashes")?, decode) {
        (false, false, false) => Ok(PathNormalization::None),
        (true, false, false) => Ok(PathNormalization::Base),
        (true, true, false) => Ok(PathNormalization::MergeSlashes),
        (true, true, true) => Ok(PathNormalization::DecodeAndMergeSlashes),
        _ => Err(fields.error("mergeSlashes only with normalizePath, and UNESCAPE_AND_FORWARD only with both")),
    }
}

fn read_details(node: &Node<'_>) -> Result<ClientCertDetails, ReadError> {
    node.message(|details| {
        Ok(ClientCertDetails {
            subject: details.flag("subject")?,
            cert: details.flag("cert")?,
            chain: details.flag("chain")?,
            dns: details.flag("dns")?,
            uri: details.flag("uri")?,
        })
    })
}
