//! One direction of a stream, written as the text of an HTTP/1.1 body.

use super::error::{io_error, stream_error};
use super::text;
use crate::outcome::ResetReason;
use bytes::Bytes;
use h2::SendStream;
use memchr::memchr;
use meridian_http::body::{BodyDecoder, BodyEvent};
use meridian_http::{Framing, HeadLimits};
use std::io;
use std::task::{Context, Poll};

/// Most bytes that are put into the connection's buffer at once.
const MAX_PIECE: usize = 64 * 1024;

/// Turns the text of a body into DATA frames and trailers, as fast as the peer's windows allow.
#[derive(Debug, Default)]
pub(super) struct Writer {
    decoder: BodyDecoder,
    trailers: Vec<u8>,
    has_ended: bool,
}

impl Writer {
    /// The writer of a body that is told like this. Of one that is empty nothing is written.
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            decoder: BodyDecoder::new(framing, &HeadLimits::default()),
            trailers: Vec::new(),
            has_ended: framing.is_empty(),
        }
    }

    /// Whether the end of the stream was sent.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Writes some of `text`. Framing is always taken; data as far as there is room for it.
    ///
    /// # Errors
    /// The stream is over, or `text` is not a body.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut SendStream<Bytes>,
        text: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut at = 0;
        // Sent with the next step, because only that tells whether it is the last.
        let mut held: Option<Bytes> = None;
        while at < text.len() && !self.has_ended {
            let room = match self.decoder.remaining() {
                Some(_) => match self.poll_room(cx, stream, &held, text.len() - at) {
                    Poll::Ready(room) => room?,
                    Poll::Pending => break,
                },
                // A line of framing, which is not under flow control.
                None => memchr(b'\n', &text[at..]).map_or(text.len() - at, |end| end + 1),
            };
            let input = &text[at..(at + room).min(text.len())];
            let step = self.decoder.decode(input).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            at += step.consumed;
            match step.event {
                BodyEvent::NeedMore => {}
                BodyEvent::Data(range) => {
                    if let Some(data) = held.replace(Bytes::copy_from_slice(&input[range])) {
                        stream.send_data(data, false).map_err(|error| io_error(&error))?;
                    }
                }
                BodyEvent::Trailers(range) => self.trailers.extend_from_slice(&input[range]),
                BodyEvent::End => self.finish(stream, held.take())?,
            }
            // The end of a body of known length is its last byte.
            if self.decoder.is_done() && !self.has_ended {
                self.finish(stream, held.take())?;
            }
        }
        if let Some(data) = held {
            stream.send_data(data, false).map_err(|error| io_error(&error))?;
        }
        if at == 0 && !text.is_empty() && !self.has_ended { Poll::Pending } else { Poll::Ready(Ok(at)) }
    }

    /// How much data there is room for, of `wanted` bytes, beyond what is held.
    fn poll_room(
        &self,
        cx: &mut Context<'_>,
        stream: &mut SendStream<Bytes>,
        held: &Option<Bytes>,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        let held = held.as_ref().map_or(0, Bytes::len);
        stream.reserve_capacity(held + wanted.min(MAX_PIECE));
        loop {
            let room = stream.capacity().saturating_sub(held);
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            match std::task::ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(&error))),
                None => return Poll::Ready(Err(stream_error(ResetReason::RemoteReset))),
            }
        }
    }

    fn finish(&mut self, stream: &mut SendStream<Bytes>, last: Option<Bytes>) -> io::Result<()> {
        self.has_ended = true;
        let trailers = text::trailers(&self.trailers);
        let sent = if trailers.is_empty() {
            stream.send_data(last.unwrap_or_default(), true)
        } else {
            last.map_or(Ok(()), |last| stream.send_data(last, false)).and_then(|()| stream.send_trailers(trailers))
        };
        sent.map_err(|error| io_error(&error))
    }
}
