//! A stream to an endpoint as the pipeline sees it: a request to write, and a response to read.

use super::error::{io_error, stream_error};
use super::reader::Reader;
use super::text::{self, Head};
use super::writer::Writer;
use crate::outcome::ResetReason;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Response};
use meridian_http::Framing;
use meridian_http::body::LAST_CHUNK;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One request and its response on a connection that others share.
pub struct ClientStream {
    sender: SendRequest<Bytes>,
    scheme: &'static str,
    request: Option<SendStream<Bytes>>,
    writer: Writer,
    awaited: Option<ResponseFuture>,
    response: Reader,
    is_head: bool,
    /// What went wrong before there was a stream.
    failed: Option<ResetReason>,
}

impl ClientStream {
    /// A stream that opens with the request's head.
    pub(crate) fn new(sender: SendRequest<Bytes>) -> Self {
        Self {
            sender,
            scheme: "http",
            request: None,
            writer: Writer::default(),
            awaited: None,
            response: Reader::new(Vec::new(), None),
            is_head: false,
            failed: None,
        }
    }

    /// The `:scheme` of the request; `http` when nothing is said.
    pub(crate) fn set_scheme(&mut self, scheme: &'static str) {
        self.scheme = scheme;
    }

    /// Opens the stream and returns how many bytes of `text` it took, the end of an empty body included.
    fn send_head(&mut self, text: &[u8]) -> io::Result<usize> {
        let head = Head::parse(text)?;
        let (framing, mut len) = (head.framing, head.len);
        let is_empty = framing == Framing::Chunked && text[len..].starts_with(LAST_CHUNK);
        if is_empty {
            len += LAST_CHUNK.len();
        }
        let has_ended = framing.is_empty() || is_empty;
        let request = head.into_request(self.scheme)?;
        self.is_head = request.method() == Method::HEAD;
        let (awaited, request) = self.sender.send_request(request, has_ended).map_err(|error| {
            // The connection was shut down in between: the endpoint has not seen the request.
            let error = io_error(&error);
            self.failed = Some(super::reset_reason(&error));
            error
        })?;
        self.awaited = Some(awaited);
        self.request = Some(request);
        self.writer = Writer::new(if has_ended { Framing::None } else { framing });
        Ok(len)
    }

    /// Puts the text of the next head, final or not, before the reader.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(awaited) = &mut self.awaited else {
            return match self.failed {
                Some(reason) => Poll::Ready(Err(stream_error(reason))),
                None => Poll::Pending,
            };
        };
        if let Poll::Ready(Some(interim)) = awaited.poll_informational(cx) {
            let interim = interim.map_err(|error| io_error(&error))?;
            text::write_response(&interim, false, self.response.text_mut());
            return Poll::Ready(Ok(()));
        }
        let response = ready!(Pin::new(awaited).poll(cx)).map_err(|error| io_error(&error))?;
        self.awaited = None;
        self.take_response(response);
        Poll::Ready(Ok(()))
    }

    /// The head of the response with the end of an empty body, so that both are read at once.
    fn take_response(&mut self, response: Response<RecvStream>) {
        let status = response.status().as_u16();
        let (parts, body) = response.into_parts();
        let has_no_body = self.is_head || matches!(status, 204 | 304);
        let has_ended = body.is_end_stream();
        let has_length = parts.headers.contains_key(http::header::CONTENT_LENGTH);
        let is_chunked = !(has_no_body || has_ended && has_length);
        let text = self.response.text_mut();
        text::write_response(&Response::from_parts(parts, ()), is_chunked, text);
        if is_chunked && has_ended {
            text.extend_from_slice(LAST_CHUNK);
        }
        self.response.begin_body((is_chunked && !has_ended).then_some(body));
    }
}

impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.request.as_ref().map(SendStream::stream_id);
        f.debug_struct("ClientStream").field("id", &id).finish_non_exhaustive()
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if ready!(this.response.poll_read(cx, buf))? {
                return Poll::Ready(Ok(()));
            }
            if this.awaited.is_none() && this.request.is_some() {
                // The response is over, which its framing has told.
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_head(cx))?;
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = 0;
        if this.request.is_none() {
            written = this.send_head(buf)?;
        }
        let Some(request) = &mut this.request else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        if written == buf.len() {
            return Poll::Ready(Ok(written));
        }
        match this.writer.poll_write(cx, request, &buf[written..]) {
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

impl Drop for ClientStream {
    /// A request that is not complete is given up, whether it was answered or not.
    fn drop(&mut self) {
        if let Some(request) = &mut self.request
            && !self.writer.has_ended()
        {
            request.send_reset(Reason::CANCEL);
        }
    }
}
