//! One accepted connection, up to the filters of its chain.

use super::captured::original_destination;
use super::{FilterRuntime, WorkerChain, WorkerListener};
use crate::http1;
use crate::http2;
use crate::inspect::{self, InspectError, Inspection, inspect};
use crate::outcome::{Ending, Flags};
use crate::proxy_protocol::Addresses;
use crate::record::{Downstream as RecordDownstream, NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use crate::stats::Blocked;
use crate::tcp;
use crate::tls::{self, PeerCertificate, Refused, ServerTls, TlsError, TlsFailure};
use crate::worker::{ConnectionHandle, Worker};
use meridian_ir::filter_chain::{ConnectionView, TransportProtocol};
use meridian_ir::listener::Direction;
use meridian_tls::Certificate;
use rustls::HandshakeKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its first bytes where the choice of a chain depends on them (Envoy's
/// `listener_filters_timeout`).
const INSPECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What is known of a connection before its first request.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// A number that no other connection of this process has.
    pub id: u64,
    /// Where the client was going.
    pub local: SocketAddr,
    /// The client.
    pub remote: SocketAddr,
    /// The ends of the connection itself, where a PROXY protocol header told of others, or where it was captured.
    pub direct: Option<Box<Direct>>,
    /// Its address as text, for headers.
    pub remote_ip: String,
    /// SNI, lowercase.
    pub server_name: Option<String>,
    /// What was agreed on when TLS was terminated here.
    pub tls: Option<Box<TlsInfo>>,
    /// Which side of the mesh its listener serves.
    pub direction: Direction,
    /// The client speaks TLS, and not with this proxy.
    pub passes_tls: bool,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direct {
    /// Our side.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
}

/// What client and gateway agreed on.
#[derive(Debug, Clone)]
pub struct TlsInfo {
    /// `TLSv1.3`
    pub version: Option<&'static str>,
    /// The cipher suite by OpenSSL's name.
    pub cipher: Option<&'static str>,
    /// The group of the key exchange (`X25519`).
    pub group: Option<&'static str>,
    /// How long the handshake took.
    pub handshake: Duration,
    /// The client's certificate, when it has shown one.
    pub peer: Option<Rc<PeerCertificate>>,
    /// The certificate that it was shown.
    pub local: Option<Arc<Certificate>>,
    /// HTTP/2 was agreed on by ALPN.
    pub is_http2: bool,
}

impl ConnectionInfo {
    /// A PROXY protocol header has told of the connection behind this one.
    fn set_proxied(&mut self, told: Option<Addresses>) {
        let Some(Addresses { source, destination }) = told else { return };
        let direct = Direct { local: self.local, remote: self.remote };
        self.direct.get_or_insert_with(|| Box::new(direct));
        (self.remote, self.local) = (source, destination);
        self.remote_ip = source.ip().to_canonical().to_string();
    }

    /// The connection was captured on its way to `destination`.
    fn set_captured(&mut self, destination: SocketAddr) {
        self.direct = Some(Box::new(Direct { local: self.local, remote: self.remote }));
        self.local = destination;
    }

    /// What an endpoint is told of this connection by the PROXY protocol.
    pub fn addresses(&self) -> Addresses {
        Addresses { source: self.remote, destination: self.local }
    }

    /// Where the client was going when something sent it here on its way, as far as that told; `None`: here. Clusters
    /// of original destinations forward to it. Whoever came to the very address that it was accepted at was going
    /// nowhere else: forwarding there would come back here.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.direct.as_ref().filter(|direct| direct.local != self.local).map(|_| self.local)
    }

    /// As records show it. `remote` is the client as trusted headers tell it.
    pub fn record(&self, remote: SocketAddr) -> RecordDownstream<'_> {
        RecordDownstream {
            connection_id: self.id,
            local: self.local,
            remote,
            direct_remote: self.direct.as_ref().map_or(self.remote, |direct| direct.remote),
            direct_local: self.direct.as_ref().map_or(self.local, |direct| direct.local),
            server_name: self.server_name.as_deref(),
            tls_version: self.tls.as_ref().and_then(|tls| tls.version),
            tls_cipher: self.tls.as_ref().and_then(|tls| tls.cipher),
            tls_group: self.tls.as_ref().and_then(|tls| tls.group),
            tls_failure: None,
            handshake: self.tls.as_ref().map(|tls| tls.handshake),
            peer: self.tls.as_ref().and_then(|tls| tls.peer.as_deref()),
            local_certificate: self.tls.as_ref().and_then(|tls| tls.local.as_deref()),
            direction: self.direction,
            workload: None,
        }
    }
}

