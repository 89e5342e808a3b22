//! HTTP/2 connections to an endpoint: each carries the streams of many requests.

use super::acquire::{AcquireError, open_stream};
use super::connection::{CountedConnection, OpenConnection};
use super::{Facts, Host, UpstreamConnection};
use crate::http2::{ClientStream, client_settings};
use crate::tls::Application;
use crate::worker::WorkerCluster;
use bytes::Bytes;
use h2::client::SendRequest;
use meridian_ir::Cluster;
use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// The connections of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Http2Connections {
    open: RefCell<Vec<Rc<Multiplexed>>>,
    /// A connection is being made, and others wait for it.
    is_making: Cell<bool>,
    /// A connection was made or could not be, or a stream has ended.
    changed: Notify,
}

/// One connection.
#[derive(Debug)]
struct Multiplexed {
    sender: SendRequest<Bytes>,
    local: Option<SocketAddr>,
    facts: Rc<Facts>,
    server_name: Option<Arc<str>>,
    opened: Instant,
    active: Cell<usize>,
    served: Cell<u32>,
    idle_since: Cell<Instant>,
}

impl Multiplexed {
    /// Whether another stream may be opened now.
    fn has_room(&self, cluster: &Cluster) -> bool {
        let own = cluster.max_concurrent_streams.map_or(usize::MAX, |max| max as usize);
        self.active.get() < own.min(self.sender.current_max_send_streams())
    }

    /// Whether it takes no stream any more: the endpoint is going away, or has served as many as it may.
    fn is_over(&self, cluster: &Cluster, now: Instant) -> bool {
        let max = cluster.max_requests_per_connection;
        let is_used_up = max != 0 && self.served.get() >= max;
        let is_old = cluster.max_connection_duration.is_some_and(|longest| now >= self.opened + longest);
        let mut sender = self.sender.clone();
        let is_dead = matches!(sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)));
        is_used_up || is_old || is_dead
    }
}

impl Http2Connections {
    /// A stream of a connection that has room.
    fn stream(&self, host: &Rc<Host>, cluster: &WorkerCluster, server_name: Option<&str>) -> Option<PooledStream> {
        let (configured, now) = (&cluster.plan.cluster, Instant::now());
        // Those that are over live on as long as their streams do.
        self.open.borrow_mut().retain(|connection| !connection.is_over(configured, now));
        let open = self.open.borrow();
        let fits = |connection: &&Rc<Multiplexed>| {
            connection.server_name.as_deref() == server_name && connection.has_room(configured)
        };
        Some(PooledStream::new(host, open.iter().find(fits)?))
    }

    /// Closes connections without streams that were not used for `timeout` (zero: no limit), and forgets those that the
    /// endpoint closes.
    pub(super) fn sweep(&self, cluster: &Cluster, now: Instant) {
        let timeout = cluster.idle_timeout;
        let mut open = self.open.borrow_mut();
        open.retain(|connection| {
            let is_idle = connection.active.get() == 0 && !timeout.is_zero();
            let is_expired = is_idle && now.saturating_duration_since(connection.idle_since.get()) >= timeout;
            !is_expired && !connection.is_over(cluster, now)
        });
    }

    /// The endpoint is gone: connections end with their last stream.
    pub(super) fn clear(&self) {
        self.open.take();
    }

    /// How many connections without streams there are.
    pub(super) fn idle_count(&self) -> usize {
        self.open.borrow().iter().filter(|connection| connection.active.get() == 0).count()
    }
}

/// A stream on one of the connections to `host`, if one has room.
pub(super) fn stream(
    cluster: &WorkerCluster,
    host: &Rc<Host>,
    server_name: Option<&str>,
) -> Option<UpstreamConnection> {
    host.http2.stream(host, cluster, server_name).map(UpstreamConnection::shared)
}

