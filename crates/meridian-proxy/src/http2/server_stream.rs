//! A client's stream as the pipeline sees it: a request to read, and a response to write.

use super::error::{io_error, stream_error};
use super::reader::Reader;
use super::text::{self, Head, HeadTextError};
use super::writer::Writer;
use crate::outcome::ResetReason;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request};
use meridian_http::Framing;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One request and its response.
pub struct ServerStream {
    request: Reader,
    respond: SendResponse<Bytes>,
    /// The response's body, once its head was sent.
    response: Option<SendStream<Bytes>>,
    writer: Writer,
    is_head: bool,
    /// The client has reset the stream.
    is_reset: bool,
}

impl ServerStream {
    pub(super) fn new(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let has_ended = body.is_end_stream();
        let mut head = Vec::with_capacity(512);
        text::write_request(&Request::from_parts(parts, ()), has_ended, &mut head);
        Self {
            request: Reader::new(head, (!has_ended).then_some(body)),
            respond,
            response: None,
            writer: Writer::default(),
            is_head,
            is_reset: false,
        }
    }

    /// Whether the client has reset the stream, as far as the pipeline has looked.
    pub(super) fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// Ready when the client has reset the stream.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reset = match &mut self.response {
            Some(response) => response.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|reset| {
            self.is_reset = true;
            match reset {
                Ok(_) => stream_error(ResetReason::RemoteReset),
                Err(error) => io_error(&error),
            }
        })
    }

    /// Sends a head and returns how many bytes of `text` it took, the end of an empty body included.
    fn send_head(&mut self, text: &[u8]) -> io::Result<usize> {
        let head = Head::parse(text)?;
        let (framing, mut len) = (head.framing, head.len);
        let status = head.status()?;
        if status.is_informational() {
            // HTTP/2 has no 101 (RFC 9113 section 8.6), and the pipeline none for a request that cannot ask for it.
            let response = head.into_response()?;
            self.respond.send_informational(response).map_err(|error| io_error(&error))?;
            return Ok(len);
        }
        let is_empty = framing == Framing::Chunked && text[len..].starts_with(meridian_http::body::LAST_CHUNK);
        let has_no_body = self.is_head || framing.is_empty() || matches!(status.as_u16(), 204 | 304);
        if is_empty {
            len += meridian_http::body::LAST_CHUNK.len();
        }
        let has_ended = has_no_body || is_empty;
        let response = head.into_response()?;
        self.response = Some(self.respond.send_response(response, has_ended).map_err(|error| io_error(&error))?);
        self.writer = Writer::new(if has_ended { Framing::None } else { framing });
        Ok(len)
    }
}

impl fmt::Debug for ServerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStream").field("id", &self.respond.stream_id()).finish_non_exhaustive()
    }
}

impl AsyncRead for ServerStream {
    /// The end of a request is not the end of what is read: until the response is sent, the client may go away.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.request.poll_read(cx, buf) {
            Poll::Ready(Ok(true)) => Poll::Ready(Ok(())),
            Poll::Ready(Ok(false)) => this.poll_reset(cx).map(Err),
            Poll::Ready(Err(error)) => {
                this.is_reset = true;
                Poll::Ready(Err(error))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = 0;
        if this.response.is_none() {
            written = this.send_head(buf)?;
        }
        let Some(response) = &mut this.response else { return Poll::Ready(Ok(written)) };
        if written == buf.len() {
            return Poll::Ready(Ok(written));
        }
        if this.writer.has_ended() {
            return Poll::Ready(Err(HeadTextError::Incomplete.into()));
        }
        match this.writer.poll_write(cx, response, &buf[written..]) {
            Poll::Ready(Ok(more)) => Poll::Ready(Ok(written + more)),
            Poll::Pending if written > 0 => Poll::Ready(Ok(written)),
            other => other,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for ServerStream {
    /// A response that is not complete is reset, so that the client cannot take it for a whole one.
    fn drop(&mut self) {
        if !self.writer.has_ended() {
            match &mut self.response {
                Some(response) => response.send_reset(Reason::INTERNAL_ERROR),
                None => self.respond.send_reset(Reason::INTERNAL_ERROR),
            }
        }
    }
}
