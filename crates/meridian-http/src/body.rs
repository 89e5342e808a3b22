//! Bodies: where the data is and where it ends, and chunks to send it on in.
//!
//! A body is decoded from whatever bytes are there, without copying and without memory of its own; what is behind its
//! end is left. It is never sent on as it came: chunks are made anew, so that nobody behind reads other borders.

mod chunked;
mod encode;
mod trailers;

use std::ops::Range;

pub use chunked::MAX_CHUNK_EXTENSION;
pub use encode::{CHUNK_END, ChunkHead, LAST_CHUNK, push_chunk};
pub use trailers::Trailers;

use crate::{BodyError, Framing, HeadLimits};
use chunked::Chunked;

/// What [`BodyDecoder::decode`] found. Ranges are in its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEvent {
    /// Nothing but framing in the bytes that were taken; give more.
    NeedMore,
    /// Data of the body.
    Data(Range<usize>),
    /// A piece of the trailer section: field lines with their line ends, checked, but perhaps cut anywhere. A reader
    /// who wants trailers collects the pieces for [`Trailers::parse`]; the gateway drops them, as Envoy does.
    Trailers(Range<usize>),
    /// The body is complete; the bytes that were not taken belong to the next message.
    End,
}

/// One step of [`BodyDecoder::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are done with, data included.
    pub consumed: usize,
    /// What they were.
    pub event: BodyEvent,
}

impl Decoded {
    const fn new(consumed: usize, event: BodyEvent) -> Self {
        Self { consumed, event }
    }
}

/// Finds data and end of one body.
///
/// ```
/// use meridian_http::body::{BodyDecoder, BodyEvent};
/// use meridian_http::{Framing, HeadLimits};
///
/// let mut body = BodyDecoder::new(Framing::Chunked, &HeadLimits::default());
/// let mut input: &[u8] = b"5\r\nhello\r\n0\r\n\r\nGET /next";
/// let mut data = Vec::new();
/// loop {
///     let step = body.decode(input)?;
///     if let BodyEvent::Data(range) = &step.event {
///         data.extend_from_slice(&input[range.clone()]);
///     }
///     input = &input[step.consumed..];
///     if step.event == BodyEvent::End {
///         break;
///     }
/// }
/// assert_eq!((data.as_slice(), input), (&b"hello"[..], &b"GET /next"[..]));
/// # Ok::<(), meridian_http::BodyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Done,
    Length(u64),
    UntilClose,
    Chunked(Chunked),
}

impl Default for BodyDecoder {
    /// The decoder of no body.
    fn default() -> Self {
        Self { state: State::Done }
    }
}

impl BodyDecoder {
    /// A decoder for a body with this framing. `limits` hold for the trailer section.
    #[must_use]
    pub const fn new(framing: Framing, limits: &HeadLimits) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::UntilClose => State::UntilClose,
            Framing::Chunked => State::Chunked(Chunked::new(limits)),
        };
        Self { state }
    }

    /// Takes as many bytes of `input` as make one event. To be called again with the rest, and with what comes later,
    /// until it gives [`BodyEvent::End`]; after that it gives nothing else.
    ///
    /// # Errors
    /// Why the body is refused; the connection that it comes from is to be closed.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        match &mut self.state {
            State::Done => Ok(Decoded::new(0, BodyEvent::End)),
            _ if input.is_empty() => Ok(Decoded::new(0, BodyEvent::NeedMore)),
            State::UntilClose => Ok(Decoded::new(input.len(), BodyEvent::Data(0..input.len()))),
            State::Length(left) => {
                let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= take as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok(Decoded::new(take, BodyEvent::Data(0..take)))
            }
            State::Chunked(chunked) => {
                let step = chunked.decode(input)?;
                if step.event == BodyEvent::End {
                    self.state = State::Done;
                }
                Ok(step)
            }
        }
    }

    /// Whether the body is complete. True behind the last byte of a body of known length already, and only behind the
    /// last CRLF of chunks; never for a body that ends with its connection.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Bytes of data that are still to come, where the framing tells: the rest of the length, or of the current chunk.
    #[must_use]
    pub const fn remaining(&self) -> Option<u64> {
        match &self.state {
            State::Done => Some(0),
            State::Length(left) => Some(*left),
            State::UntilClose => None,
            State::Chunked(chunked) => chunked.remaining(),
        }
    }

    /// The peer has closed its side: the end of a body that ends so.
    ///
    /// # Errors
    /// [`BodyError::Truncated`] when the body was to go on. A connection that was reset instead of closed is truncated
    /// whatever the framing.
    pub fn finish(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Done | State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BodyError::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
