//! The health of a gRPC server (`grpc.health.v1.Health/Check`).

use anyhow::{Context, bail};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::Request;
use prost::Message;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// `grpc.health.v1.HealthCheckRequest`
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SERVING`
const SERVING: i32 = 1;

/// The longest answer that makes sense.
const LONGEST: usize = 1 << 10;

/// Asks whether the service is served.
///
/// # Errors
/// It is not, or the server does not say so.
pub(super) async fn check(stream: TcpStream, to: SocketAddr, service: &str) -> anyhow::Result<()> {
    let (sender, connection) = h2::client::handshake(stream).await.context("no HTTP/2")?;
    let connection = tokio::spawn(connection);
    let checked = exchange(sender, to, service).await;
    connection.abort();
    checked
}

async fn exchange(sender: h2::client::SendRequest<Bytes>, to: SocketAddr, service: &str) -> anyhow::Result<()> {
    let request = Request::post(format!("http://{to}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/meridian")
        .body(())?;
    let mut sender = sender.ready().await?;
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(framed(&HealthCheckRequest { service: service.to_owned() }), true)?;
    let response = response.await?;
    // An error without a message comes in the head.
    status(response.headers())?;
    let mut body = response.into_body();
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.extend_from_slice(&data);
        if message.len() > LONGEST {
            bail!("the answer is too long");
        }
    }
    if let Some(trailers) = body.trailers().await? {
        status(&trailers)?;
    }
    let message = message.get(5..).context("the answer has no message")?;
    match HealthCheckResponse::decode(message)?.status {
        SERVING => Ok(()),
        other => bail!("found the status {other}, which is not SERVING"),
    }
}

/// A message with its length before it, not compressed.
fn framed(message: &HealthCheckRequest) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&message.encode_to_vec());
    frame.freeze()
}

/// Whether `grpc-status`, where there is one, is OK.
fn status(headers: &hyper::HeaderMap) -> anyhow::Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "" | "0" => Ok(()),
        "12" => bail!("the server does not implement the gRPC health protocol"),
        other => bail!("gRPC status {other}: {}", text("grpc-message")),
    }
}
