//! One direction of a stream, read as the text of an HTTP/1.1 message.

use super::error::io_error;
use super::text;
use bytes::{Buf, Bytes};
use h2::RecvStream;
use meridian_http::body::{CHUNK_END, ChunkHead};
use std::io;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// What of the stream comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Data,
    Trailers,
    Nothing,
}

/// Gives the text of a head, and behind it the stream's DATA frames as chunks, and its trailers behind those.
#[derive(Debug)]
pub(super) struct Reader {
    text: Vec<u8>,
    at: usize,
    data: Bytes,
    stream: Option<RecvStream>,
    next: Next,
}

impl Reader {
    /// A message whose head is `text`. With a `body` the head says that chunks follow.
    pub(super) fn new(text: Vec<u8>, body: Option<RecvStream>) -> Self {
        let next = if body.is_some() { Next::Data } else { Next::Nothing };
        Self { text, at: 0, data: Bytes::new(), stream: body, next }
    }

    /// The memory of the text, to be written again once it was read.
    pub(super) fn text_mut(&mut self) -> &mut Vec<u8> {
        debug_assert_eq!(self.at, self.text.len(), "what is written was not read yet");
        self.text.clear();
        self.at = 0;
        &mut self.text
    }

    /// The head is in the text; `body` is what follows it.
    pub(super) fn begin_body(&mut self, body: Option<RecvStream>) {
        self.next = if body.is_some() { Next::Data } else { Next::Nothing };
        self.stream = body;
    }

    /// Fills `buf` with what there is. `Ok(false)`: the message is over.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            if self.at < self.text.len() {
                let len = buf.remaining().min(self.text.len() - self.at);
                buf.put_slice(&self.text[self.at..self.at + len]);
                self.at += len;
            } else if !self.data.is_empty() {
                self.take_data(buf);
            } else if self.next == Next::Nothing {
                break;
            } else {
                match self.poll_frame(cx) {
                    Poll::Ready(Ok(())) => {}
                    // What came before is read first; the error comes again.
                    Poll::Ready(Err(error)) if buf.filled().len() == before => return Poll::Ready(Err(error)),
                    Poll::Pending if buf.filled().len() == before => return Poll::Pending,
                    _ => break,
                }
            }
        }
        Poll::Ready(Ok(buf.filled().len() > before))
    }

    /// Hands data over, and opens the window for as much.
    fn take_data(&mut self, buf: &mut ReadBuf<'_>) {
        let len = buf.remaining().min(self.data.len());
        buf.put_slice(&self.data[..len]);
        self.data.advance(len);
        if let Some(stream) = &mut self.stream {
            // It fails when the stream is over: then there is no window to open.
            let _ = stream.flow_control().release_capacity(len);
        }
        if self.data.is_empty() {
            self.text_mut().extend_from_slice(CHUNK_END);
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            self.next = Next::Nothing;
            return Poll::Ready(Ok(()));
        };
        if self.next == Next::Data {
            match std::task::ready!(stream.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.text_mut().extend_from_slice(ChunkHead::new(data.len()).as_bytes());
                    self.data = data;
                }
                Some(Err(error)) => return Poll::Ready(Err(io_error(&error))),
                None => self.next = Next::Trailers,
            }
            return Poll::Ready(Ok(()));
        }
        let trailers = match std::task::ready!(stream.poll_trailers(cx)) {
            Ok(trailers) => trailers,
            Err(error) => return Poll::Ready(Err(io_error(&error))),
        };
        self.next = Next::Nothing;
        let text = self.text_mut();
        text.extend_from_slice(b"0\r\n");
        if let Some(trailers) = trailers {
            text::write_fields(&trailers, text);
        }
        text.extend_from_slice(b"\r\n");
        Poll::Ready(Ok(()))
    }
}
