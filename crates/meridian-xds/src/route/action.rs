//! `RouteAction`, `RedirectAction`, `DirectResponseAction`

use crate::header;
use crate::json::{Message, duration};
use crate::string_match::regex_match;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian_ir::route::{DirectResponse, Forward, PathRewrite, Redirect, RedirectPath, RetryPolicy, WeightedCluster};
use serde_json::{Value, json};
use std::time::Duration;

/// Forwarding. Timeouts are written even when there are none, because Envoy's default is 15 s.
pub(super) fn forward(forward: &Forward) -> Value {
    let message = Message::default();
    let message = match &forward.clusters[..] {
        [only] if is_plain(only) => message.set("cluster", &*only.cluster),
        several => {
            let clusters: Vec<Value> = several.iter().map(weighted).collect();
            message.set("weightedClusters", json!({"clusters": clusters}))
        }
    };
    let message = match &forward.path_rewrite {
        None => message,
        // Envoy replaces the whole path when the match is a regular expression.
        Some(PathRewrite::Prefix(path) | PathRewrite::Full(path)) => message.set("prefixRewrite", &**path),
        Some(PathRewrite::Regex(rewrite)) => message.set(
            "regexRewrite",
            json!({"pattern": regex_match(&rewrite.pattern), "substitution": &*rewrite.substitution}),
        ),
    };
    let timeout = duration(forward.timeout.unwrap_or_default());
    message
        .set_some("hostRewriteLiteral", forward.host_rewrite.as_deref())
        .set("timeout", timeout.clone())
        .set_some("retryPolicy", forward.retry.as_ref().map(retry_policy))
        .set("maxGrpcTimeout", timeout)
        .into()
}

/// Whether a destination is nothing but a cluster.
fn is_plain(cluster: &WeightedCluster) -> bool {
    cluster.request_headers.is_empty() && cluster.response_headers.is_empty() && cluster.host_rewrite.is_none()
}

fn weighted(cluster: &WeightedCluster) -> Value {
    Message::default()
        .set("name", &*cluster.cluster)
        .set("weight", cluster.weight)
        .merge(header::edits(&cluster.request_headers, &cluster.response_headers))
        .set_some("hostRewriteLiteral", cluster.host_rewrite.as_deref())
        .into()
}

/// gRPC statuses by the names of `retry_on`.
const GRPC_STATUSES: [(u16, &str); 5] =
    [(14, "unavailable"), (1, "cancelled"), (4, "deadline-exceeded"), (13, "internal"), (8, "resource-exhausted")];

fn retry_policy(policy: &RetryPolicy) -> Value {
    let mut on: Vec<&str> = [
        (policy.on_connect_failure, "connect-failure"),
        (policy.on_refused_stream, "refused-stream"),
        (policy.on_reset, "reset"),
        (policy.on_reset_before_request, "reset-before-request"),
        (policy.on_5xx, "5xx"),
        (policy.on_gateway_error, "gateway-error"),
        (policy.on_retriable_4xx, "retriable-4xx"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect();
    let is_set = |(status, _): &&(u16, &str)| policy.grpc_statuses.contains(status);
    on.extend(GRPC_STATUSES.iter().filter(is_set).map(|(_, name)| *name));
    // Istio's default names the condition without naming a status.
    let is_default = on == ["connect-failure", "refused-stream", "unavailable", "cancelled"];
    if is_default || !policy.statuses.is_empty() {
        on.push("retriable-status-codes");
    }
    let message = Message::default()
        .set("retryOn", on.join(","))
        .set("numRetries", policy.attempts)
        .set_some("perTryTimeout", policy.per_try_timeout.map(duration));
    let message = if policy.avoid_previous_hosts {
        let predicate = Message::typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate");
        let name = "envoy.retry_host_predicates.previous_hosts";
        message
            .set("retryHostPredicate", vec![crate::json::extension(name, predicate)])
            .set("hostSelectionRetryMaxAttempts", "5")
    } else {
        message
    };
    let statuses: Vec<Value> = policy.statuses.iter().map(|status| Value::from(*status)).collect();
    let base = Duration::from_millis(25);
    let back_off = (policy.backoff_base != base || policy.backoff_max != base * 10)
        .then(|| json!({"baseInterval": duration(policy.backoff_base), "maxInterval": duration(policy.backoff_max)}));
    message.set_used("retriableStatusCodes", statuses).set_some("retryBackOff", back_off).into()
}

/// A redirect.
pub(super) fn redirect(redirect: &Redirect) -> Value {
    let code = match redirect.status {
        302 => Some("FOUND"),
        303 => Some("SEE_OTHER"),
        307 => Some("TEMPORARY_REDIRECT"),
        308 => Some("PERMANENT_REDIRECT"),
        _ => None,
    };
    let message = Message::default()
        .set_some("schemeRedirect", redirect.scheme.as_deref())
        .set_some("hostRedirect", redirect.host.as_deref())
        .set_some("portRedirect", redirect.port);
    match &redirect.path {
        None => message,
        Some(RedirectPath::Full(path)) => message.set("pathRedirect", &**path),
        Some(RedirectPath::Prefix(prefix)) => message.set("prefixRewrite", &**prefix),
    }
    .set_some("responseCode", code)
    .into()
}

/// An answer without an upstream.
pub(super) fn direct(direct: &DirectResponse) -> Value {
    let body = match std::str::from_utf8(&direct.body) {
        Ok("") => None,
        Ok(text) => Some(json!({"inlineString": text})),
        Err(_) => Some(json!({"inlineBytes": BASE64_STANDARD.encode(&direct.body)})),
    };
    Message::default().set("status", direct.status).set_some("body", body).into()
}
