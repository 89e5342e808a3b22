//! `envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::string_matcher::{read_ignoring_case, string_matcher_ignoring_case};
use crate::type_url;
use meridian_ir::ext_authz::{AuthzService, ExtAuthz, HttpAuthz};
use meridian_ir::{Name, StringMatch};
use serde_json::{Value, json};
use std::time::Duration;

/// Name of the filter, and key of its configuration in a route.
pub(crate) const FILTER: &str = "envoy.filters.http.ext_authz";

/// Key of [`settings`] in the metadata of a route.
pub(crate) const SETTINGS: &str = "extAuthz";

/// Which headers of an answer are taken over where all are.
const ALL: &str = ".*";

/// Who is asked about the requests of a route.
pub(crate) fn ext_authz(authz: &ExtAuthz) -> Value {
    let limit = authz.max_body_bytes;
    let is_grpc = matches!(authz.service, AuthzService::Grpc { .. });
    let body = (limit > 0).then(|| {
        Message::new()
            .with("maxRequestBytes", limit)
            .with("allowPartialMessage", true)
            .with_flag("packAsBytes", is_grpc)
    });
    let settings = Message::new().with_some("withRequestBody", body);
    let settings = match &authz.service {
        AuthzService::Grpc { cluster, authority } => {
            let target = Message::new().with("clusterName", &**cluster).with_some("authority", authority.as_deref());
            settings
                .with("grpcService", Message::new().with("envoyGrpc", target).with("timeout", duration(authz.timeout)))
        }
        AuthzService::Http(http) => settings.with("httpService", http_service(http, authz)),
    };
    Message::any(type_url::EXT_AUTHZ_PER_ROUTE).with("checkSettings", settings).into()
}

fn http_service(http: &HttpAuthz, authz: &ExtAuthz) -> Message {
    let server =
        Message::new().with("uri", &*http.uri).with("cluster", &*http.cluster).with("timeout", duration(authz.timeout));
    let request = list(&authz.allowed_headers).map(|list| Message::new().with("allowedHeaders", list));
    let upstream = match &http.allowed_response_headers {
        None => Some(json!({"patterns": [{"safeRegex": {"regex": ALL}}]})),
        Some(headers) => list(headers),
    };
    Message::new()
        .with("serverUri", server)
        .with_text("pathPrefix", &http.path_prefix)
        .with_some("authorizationRequest", request)
        .with_some("authorizationResponse", upstream.map(|list| Message::new().with("allowedUpstreamHeaders", list)))
}

fn list(headers: &[StringMatch]) -> Option<Value> {
    let patterns: Vec<Value> = headers.iter().map(string_matcher_ignoring_case).collect();
    (!patterns.is_empty()).then(|| json!({"patterns": patterns}))
}

/// What Envoy says only of the whole filter, not of a route, as metadata of the route; `None` for nothing.
pub(crate) fn settings(authz: &ExtAuthz) -> Option<Value> {
    let is_grpc = matches!(authz.service, AuthzService::Grpc { .. });
    let settings = Message::new()
        .with_some("allowedHeaders", list(&authz.allowed_headers).filter(|_| is_grpc))
        .with_flag("failureModeAllow", authz.failure_mode_allow)
        .with_some("statusOnError", (authz.status_on_error != 403).then_some(authz.status_on_error));
    let settings = Value::from(settings);
    (settings != json!({})).then_some(settings)
}

/// Reads what a route has of it in its `typedPerFilterConfig`.
pub(crate) fn read(per_filter: &Fields<'_>) -> Result<Option<ExtAuthz>, ReadError> {
    if per_filter.get(FILTER).is_none() {
        return Ok(None);
    }
    // A check that is not made as it was meant would let more through: everything counts.
    per_filter.any(FILTER, type_url::EXT_AUTHZ_PER_ROUTE)?.whole(|route| {
        if route.flag("disabled")? {
            return Ok(None);
        }
        route.need("checkSettings")?.whole(read_check).map(Some)
    })
}

fn read_check(fields: &Fields<'_>) -> Result<ExtAuthz, ReadError> {
    let limit = fields.some("withRequestBody", |node| {
        node.whole(|body| {
            body.flag("packAsBytes")?;
            match body.flag("allowPartialMessage")? {
                true => body.need("maxRequestBytes")?.u32(),
                false => Err(body.error("allowPartialMessage: true")),
            }
        })
    })?;
    let authz = ExtAuthz { max_body_bytes: limit.unwrap_or_default(), ..ExtAuthz::default() };
    if let Some(http) = fields.get("httpService") {
        return http.whole(|http| read_http(http, authz));
    }
    fields.need("grpcService")?.whole(|grpc| {
        let (cluster, authority) = grpc
            .need("envoyGrpc")?
            .whole(|target| Ok((target.need("clusterName")?.name()?, target.some_name("authority")?)))?;
        let timeout = grpc.some("timeout", Node::duration)?.unwrap_or(ExtAuthz::TIMEOUT);
        Ok(ExtAuthz { service: AuthzService::Grpc { cluster, authority }, timeout, ..authz })
    })
}

fn read_http(fields: &Fields<'_>, authz: ExtAuthz) -> Result<ExtAuthz, ReadError> {
    let (uri, cluster, timeout): (Name, Name, Duration) = fields.need("serverUri")?.whole(|server| {
        let timeout = server.some("timeout", Node::duration)?.unwrap_or(ExtAuthz::TIMEOUT);
        Ok((server.name("uri")?, server.need("cluster")?.name()?, timeout))
    })?;
    let request =
        fields.some("authorizationRequest", |node| node.whole(|list| list.some("allowedHeaders", read_list)))?;
    let response = fields
        .some("authorizationResponse", |node| node.whole(|list| list.some("allowedUpstreamHeaders", read_list)))?;
    let response = response.flatten().unwrap_or_default();
    let is_all = matches!(&response[..], [StringMatch::Regex(regex)] if &**regex.pattern() == ALL);
    let service = AuthzService::Http(HttpAuthz {
        cluster,
        uri,
        path_prefix: fields.name("pathPrefix")?,
        allowed_response_headers: (!is_all).then_some(response),
    });
    Ok(ExtAuthz { service, timeout, allowed_headers: request.flatten().unwrap_or_default(), ..authz })
}

fn read_list(node: &Node<'_>) -> Result<Vec<StringMatch>, ReadError> {
    node.whole(|list| list.each("patterns", read_ignoring_case))
}

/// Takes [`settings`] over into what a route has.
pub(crate) fn read_settings(settings: &Node<'_>, authz: &mut ExtAuthz) -> Result<(), ReadError> {
    settings.whole(|fields| {
        if let Some(headers) = fields.some("allowedHeaders", read_list)? {
            authz.allowed_headers = headers;
        }
        authz.failure_mode_allow = fields.flag("failureModeAllow")?;
        authz.status_on_error = fields.some("statusOnError", Node::u16)?.unwrap_or(403);
        Ok(())
    })
}
