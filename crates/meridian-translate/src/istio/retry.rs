//! Retry policies: Istio's default, and `http[].retries`.

use crate::condition::{Finding, Topic};
use meridian_ir::route::RetryPolicy;
use meridian_resources::istio::virtual_service::HttpRetry;
use std::time::Duration;

/// Envoy's first pause between tries, and ten times that the longest.
const BACKOFF_BASE: Duration = Duration::from_millis(25);

/// Istio's policy where a VirtualService has none: two more tries, on other hosts, for requests that were not served
/// for sure.
pub(crate) fn default_policy() -> RetryPolicy {
    RetryPolicy {
        attempts: 2,
        on_connect_failure: true,
        on_refused_stream: true,
        on_reset: false,
        on_reset_before_request: false,
        on_5xx: false,
        on_gateway_error: false,
        on_retriable_4xx: false,
        statuses: Vec::new(),
        grpc_statuses: vec![GRPC_UNAVAILABLE, GRPC_CANCELLED],
        per_try_timeout: None,
        avoid_previous_hosts: true,
        avoid_previous_priorities: false,
        backoff_base: BACKOFF_BASE,
        backoff_max: BACKOFF_BASE * 10,
    }
}

const GRPC_CANCELLED: u16 = 1;
const GRPC_UNAVAILABLE: u16 = 14;

/// The policy of a rule; `None`: never. Under consistent hashing (`is_hashed`) tries stay with their host unless the
/// rule says otherwise.
pub(crate) fn policy(
    retries: Option<&HttpRetry>,
    is_hashed: bool,
    path: &str,
    findings: &mut Vec<Finding>,
) -> Option<RetryPolicy> {
    let mut policy = RetryPolicy { avoid_previous_hosts: !is_hashed, ..default_policy() };
    let Some(retries) = retries else { return Some(policy) };
    let path = format!("{path}.retries");
    policy.attempts = u32::try_from(retries.attempts).ok().filter(|attempts| *attempts > 0)?;
    if !retries.retry_on.is_empty() {
        retry_on(&mut policy, &retries.retry_on, &path, findings);
    }
    policy.per_try_timeout = retries.per_try_timeout.map(|timeout| timeout.to_std()).filter(|t| !t.is_zero());
    if let Some(avoid) = retries.retry_ignore_previous_hosts {
        policy.avoid_previous_hosts = avoid;
    }
    if let Some(base) = retries.backoff {
        policy.backoff_base = base.to_std();
        policy.backoff_max = base.to_std() * 10;
    }
    policy.avoid_previous_priorities = retries.retry_remote_localities == Some(true);
    Some(policy)
}

/// Replaces the default's conditions by those of `text`, which are separated by commas; numbers are status codes.
fn retry_on(policy: &mut RetryPolicy, text: &str, path: &str, findings: &mut Vec<Finding>) {
    policy.on_connect_failure = false;
    policy.on_refused_stream = false;
    policy.grpc_statuses.clear();
    for condition in text.split(',').map(str::trim).filter(|condition| !condition.is_empty()) {
        match condition {
            named if policy.retry_on(named) => {}
            // The codes themselves are named by number, headers cannot be named in a VirtualService, and towards
            // services there is no HTTP/3 that could fail.
            "retriable-status-codes" | "retriable-headers" | "http3-post-connect-failure" => {}
            other => match other.parse() {
                Ok(status @ 100..=599) => policy.statuses.push(status),
                _ => {
                    let message = format!(
                        "{other:?} is not supported; allowed are connect-failure, refused-stream, reset, \
                         reset-before-request, 5xx, gateway-error, retriable-4xx, cancelled, deadline-exceeded, \
                         resource-exhausted, internal, unavailable, and status codes"
                    );
                    findings.push(Finding::at(Topic::Unsupported, &format!("{path}.retryOn"), message));
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::Duration as Span;

    #[test]
    fn istio_retries_twice_by_default_and_never_with_no_attempts() {
        let mut findings = Vec::new();
        assert_eq!(policy(None, false, "spec.http[0]", &mut findings), Some(default_policy()));
        let none = HttpRetry { attempts: 0, retry_on: "5xx".into(), ..Default::default() };
        assert_eq!(policy(Some(&none), false, "spec.http[0]", &mut findings), None);
        assert!(findings.is_empty());
    }

    #[test]
    fn given_conditions_replace_the_defaults() {
        let retries = HttpRetry {
            attempts: 3,
            retry_on: "503, reset,retriable-status-codes".into(),
            per_try_timeout: Some(Span::from_millis(1500)),
            backoff: Some(Span::from_millis(10)),
            retry_ignore_previous_hosts: Some(false),
            ..Default::default()
        };
        let mut findings = Vec::new();
        let policy = policy(Some(&retries), false, "spec.http[0]", &mut findings).expect("retries");
        assert_eq!((policy.attempts, policy.statuses.as_slice(), policy.on_reset), (3, &[503][..], true));
        assert!(!policy.on_connect_failure && !policy.on_5xx && policy.grpc_statuses.is_empty());
        assert_eq!(policy.per_try_timeout, Some(Duration::from_millis(1500)));
        assert_eq!((policy.backoff_base, policy.backoff_max), (Duration::from_millis(10), Duration::from_millis(100)));
        assert!(!policy.avoid_previous_hosts && findings.is_empty());
    }

    #[test]
    fn hashed_requests_stay_with_their_host_unless_told_otherwise() {
        let mut findings = Vec::new();
        let mut avoids = |given: Option<bool>| {
            let retries = HttpRetry { attempts: 1, retry_ignore_previous_hosts: given, ..Default::default() };
            policy(Some(&retries), true, "spec.http[0]", &mut findings).expect("retries").avoid_previous_hosts
        };
        assert_eq!((avoids(None), avoids(Some(true)), avoids(Some(false))), (false, true, false));
        assert!(!policy(None, true, "spec.http[0]", &mut findings).expect("retries").avoid_previous_hosts);
        let remote = HttpRetry { attempts: 1, retry_remote_localities: Some(true), ..Default::default() };
        let remote = policy(Some(&remote), false, "spec.http[0]", &mut findings).expect("retries");
        assert!(remote.avoid_previous_priorities && remote.avoid_previous_hosts && findings.is_empty());
    }

    #[test]
    fn unknown_conditions_are_refused() {
        for (text, expected) in [("503,bogus", "\"bogus\" is not supported"), ("700", "\"700\""), ("0x1", "\"0x1\"")] {
            let retries = HttpRetry { attempts: 1, retry_on: text.into(), ..Default::default() };
            let mut findings = Vec::new();
            policy(Some(&retries), false, "spec.http[0]", &mut findings);
            assert!(findings[0].message.starts_with("spec.http[0].retries.retryOn: "), "{findings:?}");
            assert!(findings[0].message.contains(expected), "{findings:?}");
        }
    }
}
