//! Outlier detection: when an endpoint fails too often in a row, and for how long it is left out (Envoy's
//! `OutlierDetection`, the consecutive kinds).
//!
//! [`Monitor`] counts an endpoint's failures; all threads share it and nobody waits. [`Ejections`] decides what follows;
//! it is asked only when an endpoint has failed too often, and once in each interval.

use crate::cluster::OutlierDetection;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

#[cfg(test)]
mod tests;

/// What a try at an endpoint tells about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered with this status.
    Status(u16),
    /// A connection for HTTP was made; what becomes of the request is told apart.
    Connected,
    /// A connection for bytes was made, and that is all that there is to know.
    ConnectedFinally,
    /// The connection could not be made, was reset, or broke the protocol.
    Failed,
    /// It did not connect or answer in time.
    TimedOut,
}

/// A kind of failure that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `consecutive_5xx`
    Consecutive5xx,
    /// `consecutive_gateway_failure`
    ConsecutiveGatewayFailure,
    /// `consecutive_local_origin_failure`
    ConsecutiveLocalOriginFailure,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] =
        [Self::Consecutive5xx, Self::ConsecutiveGatewayFailure, Self::ConsecutiveLocalOriginFailure];

    /// Envoy's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive_5xx",
            Self::ConsecutiveGatewayFailure => "consecutive_gateway_failure",
            Self::ConsecutiveLocalOriginFailure => "consecutive_local_origin_failure",
        }
    }
}

/// The failures of one endpoint in a row, and whether it is ejected.
#[derive(Debug, Default)]
pub struct Monitor {
    consecutive_5xx: AtomicU32,
    consecutive_gateway_failure: AtomicU32,
    consecutive_local_origin_failure: AtomicU32,
    ejected: AtomicBool,
}

/// The kinds that have just reached their limit: none, one or two.
pub type Detected = [Option<Kind>; 2];

impl Monitor {
    /// Whether the endpoint is left out.
    pub fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }

    /// Takes `outcome` into account. What it returns is to be given to [`Ejections::detected`], in this order.
    pub fn record(&self, outcome: Outcome, settings: &OutlierDetection) -> Detected {
        let split = settings.split_external_local_origin_errors;
        match outcome {
            Outcome::Status(status) => self.status(status, settings),
            Outcome::Connected if split => self.local_origin(true, settings),
            Outcome::Connected => [None; 2],
            Outcome::ConnectedFinally if split => self.local_origin(true, settings),
            Outcome::ConnectedFinally => self.status(200, settings),
            Outcome::Failed | Outcome::TimedOut if split => self.local_origin(false, settings),
            Outcome::Failed => self.status(503, settings),
            Outcome::TimedOut => self.status(504, settings),
        }
    }

    fn status(&self, status: u16, settings: &OutlierDetection) -> Detected {
        if !(500..600).contains(&status) {
            reset(&self.consecutive_5xx);
            reset(&self.consecutive_gateway_failure);
            return [None; 2];
        }
        let gateway = if matches!(status, 502..=504) {
            reaches(&self.consecutive_gateway_failure, settings.consecutive_gateway_failure)
        } else {
            reset(&self.consecutive_gateway_failure);
            false
        };
        let any = reaches(&self.consecutive_5xx, settings.consecutive_5xx);
        [gateway.then_some(Kind::ConsecutiveGatewayFailure), any.then_some(Kind::Consecutive5xx)]
    }

    fn local_origin(&self, succeeded: bool, settings: &OutlierDetection) -> Detected {
        if succeeded {
            reset(&self.consecutive_local_origin_failure);
            return [None; 2];
        }
        let counter = &self.consecutive_local_origin_failure;
        let reached = reaches(counter, settings.consecutive_local_origin_failure);
        [reached.then_some(Kind::ConsecutiveLocalOriginFailure), None]
    }

    fn counter(&self, kind: Kind) -> &AtomicU32 {
        match kind {
            Kind::Consecutive5xx => &self.consecutive_5xx,
            Kind::ConsecutiveGatewayFailure => &self.consecutive_gateway_failure,
            Kind::ConsecutiveLocalOriginFailure => &self.consecutive_local_origin_failure,
        }
    }
}

