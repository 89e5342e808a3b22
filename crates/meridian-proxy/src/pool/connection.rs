//! One connection to an endpoint.

use super::{Host, UpstreamStream};
use crate::snapshot::Limits;
use crate::stats::{ClusterStats, HostStats};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A connection to an endpoint, busy or idle.
#[derive(Debug)]
pub struct UpstreamConnection {
    stream: UpstreamStream,
    local: Option<SocketAddr>,
    requests: u32,
    opened: Instant,
    idle_since: Instant,
    _open: Option<OpenConnection>,
    _counted: CountedConnection,
}

/// A connection in the counters of its cluster and endpoint, as long as it lives.
#[derive(Debug)]
pub(super) struct CountedConnection {
    cluster: Rc<ClusterStats>,
    host: HostStats,
}

impl CountedConnection {
    fn new(cluster: &Rc<ClusterStats>, host: &Host) -> Self {
        let counted = Self { cluster: cluster.clone(), host: host.stats(cluster).clone() };
        counted.cluster.connection_opened();
        counted.host.connection_opened();
        counted
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.cluster.connection_closed();
        self.host.connection_closed();
    }
}

/// Counts towards `max_connections` as long as it lives, and wakes those that wait when it ends.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<Limits>);

impl OpenConnection {
    /// One more, unless there are `max` already.
    pub(super) fn new(limits: &Arc<Limits>, max: u32) -> Option<Self> {
        let more = |open: u32| (open < max).then_some(open + 1);
        limits.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(limits.clone()))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}

impl UpstreamConnection {
    pub(super) fn new(
        stream: UpstreamStream,
        open: Option<OpenConnection>,
        cluster: &Rc<ClusterStats>,
        host: &Host,
    ) -> Self {
        let now = Instant::now();
        Self {
            local: stream.socket().local_addr().ok(),
            stream,
            requests: 0,
            opened: now,
            idle_since: now,
            _open: open,
            _counted: CountedConnection::new(cluster, host),
        }
    }

    /// The stream.
    pub fn stream(&self) -> &UpstreamStream {
        &self.stream
    }

    /// The stream.
    pub fn stream_mut(&mut self) -> &mut UpstreamStream {
        &mut self.stream
    }

    /// Whether it may carry a request for which TLS would ask for `server_name`.
    pub fn is_for(&self, server_name: Option<&str>) -> bool {
        self.stream.is_for(server_name)
    }

    /// Our side.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// When it was made.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// When it was last used.
    pub fn idle_since(&self) -> Instant {
        self.idle_since
    }

    /// How many requests were served before.
    pub fn served(&self) -> u32 {
        self.requests
    }

    /// Nothing has come on it, neither bytes nor its end. Costs no system call unless something has.
    pub fn is_quiet(&mut self) -> bool {
        self.stream.is_quiet()
    }

    /// Gives the connection back after a request whose response was read to its end. `max_requests` (zero: no limit) is
    /// the cluster's `max_requests_per_connection`.
    pub fn release(mut self, host: &Rc<Host>, max_requests: u32, now: Instant) {
        self.requests += 1;
        if max_requests != 0 && self.requests >= max_requests {
            return;
        }
        self.idle_since = now;
        host.put_idle(self);
    }
}
