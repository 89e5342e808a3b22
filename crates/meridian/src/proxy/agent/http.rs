//! One request over HTTP/1.1.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest body that is read of anybody (metrics are the longest).
const LONGEST: usize = 64 << 20;

/// How long an endpoint of one's own may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a request over a connection of its own.
///
/// # Errors
/// The other side speaks no HTTP.
pub(super) async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> anyhow::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the response's body, or when that is dropped.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// Asks an endpoint of this pod.
///
/// # Errors
/// It cannot be reached, speaks no HTTP, or takes too long.
pub(super) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::new())?;
    let exchange = async {
        let response = send(TcpStream::connect(address).await?, request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await.map_err(anyhow::Error::from_boxed)?;
        anyhow::Ok((status, body.to_bytes()))
    };
    timeout(PATIENCE, exchange).await.map_err(|_| anyhow::anyhow!("no answer within {PATIENCE:?}"))?
}
