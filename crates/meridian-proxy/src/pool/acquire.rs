//! A connection for one request: an idle one, or a new one within the cluster's limits.

use super::connection::OpenConnection;
use super::host::Expiry;
use super::http2;
use super::keepalive::set_options;
use super::{Facts, Host, UpstreamConnection, UpstreamStream};
use crate::proxy_protocol::{self, Addresses};
use crate::snapshot::Limits;
use crate::tls::{Application, TlsFailure};
use crate::worker::WorkerCluster;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

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
    is_http2: bool,
    client: Addresses,
    pending: Option<Counted>,
}

impl Drop for NewConnection {
    fn drop(&mut self) {
        self.cluster.stats.pending_ended();
    }
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

    /// One more connection, of those that no pool knows; `Ok(None)` where there is no limit.
    ///
    /// # Errors
    /// There are as many as the cluster allows.
    pub fn connection(cluster: &WorkerCluster) -> Result<Option<Self>, AcquireError> {
        let Some(limits) = &cluster.plan.limits else { return Ok(None) };
        let max = cluster.plan.cluster.circuit_breakers.max_connections;
        Self::new(limits, |limits| &limits.connections, max).map(Some).ok_or(AcquireError::Overflow)
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
    /// An idle connection to `host`, or the right to a new one, for a request with the Host field `authority` of the
    /// connection `client`. With `is_http2` it is a stream of a connection that others share. Where the cluster speaks the
    /// PROXY protocol, a connection tells of one client, and is not used for another request; one that is shared tells of
    /// none.
    ///
    /// # Errors
    /// [`AcquireError::Overflow`]
    pub fn new(
        cluster: &Rc<WorkerCluster>,
        host: &Rc<Host>,
        authority: &[u8],
        is_http2: bool,
        client: Addresses,
    ) -> Result<Self, AcquireError> {
        let server_name = cluster.plan.tls_of(host).and_then(|tls| tls.server_name(authority));
        let idle = match is_http2 {
            true => http2::stream(cluster, host, server_name.as_deref()),
            false => take_idle(cluster, host, server_name.as_deref()),
        };
        if let Some(connection) = idle {
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
        cluster.stats.pending_started();
        let (cluster, host) = (cluster.clone(), host.clone());
        Ok(Self::New(NewConnection { cluster, host, server_name, is_http2, client, pending }))
    }
}

impl NewConnection {
    /// Makes the connection; where all that the cluster may have are in use, waits until one is free. Without limit of
    /// time: the caller has one.
    ///
    /// # Errors
    /// [`AcquireError::Connect`]
    pub async fn connect(self) -> Result<UpstreamConnection, AcquireError> {
        if self.is_http2 {
            // A future of its own, for the sake of the size of those of HTTP/1.1.
            return Box::pin(http2::connect(&self.cluster, &self.host, self.server_name.clone())).await;
        }
        let open = match &self.pending {
            None => None,
            Some(pending) => match self.permit(&pending.limits).await {
                Permit::Idle(connection) => return Ok(connection),
                Permit::Open(open) => Some(open),
            },
        };
        let (name, client) = (self.server_name.clone(), Some(&self.client));
        let stream = open_stream(&self.cluster, &self.host, Application::Http1, name, client).await;
        let stream = stream.map_err(AcquireError::Connect)?;
        let facts = Facts::of(&stream);
        Ok(UpstreamConnection::new(stream, open, &self.cluster.stats, &self.host, facts))
    }

    async fn permit(&self, limits: &Arc<Limits>) -> Permit {
        let max = self.cluster.plan.cluster.circuit_breakers.max_connections;
        let _waiting = Waiting::new(&self.cluster);
        let mut overflowed = false;
        loop {
            // Registered before the look, so that nothing that is freed in between is missed.
            let mut freed = pin!(limits.freed.notified());
            freed.as_mut().enable();
            if let Some(open) = OpenConnection::new(limits, max) {
                return Permit::Open(open);
            }
            if !std::mem::replace(&mut overflowed, true) {
                self.cluster.stats.connections_overflowed();
            }
            // An idle connection to another endpoint, or of another worker, must not hold this request up.
            if self.cluster.close_one_idle() {
                continue;
            }
            limits.wanted.notify_waiters();
            freed.await;
            if let Some(connection) = take_idle(&self.cluster, &self.host, self.server_name.as_deref()) {
                return Permit::Idle(connection);
            }
        }
    }
}

/// Connects to `host`, an endpoint of `cluster`, to speak `application`, with TLS where the cluster has it for this
/// endpoint. `server_name` is that of [`crate::tls::ClientTls::server_name`], `client` what the endpoint is told where the
/// cluster speaks the PROXY protocol.
///
/// # Errors
/// The connection cannot be made, or the handshake failed; [`crate::outcome::TransportFailure::of`] tells them apart.
pub async fn open_stream(
    cluster: &WorkerCluster,
    host: &Host,
    application: Application,
    server_name: Option<Arc<str>>,
    client: Option<&Addresses>,
) -> io::Result<UpstreamStream> {
    let mut stream = dial(cluster.plan.cluster.bind_source, host.address).await?;
    set_options(&stream, &cluster.plan.cluster)?;
    if let Some(version) = cluster.plan.cluster.proxy_protocol {
        stream.write_all(&proxy_protocol::encode(version, client)).await?;
    }
    let Some(tls) = cluster.plan.tls_of(host) else { return Ok(UpstreamStream::Plain(stream)) };
    let stream = tls.connect(stream, host.address, application, server_name).await;
    match &stream {
        Ok(_) => cluster.stats.tls_handshake(),
        Err(error) => cluster.stats.tls_failed(TlsFailure::of(error)),
    }
    stream.map(|stream| UpstreamStream::Tls(Box::new(stream)))
}

/// Connects to `address`, from the address `source` where there is one.
async fn dial(source: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let Some(source) = source.and_then(|source| source_towards(source, address.ip())) else {
        return TcpStream::connect(address).await;
    };
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// The address to come from on the way to `destination`: `source`, or its counterpart in the other family (Istio knows
/// connections of its inbound side by `127.0.0.6` and `::6`). `None`: it has none.
fn source_towards(source: IpAddr, destination: IpAddr) -> Option<IpAddr> {
    const COUNTERPARTS: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(127, 0, 0, 6), Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));
    match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => Some(source),
        (IpAddr::V4(source), IpAddr::V6(_)) if source == COUNTERPARTS.0 => Some(COUNTERPARTS.1.into()),
        (IpAddr::V6(source), IpAddr::V4(_)) if source == COUNTERPARTS.1 => Some(COUNTERPARTS.0.into()),
        _ => None,
    }
}

