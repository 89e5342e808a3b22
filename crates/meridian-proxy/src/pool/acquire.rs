//! A connection for one request: an idle one, or a new one within the cluster's limits.

use super::connection::OpenConnection;
use super::{Host, UpstreamConnection, UpstreamStream};
use crate::snapshot::Limits;
use crate::tls::TlsFailure;
use crate::worker::WorkerCluster;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpStream;

/// Why there is no connection.
#[derive(Debug)]
pub enum AcquireError {
    /// Too many requests wait for a connection, or are being served.
    Overflow,
    /// The connection could not be made.
    Connect(io::Error),
    /// It was not there in time; said by those who wait.
    TimedOut,
}

/// How to get a connection.
#[derive(Debug)]
pub enum Acquire {
    /// There was an idle one.
    Idle(UpstreamConnection),
    /// One must be made, or waited for: [`NewConnection::connect`].
    New(NewConnection),
}

/// A connection that is to be made.
#[derive(Debug)]
pub struct NewConnection {
    cluster: Rc<WorkerCluster>,
    host: Rc<Host>,
    server_name: Option<Arc<str>>,
    pending: Option<Counted>,
}

/// Counts towards one of a cluster's limits as long as it lives.
#[derive(Debug)]
pub struct Counted {
    limits: Arc<Limits>,
    counter: fn(&Limits) -> &AtomicU32,
}

impl Counted {
    fn new(limits: &Arc<Limits>, counter: fn(&Limits) -> &AtomicU32, max: u32) -> Option<Self> {
        let more = |count: u32| (count < max).then_some(count + 1);
        counter(limits).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { limits: limits.clone(), counter })
    }

    /// One more request that is being served; `Ok(None)` where there is no limit.
    ///
    /// # Errors
    /// There are as many as the cluster may serve.
    pub fn request(cluster: &WorkerCluster) -> Result<Option<Self>, AcquireError> {
        let Some(limits) = &cluster.plan.limits else { return Ok(None) };
        let max = cluster.plan.cluster.circuit_breakers.max_requests;
        Self::new(limits, |limits| &limits.requests, max).map(Some).ok_or(AcquireError::Overflow)
    }

    /// One more retry that is under way; `Ok(None)` where there is no limit.
    ///
    /// # Errors
    /// There are as many as the cluster allows.
    pub fn retry(cluster: &WorkerCluster) -> Result<Option<Self>, AcquireError> {
        let Some(limits) = &cluster.plan.limits else { return Ok(None) };
        let max = cluster.plan.cluster.circuit_breakers.max_retries;
        Self::new(limits, |limits| &limits.retries, max).map(Some).ok_or(AcquireError::Overflow)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.limits).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Acquire {
    /// An idle connection to `host`, or the right to a new one, for a request with the Host field `authority`.
    ///
    /// # Errors
    /// [`AcquireError::Overflow`]
    pub fn new(cluster: &Rc<WorkerCluster>, host: &Rc<Host>, authority: &[u8]) -> Result<Self, AcquireError> {
        let server_name = cluster.plan.tls.as_ref().and_then(|tls| tls.server_name(authority));
        if let Some(connection) = host.take_idle(server_name.as_deref()) {
            return Ok(Self::Idle(connection));
        }
        let pending = match &cluster.plan.limits {
            None => None,
            Some(limits) => {
                let max = cluster.plan.cluster.circuit_breakers.max_pending_requests;
                let pending = Counted::new(limits, |limits| &limits.pending, max);
                Some(pending.ok_or(AcquireError::Overflow)?)
            }
        };
        Ok(Self::New(NewConnection { cluster: cluster.clone(), host: host.clone(), server_name, pending }))
    }
}

impl NewConnection {
    /// Makes the connection; where all that the cluster may have are in use, waits until one is free. Without limit of
    /// time: the caller has one.
    ///
    /// # Errors
    /// [`AcquireError::Connect`]
    pub async fn connect(self) -> Result<UpstreamConnection, AcquireError> {
        let open = match &self.pending {
            None => None,
            Some(pending) => match self.permit(&pending.limits).await {
                Permit::Idle(connection) => return Ok(connection),
                Permit::Open(open) => Some(open),
            },
        };
        let stream = open_stream(&self.cluster, self.host.address, self.server_name).await;
        let stream = stream.map_err(AcquireError::Connect)?;
        Ok(UpstreamConnection::new(stream, open, &self.cluster.stats, &self.host))
    }

    async fn permit(&self, limits: &Arc<Limits>) -> Permit {
        let max = self.cluster.plan.cluster.circuit_breakers.max_connections;
        let _waiting = Waiting::new(&self.cluster);
        loop {
            // Registered before the look, so that nothing that is freed in between is missed.
            let mut freed = pin!(limits.freed.notified());
            freed.as_mut().enable();
            if let Some(open) = OpenConnection::new(limits, max) {
                return Permit::Open(open);
            }
            freed.await;
            if let Some(connection) = self.host.take_idle(self.server_name.as_deref()) {
                return Permit::Idle(connection);
            }
        }
    }
}

/// Connects to `address`, an endpoint of `cluster`, with TLS where the cluster has it. `server_name` is that of
/// [`crate::tls::ClientTls::server_name`].
///
/// # Errors
/// The connection cannot be made, or the handshake failed; [`crate::outcome::TransportFailure::of`] tells them apart.
pub async fn open_stream(
    cluster: &WorkerCluster,
    address: SocketAddr,
    server_name: Option<Arc<str>>,
) -> io::Result<UpstreamStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &cluster.plan.tls else { return Ok(UpstreamStream::Plain(stream)) };
    let stream = tls.connect(stream, address, server_name).await;
    match &stream {
        Ok(_) => cluster.stats.tls_handshake(),
        Err(error) => cluster.stats.tls_failed(TlsFailure::of(error)),
    }
    stream.map(|stream| UpstreamStream::Tls(Box::new(stream)))
}

enum Permit {
    Idle(UpstreamConnection),
    Open(OpenConnection),
}

/// Counts a request of this worker that waits.
struct Waiting<'c>(&'c WorkerCluster);

impl<'c> Waiting<'c> {
    fn new(cluster: &'c WorkerCluster) -> Self {
        cluster.waiting.set(cluster.waiting.get() + 1);
        Self(cluster)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

/// Gives a connection back after its request. Where others wait, one of this worker takes it; for one of another
/// worker the connection is closed, so that it may open its own.
pub fn release(cluster: &WorkerCluster, host: &Rc<Host>, connection: UpstreamConnection, now: std::time::Instant) {
    let max_requests = cluster.plan.cluster.max_requests_per_connection;
    let Some(limits) = &cluster.plan.limits else {
        connection.release(host, max_requests, now);
        return;
    };
    if limits.pending.load(Ordering::Relaxed) == 0 {
        connection.release(host, max_requests, now);
    } else if cluster.waiting.get() > 0 {
        connection.release(host, max_requests, now);
        limits.freed.notify_waiters();
    }
}
