//! One endpoint of a cluster, as one worker sees it.

use super::UpstreamConnection;
use super::http2::Http2Connections;
use crate::snapshot::{ClusterPlan, HostPlan, Outliers};
use crate::stats::{ClusterStats, HostStats};
use meridian_ir::Cluster;
use meridian_ir::endpoint::Workload;
use meridian_ir::outlier::{Monitor, Outcome};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An endpoint: its idle connections and how busy it is. It lives as long as its address is in the cluster, and as
/// long as requests are at it.
#[derive(Debug)]
pub struct Host {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether mutual TLS of the mesh is spoken there: see [`meridian_ir::Endpoint::mesh_tls`].
    pub mesh_tls: bool,
    /// The workload there, as far as it is known.
    pub workload: Option<Arc<Workload>>,
    active: Cell<u32>,
    idle: RefCell<Vec<UpstreamConnection>>,
    /// Connections that requests share.
    pub(super) http2: Http2Connections,
    gone: Cell<bool>,
    stats: OnceCell<HostStats>,
    watch: RefCell<Option<Watch>>,
}

/// Whom to tell how tries at an endpoint went.
#[derive(Debug)]
pub struct Watch {
    cluster: Arc<Cluster>,
    outliers: Arc<Outliers>,
    monitor: Arc<Monitor>,
}

impl Watch {
    /// For an endpoint of `plan`; `None` where outliers are not detected.
    #[must_use]
    pub fn new(plan: &ClusterPlan, host: &HostPlan) -> Option<Self> {
        let (outliers, monitor) = (plan.outliers.clone()?, host.monitor.clone()?);
        Some(Self { cluster: plan.cluster.clone(), outliers, monitor })
    }
}

impl Host {
    /// An endpoint without connections.
    #[must_use]
    pub fn new(address: SocketAddr, mesh_tls: bool, workload: Option<Arc<Workload>>) -> Self {
        Self {
            address,
            mesh_tls,
            workload,
            active: Cell::new(0),
            idle: RefCell::default(),
            http2: Http2Connections::default(),
            gone: Cell::new(false),
            stats: OnceCell::new(),
            watch: RefCell::default(),
        }
    }

    /// Tells `watch` from now on how tries go.
    pub fn watch(&self, watch: Option<Watch>) {
        self.watch.replace(watch);
    }

    /// Whether it is what `plan` says is at its address: what was spoken with another workload, or in another way, is not
    /// used again.
    pub fn is_of(&self, plan: &HostPlan) -> bool {
        self.mesh_tls == plan.mesh_tls && self.workload == plan.workload
    }

    /// Takes into account how a try went (outlier detection).
    pub fn report(&self, outcome: Outcome) {
        if let Some(Watch { cluster, outliers, monitor }) = &*self.watch.borrow()
            && let Some(settings) = &cluster.outlier_detection
        {
            outliers.report(&self.address, monitor, outcome, settings);
        }
    }

    /// Requests that are being served.
    pub fn active(&self) -> u32 {
        self.active.get()
    }

    /// Its counters; made when it is used first, because most endpoints of a large configuration never are.
    pub fn stats(&self, cluster: &ClusterStats) -> &HostStats {
        self.stats.get_or_init(|| cluster.host(self.address))
    }

