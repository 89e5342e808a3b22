//! Counters, gauges and histograms under Envoy's names, and Istio's standard metrics.
//!
//! Every worker counts in memory of its own: a counter has one writer, so that counting is a load and a store, without
//! a lock and without a cache line that two cores fight for. What is counted is resolved when a configuration arrives
//! ([`WorkerStats`]); memory for it is taken when it is counted for the first time, so that ten thousand clusters that
//! nobody calls cost nearly nothing. [`Stats`] adds the workers up when somebody asks, and forgets what went away with
//! its cluster or listener.

mod blocked;
mod count;
mod histogram;
mod istio;
mod parties;
mod plans;
mod rbac;
mod registry;
mod render;
mod sample;
mod sets;
mod udp;
mod worker;

pub use blocked::{BLACK_HOLE, BLOCK_ALL, Blocked};
pub use count::{Count, Kind};
pub use histogram::{Histogram, HistogramView};
pub use rbac::{RbacScope, RbacStats};
pub use registry::{HostStats, Stats};
pub use render::{Filter, json, prometheus, text};
pub use sample::{Sample, Value};
pub use udp::UdpStats;
pub use worker::{ClusterStats, HttpStats, ListenerStats, TcpStats, WorkerStats};
