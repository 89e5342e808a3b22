//! Load balancing of DestinationRules: the algorithm and its parameters.

use meridian_ir::cluster::{LbPolicy, WarmUp};
use meridian_resources::istio::destination_rule::{ConsistentHashLb, LoadBalancerSettings, SimpleLb};
use std::time::Duration;

/// Envoy's smallest ring and Istio's table, where a DestinationRule says nothing.
const MINIMUM_RING_SIZE: u64 = 1024;
const MAGLEV_TABLE_SIZE: u64 = 65_537;

/// Envoy's values for slow start.
const WARM_UP_MINIMUM_PERCENT: f64 = 10.0;
const WARM_UP_AGGRESSION: f64 = 1.0;

/// The algorithm. `PASSTHROUGH` has none of its own.
pub(crate) fn policy(settings: Option<&LoadBalancerSettings>) -> LbPolicy {
    let Some(settings) = settings else { return LbPolicy::LeastRequest };
    if let Some(hash) = &settings.consistent_hash {
        return hashing(hash);
    }
    match settings.simple.unwrap_or_default() {
        SimpleLb::RoundRobin => LbPolicy::RoundRobin,
        SimpleLb::Random => LbPolicy::Random,
        SimpleLb::Passthrough => LbPolicy::ClusterProvided,
        SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest => LbPolicy::LeastRequest,
    }
}

fn hashing(hash: &ConsistentHashLb) -> LbPolicy {
    let given = |size: u64, default: u64| if size == 0 { default } else { size };
    match (&hash.maglev, &hash.ring_hash) {
        (Some(maglev), _) => LbPolicy::Maglev { table_size: given(maglev.table_size, MAGLEV_TABLE_SIZE) },
        (None, Some(ring)) => LbPolicy::RingHash { minimum_size: given(ring.minimum_ring_size, MINIMUM_RING_SIZE) },
        (None, None) => LbPolicy::RingHash { minimum_size: given(hash.minimum_ring_size, MINIMUM_RING_SIZE) },
    }
}

/// Whether an algorithm knows warm-up; with the others it has no effect, as in Istio.
pub(crate) fn warms_up(policy: LbPolicy) -> bool {
    matches!(policy, LbPolicy::LeastRequest | LbPolicy::RoundRobin)
}

/// Slow start of new endpoints; `warmup` goes before the deprecated `warmupDurationSecs`.
pub(crate) fn warm_up(settings: Option<&LoadBalancerSettings>) -> Option<WarmUp> {
    let given = settings.filter(|_| warms_up(policy(settings)))?;
    if let Some(warm_up) = &given.warmup {
        return Some(WarmUp {
            duration: warm_up.duration.to_std(),
            minimum_percent: warm_up.minimum_percent.unwrap_or(WARM_UP_MINIMUM_PERCENT),
            aggression: warm_up.aggression.unwrap_or(WARM_UP_AGGRESSION),
        });
    }
    let duration: Duration = given.warmup_duration_secs?.to_std();
    Some(WarmUp { duration, minimum_percent: WARM_UP_MINIMUM_PERCENT, aggression: WARM_UP_AGGRESSION })
}