    /// The idle connection that was used last and is still good, among those for this name (see
    /// [`UpstreamConnection::is_for`]).
    pub fn take_idle(&self, server_name: Option<&str>) -> Option<UpstreamConnection> {
        loop {
            let mut idle = self.idle.borrow_mut();
            let position = idle.iter().rposition(|connection| connection.is_for(server_name))?;
            let mut connection = idle.remove(position);
            drop(idle);
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request; not when the endpoint was removed.
    pub(super) fn put_idle(&self, connection: UpstreamConnection) {
        if !self.gone.get() && !connection.is_http2() {
            self.idle.borrow_mut().push(connection);
        }
    }

    /// The endpoint is not in the cluster any more: idle connections are closed, and busy ones after their request.
    pub fn remove(&self) {
        self.gone.set(true);
        self.idle.take();
        self.http2.clear();
    }

    /// Closes the idle connection that was used longest ago. Whether there was one.
    pub(crate) fn close_one_idle(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        if idle.is_empty() {
            return false;
        }
        let oldest = idle.remove(0);
        drop(idle);
        drop(oldest);
        true
    }

    /// Closes idle connections that the endpoint has closed, that were not used for the cluster's idle timeout, or that
    /// are too old.
    pub fn sweep(&self, now: Instant, cluster: &Cluster, stats: &ClusterStats) {
        self.http2.sweep(cluster, now);
        if self.idle.borrow().is_empty() {
            return;
        }
        let mut idle = self.idle.take();
        idle.retain_mut(|connection| match Expiry::of(connection, cluster, now) {
            Some(expiry) => {
                expiry.count(stats);
                false
            }
            None => connection.is_quiet(),
        });
        // Dropping connections may have woken others, but nobody ran in between: the list is still the empty one.
        self.idle.replace(idle);
    }

    /// How many idle connections there are.
    pub fn idle_count(&self) -> usize {
        self.idle.borrow().len() + self.http2.idle_count()
    }
}

/// Why an idle connection is not used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// It was idle for the cluster's idle timeout.
    Idle,
    /// It is older than the cluster's connections may become.
    Old,
}

impl Expiry {
    /// Whether the time of `connection` is over.
    pub(super) fn of(connection: &UpstreamConnection, cluster: &Cluster, now: Instant) -> Option<Self> {
        let (timeout, age) = (cluster.idle_timeout, now.saturating_duration_since(connection.opened()));
        if cluster.max_connection_duration.is_some_and(|longest| age >= longest) {
            return Some(Self::Old);
        }
        let idle = now.saturating_duration_since(connection.idle_since());
        (!timeout.is_zero() && idle >= timeout).then_some(Self::Idle)
    }

    pub(super) fn count(self, stats: &ClusterStats) {
        match self {
            Self::Idle => stats.idle_timed_out(),
            Self::Old => stats.connection_too_old(),
        }
    }

    /// Whether sweeping once a second is too seldom for this cluster.
    pub(super) fn is_pressing(cluster: &Cluster) -> bool {
        const LONG: Duration = Duration::from_secs(10);
        let is_short = |time: Duration| !time.is_zero() && time < LONG;
        is_short(cluster.idle_timeout) || cluster.max_connection_duration.is_some_and(is_short)
    }
}

/// A try that is at a host; counted as long as it lives.
#[derive(Debug)]
pub struct ActiveRequest {
    host: Rc<Host>,
    stats: HostStats,
    status: Option<u16>,
}

impl ActiveRequest {
    /// Counts one more.
    #[must_use]
    pub fn new(host: Rc<Host>, cluster: &ClusterStats) -> Self {
        host.active.set(host.active.get() + 1);
        let stats = host.stats(cluster).clone();
        stats.request_started();
        Self { host, stats, status: None }
    }

    /// The host.
    pub fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// There is a connection.
    pub fn connected(&self) {
        self.host.report(Outcome::Connected);
    }

    /// The endpoint answered with this status.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
        self.host.report(Outcome::Status(status));
    }

    /// The try took too long.
    pub fn timed_out(&self) {
        self.stats.request_timed_out();
        self.host.report(Outcome::TimedOut);
    }

    /// The connection could not be made, or it broke off before the response was complete.
    pub fn failed(&self) {
        self.host.report(Outcome::Failed);
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.host.active.set(self.host.active.get() - 1);
        self.stats.request_finished(self.status);
    }
}

/// A TCP connection that is at a host; counted as long as it lives.
#[derive(Debug)]
pub struct ActiveConnection {
    host: Rc<Host>,
    stats: HostStats,
    is_open: bool,
}

impl ActiveConnection {
    /// Counts one more, which is being made.
    #[must_use]
    pub fn new(host: Rc<Host>, cluster: &ClusterStats) -> Self {
        host.active.set(host.active.get() + 1);
        let stats = host.stats(cluster).clone();
        Self { host, stats, is_open: false }
    }

    /// Where its endpoint is.
    pub fn address(&self) -> SocketAddr {
        self.host.address
    }

    /// The connection was made.
    pub fn opened(&mut self) {
        self.is_open = true;
        self.stats.connection_opened();
        self.host.report(Outcome::ConnectedFinally);
    }

    /// The connection could not be made.
    pub fn failed(&self) {
        self.stats.connect_failed();
        self.host.report(Outcome::Failed);
    }
}

impl Drop for ActiveConnection {
    fn drop(&mut self) {
        self.host.active.set(self.host.active.get() - 1);
        if self.is_open {
            self.stats.connection_closed();
        }
    }
}
