//! One connection to an endpoint.

use super::http2::PooledStream;
use super::{Facts, Host, UpstreamStream};
use crate::snapshot::Limits;
use crate::stats::{ClusterStats, HostStats};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to an endpoint, busy or idle.
#[derive(Debug)]
pub struct UpstreamConnection {
    stream: Carrier,
    local: Option<SocketAddr>,
    facts: Rc<Facts>,
    requests: u32,
    opened: Instant,
    idle_since: Instant,
    _open: Option<OpenConnection>,
    _counted: Option<CountedConnection>,
}

/// What the bytes of a request go through.
#[derive(Debug)]
enum Carrier {
    /// A connection of its own.
    Own(UpstreamStream),
    /// A stream of an HTTP/2 connection.
    Shared(Box<PooledStream>),
}

impl AsyncRead for Carrier {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Shared(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Shared(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Shared(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_flush(cx),
            Self::Shared(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Shared(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A connection in the counters of its cluster and endpoint, as long as it lives.
#[derive(Debug)]
pub(super) struct CountedConnection {
    cluster: Rc<ClusterStats>,
    host: HostStats,
}

impl CountedConnection {
    pub(super) fn new(cluster: &Rc<ClusterStats>, host: &Host) -> Self {
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
        facts: Rc<Facts>,
    ) -> Self {
        let now = Instant::now();
        cluster.http1_connection();
        Self {
            local: stream.socket().local_addr().ok(),
            facts,
            stream: Carrier::Own(stream),
            requests: 0,
            opened: now,
            idle_since: now,
            _open: open,
            _counted: Some(CountedConnection::new(cluster, host)),
        }
    }

    /// A stream of a connection that is counted by itself.
    pub(super) fn shared(stream: PooledStream) -> Self {
        let now = Instant::now();
        Self {
            local: stream.local(),
            facts: stream.facts().clone(),
            stream: Carrier::Shared(Box::new(stream)),
            requests: 0,
            opened: now,
            idle_since: now,
            _open: None,
            _counted: None,
        }
    }

    /// Whether it is a stream of an HTTP/2 connection: it serves one request.
    pub fn is_http2(&self) -> bool {
        matches!(self.stream, Carrier::Shared(_))
    }

    /// The scheme that an HTTP/2 request is told to have; in HTTP/1.1 there is none.
    pub fn set_scheme(&mut self, scheme: &'static str) {
        if let Carrier::Shared(stream) = &mut self.stream {
            stream.set_scheme(scheme);
        }
    }

    /// The connection, where it is not shared.
    pub fn stream(&self) -> Option<&UpstreamStream> {
        match &self.stream {
            Carrier::Own(stream) => Some(stream),
            Carrier::Shared(_) => None,
        }
    }

    /// What the request is written to, and the response read from.
    pub fn stream_mut(&mut self) -> &mut (impl AsyncRead + AsyncWrite + Unpin + use<>) {
        &mut self.stream
    }

    /// Whether it may carry a request for which TLS would ask for `server_name`.
    pub fn is_for(&self, server_name: Option<&str>) -> bool {
        self.stream().is_some_and(|stream| stream.is_for(server_name))
    }

    /// Our side.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// What logs tell of it.
    pub fn facts(&self) -> &Rc<Facts> {
        &self.facts
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
        match &mut self.stream {
            Carrier::Own(stream) => stream.is_quiet(),
            Carrier::Shared(_) => false,
        }
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