enum Permit {
    Idle(UpstreamConnection),
    Open(OpenConnection),
}

/// An idle connection to `host` whose time is not over.
fn take_idle(cluster: &WorkerCluster, host: &Host, server_name: Option<&str>) -> Option<UpstreamConnection> {
    let configured = &cluster.plan.cluster;
    if !Expiry::is_pressing(configured) {
        return host.take_idle(server_name);
    }
    let now = Instant::now();
    loop {
        let connection = host.take_idle(server_name)?;
        match Expiry::of(&connection, configured, now) {
            None => return Some(connection),
            Some(expiry) => expiry.count(&cluster.stats),
        }
    }
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
pub fn release(cluster: &WorkerCluster, host: &Rc<Host>, connection: UpstreamConnection, now: Instant) {
    if connection.is_http2() {
        return;
    }
    let configured = &cluster.plan.cluster;
    let max_requests = configured.max_requests_per_connection;
    if max_requests != 0 && connection.served() + 1 >= max_requests {
        cluster.stats.connection_used_up();
        return;
    }
    if configured.max_connection_duration.is_some_and(|longest| now >= connection.opened() + longest) {
        cluster.stats.connection_too_old();
        return;
    }
    hand_on(cluster, |connection| connection.release(host, max_requests, now), connection);
}

/// Gives a connection back that was not used after all.
pub fn put_back(cluster: &WorkerCluster, host: &Rc<Host>, connection: UpstreamConnection) {
    // A stream that is shared is given back by dropping it.
    if connection.is_http2() {
        return;
    }
    hand_on(cluster, |connection| host.put_idle(connection), connection);
}

fn hand_on(cluster: &WorkerCluster, keep: impl FnOnce(UpstreamConnection), connection: UpstreamConnection) {
    if cluster.plan.cluster.proxy_protocol.is_some() {
        // It tells of one client.
        return;
    }
    let Some(limits) = &cluster.plan.limits else { return keep(connection) };
    if limits.pending.load(Ordering::Relaxed) == 0 {
        keep(connection);
    } else if cluster.waiting.get() > 0 {
        keep(connection);
        limits.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_of_the_destinations_family() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (source, destination, expected) in [
            ("127.0.0.6", "10.0.0.1", Some("127.0.0.6")),
            ("127.0.0.6", "fd00::1", Some("::6")),
            ("::6", "10.0.0.1", Some("127.0.0.6")),
            ("::6", "fd00::1", Some("::6")),
            ("10.0.0.9", "fd00::1", None),
        ] {
            assert_eq!(source_towards(ip(source), ip(destination)), expected.map(ip), "{source} to {destination}");
        }
    }
}
