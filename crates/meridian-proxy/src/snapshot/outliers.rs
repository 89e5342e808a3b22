//! The ejections of one cluster, for all workers.

use meridian_ir::Name;
use meridian_ir::cluster::OutlierDetection;
use meridian_ir::outlier::{Ejections, Kind, Monitor, Outcome, Verdict};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Outlier detection of a cluster. It lives as long as the cluster has it, whatever happens to its endpoints.
///
/// Outcomes are counted without waiting; the lock is taken when an endpoint has failed too often, and once in each
/// interval.
#[derive(Debug)]
pub struct Outliers {
    cluster: Name,
    /// Counts up whenever an endpoint is ejected or taken back, so that workers know when to look.
    version: AtomicU64,
    state: Mutex<State>,
    /// By [`Kind`]: how often its limit was reached, and how often an endpoint was ejected for it.
    detected: [AtomicU64; 3],
    enforced: [AtomicU64; 3],
    overflow: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    ejections: Ejections,
    next_check: Option<Instant>,
}

impl Outliers {
    /// Without endpoints.
    pub(super) fn new(cluster: Name) -> Self {
        Self {
            cluster,
            version: AtomicU64::new(0),
            state: Mutex::default(),
            detected: Default::default(),
            enforced: Default::default(),
            overflow: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches these endpoints from now on; returns their monitors in the same order.
    pub(super) fn watch(&self, addresses: &[SocketAddr]) -> Vec<Arc<Monitor>> {
        let mut state = self.state();
        state.ejections.set_hosts(addresses.iter().copied());
        addresses.iter().filter_map(|address| state.ejections.monitor(address).cloned()).collect()
    }

    /// Takes all endpoints back, because outlier detection is switched off.
    pub(super) fn stop(&self) {
        self.state().ejections.clear();
    }

    /// Differs whenever an endpoint was ejected or taken back since.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes into account how a try at the endpoint went.
    pub fn report(&self, address: &SocketAddr, monitor: &Monitor, outcome: Outcome, settings: &OutlierDetection) {
        for kind in monitor.record(outcome, settings).into_iter().flatten() {
            self.detected(address, kind, settings);
        }
    }

    #[cold]
    fn detected(&self, address: &SocketAddr, kind: Kind, settings: &OutlierDetection) {
        let verdict = self.state().ejections.detected(address, kind, settings, Instant::now());
        let cluster = &*self.cluster;
        match verdict {
            Verdict::Ejected => {
                self.detected[kind as usize].fetch_add(1, Ordering::Relaxed);
                self.enforced[kind as usize].fetch_add(1, Ordering::Relaxed);
                self.version.fetch_add(1, Ordering::Release);
                tracing::info!(cluster, endpoint = %address, "the endpoint is ejected: {}", kind.name());
            }
            Verdict::Overflow => {
                self.detected[kind as usize].fetch_add(1, Ordering::Relaxed);
                self.overflow.fetch_add(1, Ordering::Relaxed);
                let percent = settings.max_ejection_percent;
                tracing::debug!(
                    cluster,
                    endpoint = %address,
                    "the endpoint stays in spite of {}: more than {percent} % would be ejected",
                    kind.name()
                );
            }
            Verdict::Nothing => {}
        }
    }

    /// Takes endpoints back whose time is over, if the interval is; returns when to ask again.
    pub fn check(&self, settings: &OutlierDetection, now: Instant) -> Instant {
        let mut state = self.state();
        let due = *state.next_check.get_or_insert(now + settings.interval);
        if now < due {
            return due;
        }
        let next = now + settings.interval;
        state.next_check = Some(next);
        let back = state.ejections.check(settings, now);
        drop(state);
        if back > 0 {
            self.version.fetch_add(1, Ordering::Release);
            tracing::info!(cluster = &*self.cluster, "{back} ejected endpoints are used again");
        }
        next
    }

    /// Whether the endpoint is ejected.
    #[must_use]
    pub fn is_ejected(&self, address: &SocketAddr) -> bool {
        self.state().ejections.monitor(address).is_some_and(|monitor| monitor.is_ejected())
    }

    /// How many endpoints are ejected now.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.state().ejections.active() as u64
    }

    /// Counters under Envoy's names, without `outlier_detection.` before them.
    #[must_use]
    pub fn counters(&self) -> Vec<(String, u64)> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let total = self.enforced.iter().map(get).sum();
        let mut counters = vec![
            ("ejections_enforced_total".to_owned(), total),
            ("ejections_total".to_owned(), total),
            ("ejections_overflow".to_owned(), get(&self.overflow)),
            ("ejections_consecutive_5xx".to_owned(), get(&self.enforced[Kind::Consecutive5xx as usize])),
        ];
        for kind in Kind::ALL {
            counters.push((format!("ejections_detected_{}", kind.name()), get(&self.detected[kind as usize])));
            counters.push((format!("ejections_enforced_{}", kind.name()), get(&self.enforced[kind as usize])));
        }
        counters
    }
}