/// Successes are the rule: they must not write to what other threads read.
fn reset(counter: &AtomicU32) {
    if counter.load(Ordering::Relaxed) != 0 {
        counter.store(0, Ordering::Relaxed);
    }
}

/// Counts one more; whether that is the one that fills the measure. A limit of zero is never reached.
fn reaches(counter: &AtomicU32, limit: u32) -> bool {
    counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1) == limit && limit != 0
}

/// What follows when an endpoint has failed too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is left out from now on.
    Ejected,
    /// It would be, but as many as may be ejected are.
    Overflow,
    /// Nothing: it is ejected already, or gone.
    Nothing,
}

/// The endpoints of one cluster and their ejections.
#[derive(Debug, Default)]
pub struct Ejections {
    hosts: HashMap<SocketAddr, Record>,
    active: usize,
}

#[derive(Debug)]
struct Record {
    monitor: Arc<Monitor>,
    /// How often it was ejected, less the intervals in which it was well.
    backoff: u32,
    ejected_at: Option<Instant>,
}

impl Ejections {
    /// Watches these endpoints from now on: those that are known already go on as they are.
    pub fn set_hosts(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut before = std::mem::take(&mut self.hosts);
        let new = || Record { monitor: Arc::default(), backoff: 0, ejected_at: None };
        self.hosts =
            addresses.into_iter().map(|address| (address, before.remove(&address).unwrap_or_else(new))).collect();
        self.active = self.hosts.values().filter(|host| host.ejected_at.is_some()).count();
    }

    /// The monitor of an endpoint.
    pub fn monitor(&self, address: &SocketAddr) -> Option<&Arc<Monitor>> {
        self.hosts.get(address).map(|host| &host.monitor)
    }

    /// How many are left out.
    pub fn active(&self) -> usize {
        self.active
    }

    /// An endpoint has reached the limit of `kind`. It is left out, unless that would be more of all than
    /// `max_ejection_percent`: of fewer than ten endpoints none, under the default of 10 % (Envoy without
    /// `always_eject_one_host`, as Istio configures it).
    pub fn detected(&mut self, address: &SocketAddr, kind: Kind, settings: &OutlierDetection, now: Instant) -> Verdict {
        let count = self.hosts.len();
        let Some(host) = self.hosts.get_mut(address) else { return Verdict::Nothing };
        if host.ejected_at.is_some() {
            return Verdict::Nothing;
        }
        reset(host.monitor.counter(kind));
        let percent = 100.0 * (self.active + 1) as f64 / count as f64;
        if percent > f64::from(settings.max_ejection_percent.min(100)) {
            return Verdict::Overflow;
        }
        self.active += 1;
        host.ejected_at = Some(now);
        host.monitor.ejected.store(true, Ordering::Relaxed);
        if settings.base_ejection_time * host.backoff < longest(settings) + settings.base_ejection_time {
            host.backoff += 1;
        }
        Verdict::Ejected
    }

    /// Once in each interval: takes back those that have been out for long enough, and how many these are. Those that
    /// are in count as a little better each time.
    pub fn check(&mut self, settings: &OutlierDetection, now: Instant) -> usize {
        let before = self.active;
        for host in self.hosts.values_mut() {
            let Some(since) = host.ejected_at else {
                host.backoff = host.backoff.saturating_sub(1);
                continue;
            };
            let time = (settings.base_ejection_time * host.backoff).min(longest(settings));
            if now.saturating_duration_since(since) >= time {
                host.ejected_at = None;
                self.active -= 1;
                Kind::ALL.into_iter().for_each(|kind| reset(host.monitor.counter(kind)));
                host.monitor.ejected.store(false, Ordering::Relaxed);
            }
        }
        before - self.active
    }

    /// Takes all back, because outlier detection is switched off.
    pub fn clear(&mut self) {
        for host in self.hosts.values() {
            host.monitor.ejected.store(false, Ordering::Relaxed);
        }
        self.hosts.clear();
        self.active = 0;
    }
}

/// The longest ejection; never shorter than the base, as in Envoy.
fn longest(settings: &OutlierDetection) -> std::time::Duration {
    settings.max_ejection_time.max(settings.base_ejection_time)
}
