//! A client of HTTP/2 by prior knowledge.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Bytes>,
    runtime: Runtime,
}

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// The head was all there was.
    pub(crate) is_head_only: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.as_ref()?.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let sender = runtime.block_on(async {
            let io = tokio::net::TcpStream::connect(address).await.expect("the listener takes connections");
            let (sender, connection) = h2::client::handshake(io).await.expect("a handshake");
            tokio::spawn(connection);
            sender
        });
        Self { sender, runtime }
    }

    /// Sends a request with a body in two frames, and trailers, where there are any.
    pub(crate) fn call(
        &mut self,
        request: Request<()>,
        body: &[u8],
        trailers: Option<HeaderMap>,
    ) -> Result<Answer, h2::Error> {
        let mut sender = self.sender.clone();
        let body = Bytes::copy_from_slice(body);
        self.runtime.block_on(async move {
            std::future::poll_fn(|cx| sender.poll_ready(cx)).await?;
            let has_ended = body.is_empty() && trailers.is_none();
            let (response, mut stream) = sender.send_request(request, has_ended)?;
            if !has_ended {
                let (first, second) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
                stream.send_data(first, false)?;
                stream.send_data(second, trailers.is_none())?;
                if let Some(trailers) = trailers {
                    stream.send_trailers(trailers)?;
                }
            }
            answer(response.await?).await
        })
    }

    /// `GET path` of `h.test`.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer, h2::Error> {
        self.call(request("GET", path), b"", None)
    }

    /// A request that is reset as soon as it was sent.
    pub(crate) fn send_and_reset(&mut self, path: &str) -> Result<(), h2::Error> {
        let mut sender = self.sender.clone();
        let request = request("GET", path);
        self.runtime.block_on(async move {
            std::future::poll_fn(|cx| sender.poll_ready(cx)).await?;
            let (_, mut stream) = sender.send_request(request, true)?;
            stream.send_reset(h2::Reason::CANCEL);
            Ok(())
        })
    }
}

async fn answer(response: http::Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let is_head_only = stream.is_end_stream();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?;
    Ok(Answer { status: parts.status, headers: parts.headers, body: body.into(), trailers, is_head_only })
}

/// A request of `h.test`.
pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://h.test{path}")).body(()).expect("a request")
}

/// Fields from names and values.
pub(crate) fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
    of.iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
        .collect()
}