/// Serves a connection to its end, or hands it over to a task of its own.
pub(super) async fn serve(worker: Rc<Worker>, listener: Rc<WorkerListener>, stream: TcpStream, peer: SocketAddr) {
    // A client that is gone already has no local address either.
    let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else { return };
    let mut info = ConnectionInfo {
        id: 0,
        local,
        remote: peer,
        direct: None,
        remote_ip: peer.ip().to_canonical().to_string(),
        server_name: None,
        tls: None,
        direction: Direction::Outbound,
        passes_tls: false,
    };
    let chains = listener.chains();
    let (capture, is_proxied) = (&chains.plan.listener.capture, chains.plan.listener.proxy_protocol);
    if capture.original_dst || capture.hand_over {
        info.set_captured(original_destination(&stream, local));
    }
    let mut open = OpenConnection::new(&worker, if is_proxied { listener } else { owner(&worker, listener, &info) });
    open.watch().await;
    if is_proxied {
        let received = unless_stopped(&open.handle, receive_proxied(&worker, &open.listener, &stream, info)).await;
        let Some(received) = received.flatten() else { return };
        info = received;
        let owner = owner(&worker, open.listener.clone(), &info);
        if !Rc::ptr_eq(&owner, &open.listener) {
            open = OpenConnection::new(&worker, owner);
            open.watch().await;
        }
    }
    info.id = open.handle.id;
    info.direction = open.listener.chains().plan.listener.direction;
    let chosen = unless_stopped(&open.handle, choose_chain(&worker, &open.listener, &stream, info)).await;
    if let Some((chain, info)) = chosen.flatten() {
        serve_chain(worker, open, chain, stream, info).await;
    }
}

/// The listener that serves a connection which `listener` has accepted: that of the address to which it was going, where
/// `listener` hands connections over and there is one.
fn owner(worker: &Worker, listener: Rc<WorkerListener>, info: &ConnectionInfo) -> Rc<WorkerListener> {
    if !listener.chains().plan.listener.capture.hand_over {
        return listener;
    }
    worker.listener_at(info.local).unwrap_or(listener)
}

