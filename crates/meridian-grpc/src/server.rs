//! Several gRPC services on one port.

use crate::Peer;
use crate::tls::ServerTls;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A silent client is asked so often whether it is there (istiod: 30 s).
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// And is given up when it has not answered within this time (istiod: 10 s).
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests at one time on one connection; a proxy has two or three.
const MAX_CONCURRENT_STREAMS: u32 = 100;

/// Connections at one time. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// Largest message of a client, in bytes: the names and versions of all resources of a proxy that comes back.
const MAX_MESSAGE: usize = 32 << 20;

/// The pause after `accept` fails for want of descriptors, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a handler answers with.
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What answers the requests of one service, of all its methods. The request's extensions hold a [`Peer`].
pub type Handler = Arc<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>;

/// Services by their full names.
#[derive(Clone, Default)]
pub struct Server {
    services: HashMap<&'static str, Handler>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.services.keys()).finish()
    }
}

impl Server {
    /// A server without services.
    #[must_use]
    pub fn new() -> Server {
        Server::default()
    }

    /// Adds a service under its full name, such as `envoy.service.discovery.v3.AggregatedDiscoveryService`. Requests
    /// for others are answered UNIMPLEMENTED.
    #[must_use]
    pub fn with(mut self, name: &'static str, handler: Handler) -> Server {
        self.services.insert(name, handler);
        self
    }

    /// Accepts connections, with TLS where there is `tls`, until `stop` is told; then ends all of them.
    pub async fn serve(self, listener: TcpListener, tls: Option<Arc<ServerTls>>, mut stop: watch::Receiver<bool>) {
        let server = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let is_full = connections.len() >= MAX_CONNECTIONS;
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept(), if !is_full => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    connections.spawn(connection(server.clone(), stream, address, tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the control plane could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Accepts connections on a Unix socket until `stop` is told. Who may connect is decided by where the socket lies.
    pub async fn serve_unix(self, listener: UnixListener, mut stop: watch::Receiver<bool>) {
        let server = Arc::new(self);
        let mut connections = JoinSet::new();
        let nobody = Peer { address: ([127, 0, 0, 1], 0).into(), is_tls: false, certificates: Arc::default() };
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (server, peer) = (server.clone(), nobody.clone());
                    connections.spawn(async move { serve(&server, stream, peer).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to a Unix socket could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(service, _)| service);
        match service.and_then(|service| self.services.get(service)) {
            Some(handler) => handler(request),
            None => {
                let mut known: Vec<&str> = self.services.keys().copied().collect();
                known.sort_unstable();
                let message = format!("found {path}, allowed: methods of {}", known.join(", "));
                Box::pin(std::future::ready(Status::unimplemented(message).into_http()))
            }
        }
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream, address: SocketAddr, tls: Option<Arc<ServerTls>>) {
    // A push of one small resource must not wait for an acknowledgement of the one before it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "TCP_NODELAY");
    }
    let Some(tls) = tls else {
        let peer = Peer { address, is_tls: false, certificates: Arc::default() };
        return serve(&server, stream, peer).await;
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok((stream, certificates))) => serve(&server, stream, Peer { address, is_tls: true, certificates }).await,
        Ok(Err(error)) => tracing::warn!(%address, %error, "a TLS handshake with the control plane failed"),
        Err(_) => tracing::warn!(%address, "a TLS handshake with the control plane took too long"),
    }
}

async fn serve(server: &Arc<Server>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
    let address = peer.address;
    let answer = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        let answer = server.answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%address, %error, "a connection to the control plane ended");
    }
}

/// Answers a request of a unary method by `call`, whose request has the [`Peer`] among its extensions.
pub async fn unary<In, Out, F>(
    request: Request<Incoming>,
    call: impl FnMut(tonic::Request<In>) -> F + Send,
) -> Response<Body>
where
    In: Message + Default + 'static,
    Out: Message + Default + 'static,
    F: Future<Output = Result<tonic::Response<Out>, Status>>,
{
    let mut grpc = tonic::server::Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE);
    grpc.unary(Call(call), request).await
}

/// Answers a request of a method with a stream in both directions by `call`, likewise.
pub async fn streaming<In, Out, S, F>(
    request: Request<Incoming>,
    call: impl FnMut(tonic::Request<Streaming<In>>) -> F + Send,
) -> Response<Body>
where
    In: Message + Default + 'static,
    Out: Message + Default + 'static,
    S: Stream<Item = Result<Out, Status>> + Send + 'static,
    F: Future<Output = Result<tonic::Response<S>, Status>>,
{
    let mut grpc = tonic::server::Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE);
    grpc.streaming(Call(call), request).await
}

/// A function as a service.
struct Call<C>(C);

impl<C, In, Out, F> Service<tonic::Request<In>> for Call<C>
where
    C: FnMut(tonic::Request<In>) -> F + Send,
    F: Future<Output = Result<tonic::Response<Out>, Status>>,
{
    type Response = tonic::Response<Out>;
    type Error = Status;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<In>) -> F {
        (self.0)(request)
    }
}
