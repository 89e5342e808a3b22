//! `envoy.config.route.v3.RetryPolicy`

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::route::RetryPolicy;
use serde_json::{Value, json};
use std::time::Duration;

/// How often another host is picked when the one before has failed already.
const HOST_SELECTION_ATTEMPTS: &str = "5";

/// Envoy's default first pause between tries; the longest is ten times the first.
const BACKOFF_BASE: Duration = Duration::from_millis(25);

/// When and how often a request is tried again.
pub(crate) fn retry_policy(policy: &RetryPolicy) -> Value {
    Message::new()
        .with_text("retryOn", &retry_on(policy))
        .with("numRetries", policy.attempts)
        .with_some("perTryTimeout", policy.per_try_timeout.map(duration))
        .with_some("retryHostPredicate", policy.avoid_previous_hosts.then(previous_hosts))
        .with_some("hostSelectionRetryMaxAttempts", policy.avoid_previous_hosts.then_some(HOST_SELECTION_ATTEMPTS))
        .with_some("retryPriority", policy.avoid_previous_priorities.then(previous_priorities))
        .with_list("retriableStatusCodes", policy.statuses.iter().map(|status| Value::from(*status)))
        .with_some("retryBackOff", back_off(policy))
        .into()
}

fn previous_hosts() -> Value {
    json!([{
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typedConfig": {"@type": type_url::PREVIOUS_HOSTS},
    }])
}

fn previous_priorities() -> Value {
    json!({
        "name": "envoy.retry_priorities.previous_priorities",
        "typedConfig": {"@type": type_url::PREVIOUS_PRIORITIES, "updateFrequency": 2},
    })
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

/// See [`retry_policy`]. A condition that the model does not have is noted.
pub(crate) fn read(node: &Node<'_>) -> Result<RetryPolicy, ReadError> {
    node.message(|fields| {
        let avoid_previous_hosts = fields.get("retryHostPredicate");
        if let Some(predicates) = avoid_previous_hosts.as_ref().filter(|node| *node.value() != previous_hosts()) {
            return Err(predicates.error("envoy.retry_host_predicates.previous_hosts only"));
        }
        let avoid_previous_priorities = fields.get("retryPriority");
        if let Some(other) = avoid_previous_priorities.as_ref().filter(|node| *node.value() != previous_priorities()) {
            return Err(other.error("envoy.retry_priorities.previous_priorities with updateFrequency 2"));
        }
        if avoid_previous_hosts.is_some() {
            fields.known("hostSelectionRetryMaxAttempts", &json!(HOST_SELECTION_ATTEMPTS));
        }
        let mut policy = RetryPolicy {
            attempts: fields.some("numRetries", Node::u32)?.unwrap_or(1),
            on_connect_failure: false,
            on_refused_stream: false,
            on_reset: false,
            on_reset_before_request: false,
            on_5xx: false,
            on_gateway_error: false,
            on_retriable_4xx: false,
            statuses: fields.each("retriableStatusCodes", Node::u16)?,
            grpc_statuses: Vec::new(),
            per_try_timeout: fields.some("perTryTimeout", Node::duration)?.filter(|timeout| !timeout.is_zero()),
            avoid_previous_hosts: avoid_previous_hosts.is_some(),
            avoid_previous_priorities: avoid_previous_priorities.is_some(),
            backoff_base: BACKOFF_BASE,
            backoff_max: BACKOFF_BASE * 10,
        };
        read_conditions(fields, &mut policy)?;
        if let Some((base, max)) = fields.some("retryBackOff", read_back_off)? {
            (policy.backoff_base, policy.backoff_max) = (base, max.unwrap_or(base * 10));
        }
        Ok(policy)
    })
}

fn read_conditions(fields: &Fields<'_>, policy: &mut RetryPolicy) -> Result<(), ReadError> {
    let Some(node) = fields.get("retryOn") else { return Ok(()) };
    let mut by_code = false;
    for condition in node.text()?.split(',').map(str::trim).filter(|condition| !condition.is_empty()) {
        match condition {
            "retriable-status-codes" => by_code = true,
            named if policy.retry_on(named) => {}
            _ => node.unsupported(),
        }
    }
    if !by_code {
        policy.statuses.clear();
    }
    Ok(())
}

fn read_back_off(node: &Node<'_>) -> Result<(Duration, Option<Duration>), ReadError> {
    node.message(|pauses| Ok((pauses.need("baseInterval")?.duration()?, pauses.some("maxInterval", Node::duration)?)))
}
