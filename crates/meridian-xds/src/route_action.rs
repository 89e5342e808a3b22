//! `envoy.config.route.v3.RouteAction`, `RedirectAction`, `DirectResponseAction` and `RetryPolicy`

use crate::header_value_option::edits;
use crate::message::{Message, duration};
use crate::type_url;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::route::{
    DirectResponse, Forward, PathMatch, PathRewrite, Redirect, RedirectPath, RetryPolicy, WeightedCluster,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How often another host is picked when the one before has failed already.
const HOST_SELECTION_ATTEMPTS: &str = "5";

/// Envoy's default first pause between tries; the longest is ten times the first.
const BACKOFF_BASE: Duration = Duration::from_millis(25);

/// Forwarding to clusters, of requests that `matched` took.
pub fn route_action(forward: &Forward, matched: &PathMatch) -> Value {
    let timeout = duration(forward.timeout.unwrap_or_default());
    let message = match &forward.clusters[..] {
        [only] if is_plain(only) => Message::new().with("cluster", &*only.cluster),
        several => Message::new()
            .with("weightedClusters", Message::new().with_list("clusters", several.iter().map(cluster_weight))),
    };
    path_rewrite(message, forward.path_rewrite.as_ref(), matched)
        .with_some("hostRewriteLiteral", forward.host_rewrite.as_deref())
        .with("timeout", timeout.clone())
        .with("maxGrpcTimeout", timeout)
        .with_some("retryPolicy", forward.retry.as_ref().map(retry_policy))
        .into()
}

/// Whether a single destination is nothing but the name of its cluster.
fn is_plain(cluster: &WeightedCluster) -> bool {
    cluster.request_headers.is_empty() && cluster.response_headers.is_empty() && cluster.host_rewrite.is_none()
}

fn cluster_weight(cluster: &WeightedCluster) -> Value {
    let message = Message::new().with("name", &*cluster.cluster).with("weight", cluster.weight);
    edits(message, &cluster.request_headers, &cluster.response_headers)
        .with_some("hostRewriteLiteral", cluster.host_rewrite.as_deref())
        .into()
}

fn path_rewrite(message: Message, rewrite: Option<&PathRewrite>, matched: &PathMatch) -> Message {
    match rewrite {
        None => message,
        Some(PathRewrite::Prefix(prefix)) => message.with("prefixRewrite", &**prefix),
        // Under a regular expression, the whole path is the prefix that Envoy replaces.
        Some(PathRewrite::Full(whole)) if matches!(matched, PathMatch::Regex(_)) => {
            message.with("prefixRewrite", &**whole)
        }
        Some(PathRewrite::Full(whole)) => {
            message.with("regexRewrite", substitution("/.*", &whole.replace('\\', r"\\")))
        }
        Some(PathRewrite::Regex(rewrite)) => {
            message.with("regexRewrite", substitution(&rewrite.pattern, &rewrite.substitution))
        }
    }
}

fn substitution(pattern: &str, substitution: &str) -> Value {
    json!({"pattern": {"regex": pattern}, "substitution": substitution})
}

/// When and how often a request is tried again.
pub fn retry_policy(policy: &RetryPolicy) -> Value {
    let avoid_previous_hosts = json!([{
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typedConfig": {"@type": type_url::PREVIOUS_HOSTS},
    }]);
    let avoid_previous_priorities = json!({
        "name": "envoy.retry_priorities.previous_priorities",
        "typedConfig": {"@type": type_url::PREVIOUS_PRIORITIES, "updateFrequency": 2},
    });
    Message::new()
        .with_text("retryOn", &retry_on(policy))
        .with("numRetries", policy.attempts)
        .with_some("perTryTimeout", policy.per_try_timeout.map(duration))
        .with_some("retryHostPredicate", policy.avoid_previous_hosts.then_some(avoid_previous_hosts))
        .with_some("hostSelectionRetryMaxAttempts", policy.avoid_previous_hosts.then_some(HOST_SELECTION_ATTEMPTS))
        .with_some("retryPriority", policy.avoid_previous_priorities.then_some(avoid_previous_priorities))
        .with_list("retriableStatusCodes", policy.statuses.iter().map(|status| Value::from(*status)))
        .with_some("retryBackOff", back_off(policy))
        .into()
}

/// The pauses, unless they are Envoy's.
fn back_off(policy: &RetryPolicy) -> Option<Message> {
    let (base, max) = (policy.backoff_base, policy.backoff_max);
    let longest = (max != base * 10).then(|| duration(max));
    let given = base != BACKOFF_BASE || longest.is_some();
    given.then(|| Message::new().with("baseInterval", duration(base)).with_some("maxInterval", longest))
}

/// The conditions in the order in which Istio has them.
fn retry_on(policy: &RetryPolicy) -> String {
    let grpc = |status| policy.grpc_statuses.contains(&status);
    // Istio's default policy names codes too, though it has none.
    let is_default = policy.on_connect_failure && policy.on_refused_stream && grpc(14) && grpc(1);
    let by_code = !policy.statuses.is_empty() || is_default;
    let conditions = [
        (policy.on_connect_failure, "connect-failure"),
        (policy.on_refused_stream, "refused-stream"),
        (grpc(14), "unavailable"),
        (grpc(1), "cancelled"),
        (grpc(4), "deadline-exceeded"),
        (grpc(8), "resource-exhausted"),
        (grpc(13), "internal"),
        (policy.on_reset, "reset"),
        (policy.on_reset_before_request, "reset-before-request"),
        (policy.on_5xx, "5xx"),
        (policy.on_gateway_error, "gateway-error"),
        (policy.on_retriable_4xx, "retriable-4xx"),
        (by_code, "retriable-status-codes"),
    ];
    conditions.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect::<Vec<_>>().join(",")
}

/// A redirect.
pub fn redirect_action(redirect: &Redirect) -> Value {
    let code = match redirect.status {
        302 => Some("FOUND"),
        303 => Some("SEE_OTHER"),
        307 => Some("TEMPORARY_REDIRECT"),
        308 => Some("PERMANENT_REDIRECT"),
        // 301, the default.
        _ => None,
    };
    let message = Message::new()
        .with_some("schemeRedirect", redirect.scheme.as_deref())
        .with_some("hostRedirect", redirect.host.as_deref())
        .with_some("portRedirect", redirect.port)
        .with_some("responseCode", code);
    match &redirect.path {
        None => message,
        Some(RedirectPath::Full(path)) => message.with("pathRedirect", &**path),
        Some(RedirectPath::Prefix(prefix)) => message.with("prefixRewrite", &**prefix),
    }
    .into()
}

/// An answer without an upstream.
pub fn direct_response_action(response: &DirectResponse) -> Value {
    let body = match std::str::from_utf8(&response.body) {
        Ok("") => None,
        Ok(text) => Some(json!({"inlineString": text})),
        Err(_) => Some(json!({"inlineBytes": STANDARD.encode(&response.body)})),
    };
    Message::new().with("status", response.status).with_some("body", body).into()
}
