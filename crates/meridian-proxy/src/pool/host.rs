//! One endpoint of a cluster, as one worker sees it.

use super::UpstreamConnection;
use crate::stats::{ClusterStats, HostStats};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// An endpoint: its idle connections and how busy it is. It lives as long as its address is in the cluster, and as
/// long as requests are at it.
#[derive(Debug)]
pub struct Host {
    /// Where it is.
    pub address: SocketAddr,
    active: Cell<u32>,
    idle: RefCell<Vec<UpstreamConnection>>,
    gone: Cell<bool>,
    stats: OnceCell<HostStats>,
}

impl Host {
    /// An endpoint without connections.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, active: Cell::new(0), idle: RefCell::default(), gone: Cell::new(false), stats: OnceCell::new() }
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
        if !self.gone.get() {
            self.idle.borrow_mut().push(connection);
        }
    }

    /// The endpoint is not in the cluster any more: idle connections are closed, and busy ones after their request.
    pub fn remove(&self) {
        self.gone.set(true);
        self.idle.take();
    }

    /// Closes idle connections that the endpoint has closed, or that were not used for `timeout` (zero: no limit).
    pub fn sweep(&self, now: Instant, timeout: Duration) {
        if self.idle.borrow().is_empty() {
            return;
        }
        let mut idle = self.idle.take();
        idle.retain_mut(|connection| {
            let expired = !timeout.is_zero() && now.saturating_duration_since(connection.idle_since()) >= timeout;
            !expired && connection.is_quiet()
        });
        // Dropping connections may have woken others, but nobody ran in between: the list is still the empty one.
        self.idle.replace(idle);
    }

    /// How many idle connections there are.
    pub fn idle_count(&self) -> usize {
        self.idle.borrow().len()
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

    /// The endpoint answered with this status.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// The try took too long.
    pub fn timed_out(&self) {
        self.stats.request_timed_out();
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

    /// The connection was made.
    pub fn opened(&mut self) {
        self.is_open = true;
        self.stats.connection_opened();
    }

    /// The connection could not be made.
    pub fn failed(&self) {
        self.stats.connect_failed();
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
