//! One connection: TLS, who is at its other end, HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::api::Api;
use crate::authn::{Authenticator, Certificate};
use crate::body::Answer;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::http;
use crate::tls::Verifier;
use crate::watch::WatchSettings;

/// How long a client may take to send the head of a request, and how long a connection may be idle before it; as in
/// Kubernetes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a client may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many requests a client may have open on a connection (kube-apiserver's `--http2-max-streams-per-connection`).
const MAX_STREAMS: u32 = 250;
/// How often a silent HTTP/2 connection is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// The answer to plain HTTP where TLS is spoken, as Go's server gives it.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// How connections come in.
#[derive(Clone)]
pub(crate) enum Door {
    /// In plain HTTP, and whoever comes may do everything.
    Open,
    /// By TLS.
    Tls(Tls),
}

/// What judges clients.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) verifier: Verifier,
    pub(crate) authenticator: Authenticator,
}

/// How requests of a connection are known.
enum Guard {
    Open,
    Known { authenticator: Authenticator, certificate: Certificate },
}

impl Guard {
    fn caller(&self, request: &Request<Incoming>) -> Result<Caller, ApiError> {
        match self {
            Guard::Open => Ok(Caller::meridian()),
            Guard::Known { authenticator, certificate } => authenticator.caller(certificate, request.headers()),
        }
    }
}

/// Serves a connection to its end; an error says why it ended early.
pub(crate) async fn serve(api: Api, settings: WatchSettings, stream: TcpStream, door: Door) -> Result<(), String> {
    let Door::Tls(tls) = door else {
        return exchange(api, settings, stream, Guard::Open, false).await;
    };
    let mut stopping = settings.stopping.clone();
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake(&tls, stream));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = stopping.wait() => return Ok(()),
    };
    let Some(stream) = handshake.map_err(|_| "the TLS handshake took too long".to_owned())?? else { return Ok(()) };
    let (_, session) = stream.get_ref();
    let certificate = Certificate::judge(&tls.verifier, session.peer_certificates());
    let http2 = session.alpn_protocol() == Some(b"h2");
    exchange(api, settings, stream, Guard::Known { authenticator: tls.authenticator, certificate }, http2).await
}

/// `None`: the client spoke plain HTTP and was told so.
async fn handshake(
    tls: &Tls,
    mut stream: TcpStream,
) -> Result<Option<tokio_rustls::server::TlsStream<TcpStream>>, String> {
    let mut first = [0; 8];
    let length = stream.peek(&mut first).await.map_err(|error| error.to_string())?;
    // A record of TLS begins with a byte below 32, a method with a capital letter.
    if first[..length].first().is_some_and(u8::is_ascii_uppercase) {
        stream.write_all(NOT_TLS).await.map_err(|error| error.to_string())?;
        stream.shutdown().await.map_err(|error| error.to_string())?;
        // What was sent is read: a connection with bytes unread is reset, and the answer lost with it.
        let mut nowhere = tokio::io::sink();
        let rest = tokio::io::copy(&mut stream, &mut nowhere);
        let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
        return Ok(None);
    }
    tls.acceptor.accept(stream).await.map(Some).map_err(|error| error.to_string())
}

async fn exchange(
    api: Api,
    settings: WatchSettings,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    guard: Guard,
    http2: bool,
) -> Result<(), String> {
    let mut stopping = settings.stopping.clone();
    let shared = Arc::new((api, settings, guard));
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let stream = TokioIo::new(stream);
    if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .serve_connection(stream, service);
        tokio::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => result,
            () = stopping.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(stream, service);
        tokio::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => result,
            () = stopping.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
    .map_err(|error| error.to_string())
}

async fn answer(shared: &(Api, WatchSettings, Guard), request: Request<Incoming>) -> Response<Answer> {
    let (api, settings, guard) = shared;
    match guard.caller(&request) {
        Ok(caller) => http::answer(api, settings, caller, request).await,
        Err(error) => {
            http::discard(request.into_body()).await;
            http::refusal(&error)
        }
    }
}
