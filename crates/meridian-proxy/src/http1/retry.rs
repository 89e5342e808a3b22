//! Whether a failed try is followed by another. Decisions only; see Envoy's `RetryStateImpl`.

use crate::outcome::ResetReason;
use meridian_ir::route::RetryPolicy;
use std::time::Duration;

/// How a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// There was no response; `has_sent` tells whether a byte of the request was written.
    Reset {
        /// What happened.
        reason: ResetReason,
        /// Whether any byte of the request was written to the endpoint.
        has_sent: bool,
    },
    /// The try took too long.
    PerTryTimeout,
    /// A response with this status; with `grpc-status`, if there was one.
    Status {
        /// The status.
        status: u16,
        /// `grpc-status` in the head.
        grpc: Option<u16>,
        /// The endpoint says that it is overloaded, or that the client asks too often (`x-envoy-overloaded`,
        /// `x-envoy-ratelimited`).
        is_refused: bool,
    },
}

/// Whether `policy` tries again after `failure`, however many tries there were.
pub(super) fn is_retriable(policy: &RetryPolicy, failure: Failure) -> bool {
    match failure {
        Failure::Reset { reason: ResetReason::Overflow, .. } => false,
        Failure::Reset { reason, has_sent } => {
            let is_connect = matches!(
                reason,
                ResetReason::RemoteConnectionFailure
                    | ResetReason::LocalConnectionFailure
                    | ResetReason::ConnectionTimeout
            );
            // A reset counts as the 5xx that the client would get for it.
            policy.on_reset
                || policy.on_5xx
                || policy.on_gateway_error
                || (policy.on_connect_failure && is_connect)
                || (policy.on_refused_stream && reason == ResetReason::RemoteRefusedStream)
                || (policy.on_reset_before_request && !has_sent)
        }
        Failure::PerTryTimeout => policy.on_reset || policy.on_5xx || policy.on_gateway_error,
        Failure::Status { is_refused: true, .. } => false,
        Failure::Status { status, grpc, is_refused: false } => {
            (policy.on_5xx && (500..600).contains(&status))
                || (policy.on_gateway_error && (502..=504).contains(&status))
                || (policy.on_retriable_4xx && status == 409)
                || policy.statuses.contains(&status)
                || grpc.is_some_and(|grpc| policy.grpc_statuses.contains(&grpc))
        }
    }
}

/// Whether a try may be followed by another after the request's body was sent, so that the body is kept for it.
/// `is_grpc`: the request is gRPC.
pub(super) fn needs_body(policy: &RetryPolicy, is_grpc: bool) -> bool {
    let by_answer = policy.on_5xx || policy.on_gateway_error || policy.on_reset || policy.on_retriable_4xx;
    let by_status = !policy.statuses.is_empty() || (is_grpc && !policy.grpc_statuses.is_empty());
    policy.attempts > 0 && (by_answer || by_status)
}

