//! One direction of an exchange: decoded from where it comes from, encoded for where it goes.

use super::buffer::ReadBuffer;
use super::mirror::Tee;
use crate::record::{HeaderView, NoHeaders};
use meridian_http::body::{BodyDecoder, BodyEvent, LAST_CHUNK, Trailers, push_chunk};
use meridian_http::{BodyError, FieldName, Framing, HeadLimits};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Chunks are gathered up to this size before they are written.
const GATHER: usize = 64 * 1024;

/// A body that is no longer than this is copied behind its head.
const COPIED: usize = 4 * 1024;

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Encoding {
    /// As it is.
    #[default]
    Raw,
    /// In chunks of our own.
    Chunked,
}

/// Head and body on their way from a [`ReadBuffer`] to a writer.
#[derive(Debug, Default)]
pub(super) struct Leg {
    /// Heads, and bodies in chunks; written before `direct`.
    pub(super) out: Vec<u8>,
    written: usize,
    has_written: bool,
    /// Body bytes that are written straight from the read buffer.
    direct: Range<usize>,
    decoder: BodyDecoder,
    encoding: Encoding,
    /// Body bytes that were decoded.
    pub(super) bytes: u64,
    /// Bytes of the body as they came, framing included.
    pub(super) received: u64,
    /// Bytes that were written since [`Leg::reset`].
    pub(super) sent: u64,
    /// Where copies of the body go; stays through [`Leg::reset`].
    pub(super) tee: Option<Box<Tee>>,
    /// The body was decoded to its end.
    ended: bool,
    /// Why the body cannot be decoded further.
    failed: Option<BodyError>,
    keeps_trailers: bool,
    trailers: Option<Box<TrailerSection>>,
}

/// Trailer fields that came behind a body.
#[derive(Debug, Default)]
struct TrailerSection {
    bytes: Vec<u8>,
    fields: Trailers,
}

impl HeaderView for TrailerSection {
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.fields().first(&FieldName::new(name), &self.bytes)
    }
}

/// What a leg needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// [`Leg::poll_flush`].
    Flush,
    /// More bytes from where the body comes from.
    Read,
    /// Nothing: the body is sent.
    Done,
}

impl Leg {
    /// Whether its memory is worth keeping.
    pub(super) fn is_small(&self) -> bool {
        self.out.capacity() <= 64 * 1024
    }

    /// Makes ready for another message, and keeps the memory.
    pub(super) fn reset(&mut self) {
        self.out.clear();
        self.written = 0;
        self.has_written = false;
        self.direct = 0..0;
        self.decoder = BodyDecoder::default();
        self.encoding = Encoding::Raw;
        self.bytes = 0;
        self.received = 0;
        self.sent = 0;
        self.ended = false;
        self.failed = None;
    }

    /// The body comes as `from` says and goes as `to` says.
    pub(super) fn begin_body(&mut self, from: Framing, to: Framing, limits: &HeadLimits) {
        self.decoder = BodyDecoder::new(from, limits);
        self.encoding = if to == Framing::Chunked { Encoding::Chunked } else { Encoding::Raw };
        self.bytes = 0;
        self.received = 0;
        self.ended = from.is_empty();
        self.failed = None;
        self.keeps_trailers = false;
        self.trailers = None;
    }

    /// Trailers are passed on, if the body goes in chunks. Between clients and endpoints of HTTP/1.1 they are not, as
    /// in Envoy.
    pub(super) fn keep_trailers(&mut self) {
        self.keeps_trailers = true;
    }

    /// The trailers that came, where they are kept.
    pub(super) fn trailers(&self) -> &dyn HeaderView {
        match &self.trailers {
            Some(trailers) => &**trailers,
            None => &NoHeaders,
        }
    }

    /// Why the body is not valid, as soon as it is known; what was good of it may still be unsent.
    pub(super) fn failure(&self) -> Option<BodyError> {
        self.failed
    }

    /// Whether the body was decoded to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether everything that was decoded, and all that is in `out`, is written.
    pub(super) fn is_flushed(&self) -> bool {
        self.written == self.out.len() && self.direct.is_empty()
    }

    /// Whether any byte was written since [`Leg::reset`].
    pub(super) fn has_written(&self) -> bool {
        self.has_written
    }

