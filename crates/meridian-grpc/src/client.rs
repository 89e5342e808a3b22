//! A connection to a gRPC server.

use crate::tls::ClientTls;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::body::Body;
use tower_service::Service;

/// How long making a connection may take, with TLS (Envoy: 10 s for its cluster `xds-grpc`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A silent server is asked so often whether it is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// And is given up when it has not answered within this time.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server may send before it is read: a first configuration comes in one piece.
const WINDOW: u32 = 4 << 20;

/// Where a server is: `HOST:PORT`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let wrong = || format!("found {text:?}, allowed: HOST:PORT, such as istiod.istio-system.svc:15012");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').filter(|host| host.contains(':')),
            None => Some(host).filter(|host| !host.contains(':')),
        };
        let host = host.filter(|host| !host.is_empty() && !host.contains(['/', ' '])).ok_or_else(wrong)?;
        Ok(Target { host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("cannot reach the control plane at {target}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        target: Target,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// The handshake failed.
    #[error("the TLS handshake with the control plane at {target} failed: {reason}")]
    Tls {
        /// Where it is.
        target: Target,
        /// The reason.
        reason: io::Error,
    },
    /// The other end does not speak HTTP/2.
    #[error("{target} does not speak HTTP/2, which gRPC needs: {reason}")]
    Http2 {
        /// Where it is.
        target: Target,
        /// The reason.
        reason: hyper::Error,
    },
    /// It took too long.
    #[error("the control plane at {0} did not answer within {CONNECT_TIMEOUT:?}")]
    TimedOut(Target),
}

/// A connection, which tonic's client speaks through: `tonic::client::Grpc::with_origin(connection, origin)`. Its copies
/// share it.
#[derive(Debug, Clone)]
pub struct Connection {
    sender: SendRequest<Body>,
    origin: Uri,
}

impl Connection {
    /// The scheme and authority of requests on it.
    #[must_use]
    pub fn origin(&self) -> Uri {
        self.origin.clone()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Connects to `target`, with TLS where there is `tls`. The connection is driven by a task of the current runtime and
/// ends with its last copy.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(target: &Target, tls: Option<&ClientTls>) -> Result<Connection, ConnectError> {
    let connecting = async {
        let unreachable = |reason| ConnectError::Unreachable { target: target.clone(), reason };
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        match tls {
            None => handshake(stream, target, "http", &target.to_string()).await,
            Some(tls) => {
                let failed = |reason| ConnectError::Tls { target: target.clone(), reason };
                let stream = tls.connect(stream).await.map_err(failed)?;
                handshake(stream, target, "https", tls.server_name()).await
            }
        }
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| ConnectError::TimedOut(target.clone()))?
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    scheme: &str,
    authority: &str,
) -> Result<Connection, ConnectError> {
    let failed = |reason| ConnectError::Http2 { target: target.clone(), reason };
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "the connection to the control plane ended");
        }
    });
    let origin = format!("{scheme}://{authority}");
    // A name that is no authority (it has a scope, say) is no reason not to talk: servers of gRPC do not look at it.
    let origin = origin.parse().unwrap_or_else(|_| Uri::from_static("http://localhost"));
    Ok(Connection { sender, origin })
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_hosts_with_ports() {
        for (text, host, port) in [
            ("istiod.istio-system.svc:15012", "istiod.istio-system.svc", 15012),
            ("10.0.0.1:15010", "10.0.0.1", 15010),
            ("[::1]:15010", "::1", 15010),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!(target.to_string(), text);
        }
        for text in ["", "host", ":15012", "host:", "host:port", "::1:15012", "[host]:1", "http://host:1"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
