//! Numbers that are not counted but looked up: members of clusters, circuit breakers, outlier detection.

use super::registry::Scope;
use super::{Sample, Value};
use crate::snapshot::ClusterPlan;
use std::sync::atomic::{AtomicU32, Ordering};

/// What there is to say of one cluster.
pub(super) fn samples(plan: &ClusterPlan, samples: &mut Vec<Sample>) {
    let scope = Scope { kind: "cluster", label: "cluster_name", name: &plan.cluster.name };
    let mut add = |field: &str, value| samples.push(scope.sample(field, value));
    let (total, healthy) = plan.membership();
    add("membership_total", Value::Gauge(total as u64));
    add("membership_healthy", Value::Gauge(healthy as u64));
    if let Some(limits) = &plan.limits {
        let max = &plan.cluster.circuit_breakers;
        for (open, remaining, used, max) in [
            ("cx_open", "remaining_cx", &limits.connections, max.max_connections),
            ("rq_pending_open", "remaining_pending", &limits.pending, max.max_pending_requests),
            ("rq_open", "remaining_rq", &limits.requests, max.max_requests),
            ("rq_retry_open", "remaining_retries", &limits.retries, max.max_retries),
        ] {
            let used = AtomicU32::load(used, Ordering::Relaxed);
            add(&format!("circuit_breakers.default.{open}"), Value::Gauge(u64::from(used >= max)));
            let left = u64::from(max.saturating_sub(used));
            add(&format!("circuit_breakers.default.{remaining}"), Value::Gauge(left));
        }
    }
    if let Some(outliers) = &plan.outliers {
        add("outlier_detection.ejections_active", Value::Gauge(outliers.active()));
        for (name, value) in outliers.counters() {
            add(&format!("outlier_detection.{name}"), Value::Counter(value));
        }
    }
}