    /// Decodes what `input` has, up to what is sensible to write at once.
    ///
    /// # Errors
    /// The body is not valid, and what came before is written.
    pub(super) fn transfer(&mut self, input: &mut ReadBuffer) -> Result<Next, BodyError> {
        if self.failed.is_none() {
            self.failed = self.decode(input).err();
        }
        match (self.is_flushed(), self.ended, self.failed) {
            (false, ..) => Ok(Next::Flush),
            (true, _, Some(error)) => Err(error),
            (true, true, None) => Ok(Next::Done),
            (true, false, None) => Ok(Next::Read),
        }
    }

    fn decode(&mut self, input: &mut ReadBuffer) -> Result<(), BodyError> {
        while !self.ended && self.direct.is_empty() && self.out.len() - self.written < GATHER {
            if self.decoder.is_done() {
                self.end();
                break;
            }
            let unread = input.unread();
            let step = self.decoder.decode(unread)?;
            self.received += step.consumed as u64;
            match step.event {
                BodyEvent::NeedMore => {
                    input.consume(step.consumed);
                    if input.unread().is_empty() {
                        break;
                    }
                    continue;
                }
                BodyEvent::Data(range) => {
                    if let Some(tee) = &mut self.tee {
                        tee.data(self.bytes, &unread[range.clone()]);
                    }
                    self.bytes += range.len() as u64;
                    match self.encoding {
                        Encoding::Chunked => push_chunk(&mut self.out, &unread[range]),
                        // Copying a little costs less than a vectored write.
                        Encoding::Raw if range.len() <= COPIED && !self.out.is_empty() => {
                            self.out.extend_from_slice(&unread[range]);
                        }
                        Encoding::Raw => {
                            let start = input.consume(0).start;
                            self.direct = start + range.start..start + range.end;
                        }
                    }
                }
                BodyEvent::Trailers(range) => {
                    if self.keeps_trailers {
                        self.trailers.get_or_insert_default().bytes.extend_from_slice(&unread[range]);
                    }
                }
                BodyEvent::End => self.end(),
            }
            input.consume(step.consumed);
        }
        if !self.ended && self.decoder.is_done() {
            self.end();
        }
        Ok(())
    }

    /// Takes the rest of the body out of `input` without sending it. Whether all of it was there.
    pub(super) fn skip(&mut self, input: &mut ReadBuffer) -> bool {
        self.direct = 0..0;
        while !self.ended {
            let Ok(step) = self.decoder.decode(input.unread()) else { return false };
            match step.event {
                BodyEvent::NeedMore if step.consumed == input.unread().len() => return false,
                BodyEvent::Data(range) => self.bytes += range.len() as u64,
                BodyEvent::End => self.ended = true,
                BodyEvent::NeedMore | BodyEvent::Trailers(_) => {}
            }
            input.consume(step.consumed);
        }
        true
    }

    /// Where the body comes from has closed.
    ///
    /// # Errors
    /// The body was to go on.
    pub(super) fn finish(&mut self) -> Result<(), BodyError> {
        self.decoder.finish()?;
        if !self.ended {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        if let Some(tee) = &mut self.tee {
            tee.end();
        }
        let trailers = self.trailers.as_mut().map(|trailers| {
            // The decoder has checked the lines: nothing is left out but fields that must not be trailers.
            let is_read = trailers.fields.parse(&mut trailers.bytes).is_ok();
            (trailers, is_read)
        });
        if self.encoding != Encoding::Chunked {
            return;
        }
        match trailers {
            Some((trailers, true)) => {
                self.out.extend_from_slice(b"0\r\n");
                trailers.fields.fields().write_forwarded(&trailers.bytes, &mut self.out);
                self.out.extend_from_slice(b"\r\n");
            }
            _ => self.out.extend_from_slice(LAST_CHUNK),
        }
    }

    /// Writes what is ready; head and body in one system call where they fit.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        input: &ReadBuffer,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        loop {
            let head = &self.out[self.written..];
            let body = input.bytes(self.direct.clone());
            let sent = match (head.is_empty(), body.is_empty()) {
                (true, true) => break,
                (false, true) => ready!(Pin::new(&mut *io).poll_write(cx, head))?,
                (true, false) => ready!(Pin::new(&mut *io).poll_write(cx, body))?,
                (false, false) => {
                    let both = [IoSlice::new(head), IoSlice::new(body)];
                    ready!(Pin::new(&mut *io).poll_write_vectored(cx, &both))?
                }
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.has_written = true;
            self.sent += sent as u64;
            let of_head = sent.min(self.out.len() - self.written);
            self.written += of_head;
            self.direct.start += sent - of_head;
        }
        // A long body in chunks passes through here: its memory is used again.
        self.out.clear();
        self.written = 0;
        Pin::new(io).poll_flush(cx)
    }
}