/// The pause before the try with this number (from 1 for the first retry): random below an interval that doubles.
pub(super) fn backoff(policy: &RetryPolicy, retry: u32, random: u64) -> Duration {
    let interval = policy.backoff_base.saturating_mul(1 << (retry - 1).min(16)).min(policy.backoff_max);
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % millis.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 2,
            on_connect_failure: false,
            on_refused_stream: false,
            on_reset: false,
            on_reset_before_request: false,
            on_5xx: false,
            on_gateway_error: false,
            on_retriable_4xx: false,
            statuses: Vec::new(),
            grpc_statuses: Vec::new(),
            per_try_timeout: None,
            avoid_previous_hosts: true,
            avoid_previous_priorities: false,
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
        }
    }

    const REFUSED: Failure = Failure::Reset { reason: ResetReason::RemoteConnectionFailure, has_sent: false };
    const CLOSED: Failure = Failure::Reset { reason: ResetReason::ConnectionTermination, has_sent: true };
    const CLOSED_UNSENT: Failure = Failure::Reset { reason: ResetReason::ConnectionTermination, has_sent: false };
    const OVERFLOW: Failure = Failure::Reset { reason: ResetReason::Overflow, has_sent: false };

    fn status(status: u16) -> Failure {
        Failure::Status { status, grpc: None, is_refused: false }
    }

    #[test]
    fn each_condition_takes_what_envoy_says_it_takes() {
        let all =
            [REFUSED, CLOSED, CLOSED_UNSENT, OVERFLOW, Failure::PerTryTimeout, status(500), status(503), status(409)];
        for (policy, taken) in [
            (policy(), &[][..]),
            (RetryPolicy { on_connect_failure: true, ..policy() }, &[REFUSED][..]),
            (RetryPolicy { on_reset: true, ..policy() }, &[REFUSED, CLOSED, CLOSED_UNSENT, Failure::PerTryTimeout]),
            (RetryPolicy { on_reset_before_request: true, ..policy() }, &[REFUSED, CLOSED_UNSENT]),
            (
                RetryPolicy { on_5xx: true, ..policy() },
                &[REFUSED, CLOSED, CLOSED_UNSENT, Failure::PerTryTimeout, status(500), status(503)],
            ),
            (
                RetryPolicy { on_gateway_error: true, ..policy() },
                &[REFUSED, CLOSED, CLOSED_UNSENT, Failure::PerTryTimeout, status(503)],
            ),
            (RetryPolicy { on_retriable_4xx: true, ..policy() }, &[status(409)]),
            (RetryPolicy { statuses: vec![503], ..policy() }, &[status(503)]),
        ] {
            for failure in all {
                assert_eq!(is_retriable(&policy, failure), taken.contains(&failure), "{failure:?} under {policy:?}");
            }
        }
        let unavailable = Failure::Status { status: 200, grpc: Some(14), is_refused: false };
        assert!(is_retriable(&RetryPolicy { grpc_statuses: vec![1, 14], ..policy() }, unavailable));
        assert!(!is_retriable(&RetryPolicy { grpc_statuses: vec![1], ..policy() }, unavailable));
        let refused = Failure::Status { status: 503, grpc: None, is_refused: true };
        assert!(!is_retriable(&RetryPolicy { on_5xx: true, statuses: vec![503], ..policy() }, refused));
    }

    /// Under conditions that no user wrote, a request of which bytes were sent is never sent again because its connection
    /// ended.
    #[test]
    fn what_was_sent_is_sent_again_only_where_the_user_wants_it() {
        let of_istio = RetryPolicy {
            on_connect_failure: true,
            on_refused_stream: true,
            on_reset_before_request: true,
            grpc_statuses: vec![14, 1],
            ..policy()
        };
        for reason in [ResetReason::ConnectionTermination, ResetReason::ProtocolError, ResetReason::RemoteReset] {
            assert!(!is_retriable(&of_istio, Failure::Reset { reason, has_sent: true }), "{reason:?}");
        }
        let refused = Failure::Reset { reason: ResetReason::RemoteRefusedStream, has_sent: true };
        assert!(is_retriable(&of_istio, refused), "the endpoint says that it did not look at it");
        assert!(!is_retriable(&of_istio, Failure::PerTryTimeout));
        assert!(!needs_body(&of_istio, false) && needs_body(&of_istio, true));
        assert!(needs_body(&RetryPolicy { statuses: vec![503], ..policy() }, false));
        assert!(!needs_body(&RetryPolicy { attempts: 0, on_5xx: true, ..policy() }, false));
    }

    #[test]
    fn pauses_double_up_to_the_limit() {
        for (retry, below) in [(1, 25), (2, 50), (3, 100), (5, 250), (40, 250)] {
            assert_eq!(backoff(&policy(), retry, u64::from(below - 1u32)), Duration::from_millis(below as u64 - 1));
            assert_eq!(backoff(&policy(), retry, u64::from(below)), Duration::ZERO);
        }
    }
}
