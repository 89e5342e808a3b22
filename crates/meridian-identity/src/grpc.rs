//! One call of gRPC with one message each way, over HTTP/2 (gRPC's `PROTOCOL-HTTP2`).

use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::{HeaderMap, HeaderValue, Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};

/// The longest answer that is read: a chain of certificates is some thousand bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The connection, or HTTP/2 on it.
    #[error("the connection failed: {0}")]
    Http2(#[from] h2::Error),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// The server speaks no gRPC.
    #[error("the server answered {0} and no grpc-status; is it the control plane's port 15012?")]
    NoGrpc(http::StatusCode),
    /// The server refused.
    #[error("the server refused with gRPC status {code}: {message}")]
    Status {
        /// `grpc-status`
        code: u32,
        /// `grpc-message`
        message: String,
    },
    /// The answer is not one message.
    #[error("the answer is not one uncompressed message of at most {MAX_ANSWER} bytes")]
    Answer,
}

/// Calls `path` at `authority` over a fresh connection with one message, and returns the answer's.
pub(crate) async fn unary<S>(
    stream: S,
    authority: &str,
    path: &str,
    authorization: Option<HeaderValue>,
    message: &[u8],
) -> Result<Vec<u8>, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::handshake(stream).await?;
    let call = exchange(sender, authority, path, authorization, message);
    tokio::pin!(call, connection);
    tokio::select! {
        biased;
        answer = &mut call => answer,
        ended = &mut connection => match ended {
            Err(error) => Err(error.into()),
            // Closed in good order; the call knows what it has got until then.
            Ok(()) => call.await,
        },
    }
}

async fn exchange(
    sender: h2::client::SendRequest<Bytes>,
    authority: &str,
    path: &str,
    authorization: Option<HeaderValue>,
    message: &[u8],
) -> Result<Vec<u8>, CallError> {
    let mut sender = sender.ready().await?;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("https://{authority}{path}"))
        .header(http::header::CONTENT_TYPE, "application/grpc")
        .header(http::header::TE, "trailers")
        .body(())?;
    if let Some(mut value) = authorization {
        value.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
    }
    let (response, mut body) = sender.send_request(request, false)?;
    body.send_data(frame(message)?, true)?;
    let (head, body) = response.await?.into_parts();
    if let Some(status) = status(&head.headers) {
        status?;
    }
    let (data, trailers) = read(body).await?;
    match status(&trailers.unwrap_or_default()).or_else(|| status(&head.headers)) {
        Some(Ok(())) => unframe(&data),
        Some(Err(error)) => Err(error),
        None => Err(CallError::NoGrpc(head.status)),
    }
}

async fn read(mut body: RecvStream) -> Result<(BytesMut, Option<HeaderMap>), CallError> {
    let mut data = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        if data.len() + chunk.len() > MAX_ANSWER {
            return Err(CallError::Answer);
        }
        data.extend_from_slice(&chunk);
    }
    Ok((data, body.trailers().await?))
}

/// `Length-Prefixed-Message`, not compressed.
fn frame(message: &[u8]) -> Result<Bytes, CallError> {
    let length = u32::try_from(message.len()).map_err(|_| CallError::Answer)?;
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(length);
    framed.put_slice(message);
    Ok(framed.freeze())
}

fn unframe(data: &[u8]) -> Result<Vec<u8>, CallError> {
    match data {
        [0, a, b, c, d, message @ ..] if u32::from_be_bytes([*a, *b, *c, *d]) as usize == message.len() => {
            Ok(message.to_vec())
        }
        _ => Err(CallError::Answer),
    }
}

/// What `grpc-status` says; `None` when there is none.
fn status(headers: &HeaderMap) -> Option<Result<(), CallError>> {
    let code: u32 = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    if code == 0 {
        return Some(Ok(()));
    }
    let message = headers.get("grpc-message").map(HeaderValue::as_bytes).unwrap_or_default();
    let message = percent_encoding::percent_decode(message).decode_utf8_lossy().into_owned();
    Some(Err(CallError::Status { code, message }))
}