/// A stream on a connection that has room for it as soon as there is one; where there is none, makes it. One connection
/// is made at a time, so that requests that come together share it.
pub(super) async fn connect(
    cluster: &Rc<WorkerCluster>,
    host: &Rc<Host>,
    server_name: Option<Arc<str>>,
) -> Result<UpstreamConnection, AcquireError> {
    let connections = &host.http2;
    loop {
        // Registered before the look, so that no change in between is missed.
        let mut changed = pin!(connections.changed.notified());
        changed.as_mut().enable();
        if let Some(stream) = stream(cluster, host, server_name.as_deref()) {
            return Ok(stream);
        }
        if connections.is_making.get() {
            changed.await;
            continue;
        }
        let _making = Making::new(host);
        let open = match &cluster.plan.limits {
            None => None,
            Some(limits) => {
                let max = cluster.plan.cluster.circuit_breakers.max_connections;
                let mut freed = pin!(limits.freed.notified());
                freed.as_mut().enable();
                match OpenConnection::new(limits, max) {
                    Some(open) => Some(open),
                    None => {
                        drop(_making);
                        tokio::select! { () = changed => {}, () = freed => {} }
                        continue;
                    }
                }
            }
        };
        let connection = make(cluster, host, server_name.clone(), open).await.map_err(AcquireError::Connect)?;
        let connection = Rc::new(connection);
        connections.open.borrow_mut().push(connection.clone());
        return Ok(UpstreamConnection::shared(PooledStream::new(host, &connection)));
    }
}

/// Makes a connection, and the task that moves its frames.
async fn make(
    cluster: &WorkerCluster,
    host: &Rc<Host>,
    server_name: Option<Arc<str>>,
    open: Option<OpenConnection>,
) -> io::Result<Multiplexed> {
    let io = open_stream(cluster, host, Application::Http2, server_name.clone(), None).await?;
    let local = io.socket().local_addr().ok();
    let facts = Facts::of(&io);
    let failed = |error: h2::Error| error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
    let (sender, connection) = client_settings().handshake(io).await.map_err(failed)?;
    cluster.stats.http2_connection();
    let counted = CountedConnection::new(&cluster.stats, host);
    let host = Rc::downgrade(host);
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an endpoint ended");
        }
        drop((open, counted));
        if let Some(host) = host.upgrade() {
            host.http2.changed.notify_waiters();
        }
    });
    let now = Instant::now();
    Ok(Multiplexed {
        sender,
        local,
        facts,
        server_name,
        opened: now,
        active: Cell::new(0),
        served: Cell::new(0),
        idle_since: Cell::new(now),
    })
}

/// Says that a connection is being made, as long as it lives.
struct Making(Rc<Host>);

impl Making {
    fn new(host: &Rc<Host>) -> Self {
        host.http2.is_making.set(true);
        Self(host.clone())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.0.http2.is_making.set(false);
        self.0.http2.changed.notify_waiters();
    }
}

/// One request's stream; counted at its connection as long as it lives.
#[derive(Debug)]
pub(super) struct PooledStream {
    stream: ClientStream,
    connection: Rc<Multiplexed>,
    host: Rc<Host>,
}

impl PooledStream {
    fn new(host: &Rc<Host>, connection: &Rc<Multiplexed>) -> Self {
        connection.active.set(connection.active.get() + 1);
        connection.served.set(connection.served.get().saturating_add(1));
        Self {
            stream: ClientStream::new(connection.sender.clone()),
            connection: connection.clone(),
            host: host.clone(),
        }
    }

    /// What logs tell of the connection.
    pub(super) fn facts(&self) -> &Rc<Facts> {
        &self.connection.facts
    }

    /// Our side of the connection.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.connection.local
    }

    /// See [`ClientStream::set_scheme`].
    pub(super) fn set_scheme(&mut self, scheme: &'static str) {
        self.stream.set_scheme(scheme);
    }
}

impl Drop for PooledStream {
    fn drop(&mut self) {
        self.connection.active.set(self.connection.active.get() - 1);
        self.connection.idle_since.set(Instant::now());
        self.host.http2.changed.notify_waiters();
    }
}

impl AsyncRead for PooledStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PooledStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