/// Runs `future`, but not beyond the moment at which the proxy stops: `None` then.
async fn unless_stopped<F: Future>(handle: &ConnectionHandle, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        if handle.closes_idle() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// A connection that is counted as open as long as this lives.
#[derive(Debug)]
pub struct OpenConnection {
    /// The listener that it came to.
    pub listener: Rc<WorkerListener>,
    /// How others reach it.
    pub handle: Rc<ConnectionHandle>,
}

impl OpenConnection {
    fn new(worker: &Worker, listener: Rc<WorkerListener>) -> Self {
        listener.stats.connection_opened();
        Self { handle: listener.connections.opened(worker.connection_id()), listener }
    }

    /// To be awaited first by the task that serves the connection: from then on it is woken when it must end.
    pub async fn watch(&self) {
        std::future::poll_fn(|cx| {
            self.handle.watch(cx);
            Poll::Ready(())
        })
        .await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.listener.stats.connection_closed();
        self.listener.connections.closed(&self.handle);
    }
}

/// Takes the PROXY protocol header off a connection. What is known then; `None`: the connection ends here.
async fn receive_proxied(
    worker: &Worker,
    listener: &WorkerListener,
    stream: &TcpStream,
    mut info: ConnectionInfo,
) -> Option<ConnectionInfo> {
    match inspect::receive(stream, INSPECT_TIMEOUT).await {
        Ok(told) => {
            info.set_proxied(told);
            Some(info)
        }
        Err(InspectError::TimedOut(_)) => {
            listener.stats.inspection_timed_out();
            None
        }
        Err(error) => {
            tracing::debug!(peer = %info.remote, "a connection is refused: {error}");
            let record = record(&info, Ending::ProxyProtocol, None);
            listener.chains().log_refused(worker, &record);
            None
        }
    }
}

/// What the first bytes are, as far as the listener looks at those of connections to this destination. `None`: the
/// connection ends here.
async fn look(listener: &WorkerListener, stream: &TcpStream, destination: SocketAddr) -> Option<Inspection> {
    let chains = listener.chains();
    let configured = &chains.plan.listener;
    let inspectors = configured.inspectors(destination.port());
    if !inspectors.tls && !inspectors.http {
        return Some(Inspection::default());
    }
    let timeout = Some(configured.inspect_timeout.unwrap_or(INSPECT_TIMEOUT)).filter(|timeout| !timeout.is_zero());
    match inspect(stream, inspectors, timeout).await {
        Ok(inspection) => Some(inspection),
        Err(InspectError::TimedOut(_)) => {
            listener.stats.inspection_timed_out();
            configured.continue_on_inspect_timeout.then(Inspection::default)
        }
        // A client that sends nothing, or no whole ClientHello, leaves nothing to log, as in Envoy.
        Err(_) => None,
    }
}

/// Looks at the first bytes where the listener wants it, and selects the chain. `None`: the connection ends here.
async fn choose_chain(
    worker: &Worker,
    listener: &WorkerListener,
    stream: &TcpStream,
    mut info: ConnectionInfo,
) -> Option<(Rc<WorkerChain>, ConnectionInfo)> {
    let inspection = look(listener, stream, info.local).await?;
    info.server_name.clone_from(&inspection.hello.server_name);
    let view = ConnectionView {
        destination: info.local,
        server_name: info.server_name.as_deref(),
        transport_protocol: inspection.transport,
        application_protocols: &inspection.application_protocols(),
    };
    // The chains may have changed while the first bytes were awaited.
    let chains = listener.chains();
    let chain = chains.select(&view);
    if chain.is_none() {
        listener.stats.no_filter_chain();
        worker.stats.blocked(Blocked::NoFilterChain, info.server_name.as_deref(), info.local.ip());
        chains.log_refused(worker, &record(&info, Ending::FilterChainNotFound, None));
    }
    let chain = chain?;
    info.passes_tls = inspection.transport == TransportProtocol::Tls && chain.plan.tls.is_none();
    Some((chain, info))
}

/// The record of a connection that ends before any filter sees it.
fn record<'i>(info: &'i ConnectionInfo, ending: Ending, tls_failure: Option<&'i str>) -> Record<'i> {
    let mut flags = Flags::default();
    ending.add_flags(false, &mut flags);
    Record {
        protocol: Protocol::Tcp,
        start: SystemTime::now(),
        timeline: Timeline::default(),
        request: &NoHeaders,
        response: &NoHeaders,
        trailers: &NoHeaders,
        response_code: 0,
        flags,
        details: ending.details(),
        connection_termination: None,
        bytes_received: 0,
        bytes_sent: 0,
        request_head_bytes: 0,
        response_head_bytes: 0,
        wire: WireBytes::default(),
        downstream: RecordDownstream { tls_failure, ..info.record(info.remote) },
        upstream: Upstream::default(),
        route_name: "",
        filter_chain_name: "",
    }
}

async fn serve_chain(
    worker: Rc<Worker>,
    open: OpenConnection,
    chain: Rc<WorkerChain>,
    stream: TcpStream,
    mut info: ConnectionInfo,
) {
    let (listener, began) = (&open.listener, Instant::now());
    let io = match &chain.plan.tls {
        None => http1::Downstream::Plain(stream),
        Some(config) => match unless_stopped(&open.handle, handshake(config, stream)).await {
            None => return,
            Some(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
                listener.stats.tls_handshake(is_resumed, session.peer_certificates().is_some());
                let server = config.as_ref().ok();
                let peer = server.zip(session.peer_certificates()).and_then(|(server, chain)| server.peer(chain));
                info.tls = Some(Box::new(TlsInfo {
                    version: session.protocol_version().and_then(tls::version_name),
                    cipher: session.negotiated_cipher_suite().and_then(|suite| tls::cipher_name(suite.suite())),
                    group: session.negotiated_key_exchange_group().and_then(|group| tls::group_name(group.name())),
                    handshake: began.elapsed(),
                    peer: peer.map(Rc::new),
                    local: server.and_then(|server| server.local.clone()),
                    is_http2: session.alpn_protocol() == Some(http2::ALPN),
                }));
                http1::Downstream::Tls(Box::new(stream))
            }
            Some(Err((refused, reason))) => {
                listener.stats.tls_failed(refused.failure);
                let record = record(&info, Ending::TlsHandshakeFailed, reason.as_deref());
                listener.chains().log_refused(&worker, &record);
                unless_stopped(&open.handle, refused.close()).await;
                return;
            }
        },
    };
    match &chain.runtime {
        FilterRuntime::Http(http) => {
            let http = http.clone();
            // A task of its own, so that an idle connection does not hold what choosing a chain has needed.
            tokio::task::spawn_local(http1::serve(http1::Start { worker, open, chain, http, io, info }));
        }
        FilterRuntime::Tcp(tcp) => {
            let (tcp, chain_name) = (tcp.clone(), chain.plan.chain.name.clone());
            let handle = open.handle.clone();
            tcp::serve(tcp::Start { worker, tcp, chain_name, handle, io, info }).await;
        }
    }
}

/// What failed, and the reason as the log prints it, when there is no handshake.
async fn handshake(
    server: &Result<Arc<ServerTls>, TlsError>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, (Refused, Option<String>)> {
    match server {
        Ok(server) => {
            let refused = |refused: Refused| {
                let reason = refused.failure.map(|failure| failure.to_string());
                (refused, reason)
            };
            tls::accept(server, stream).await.map_err(refused)
        }
        Err(error) => {
            let reason = format!("{}:_{}", TlsFailure::NotReady, error.to_string().replace(' ', "_"));
            Err((Refused::without_tls(), Some(reason)))
        }
    }
}
