//! One GET over HTTP/1.1 without TLS.

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long an answer may take, body included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

/// Asks the server at `authority` (`host:port`) for `path`.
///
/// # Errors
/// It cannot be reached, does not speak HTTP, or takes too long.
pub(crate) async fn get(authority: &str, path: &str) -> anyhow::Result<Answer> {
    let answer = tokio::time::timeout(TIMEOUT, exchange(authority, path)).await;
    answer.map_err(|_| anyhow!("no answer within {TIMEOUT:?}"))?
}

async fn exchange(authority: &str, path: &str) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .with_context(|| format!("{authority}{path} is not an address"))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}
