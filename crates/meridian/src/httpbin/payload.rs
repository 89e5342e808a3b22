//! The bodies that the server sends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// The size of the pieces of a generated body.
const PIECE: u64 = 64 * 1024;

/// A response body: its length is declared, except for lines, which are sent in chunks.
pub(super) enum Payload {
    /// These bytes, and then the end.
    Whole(Bytes),
    /// So many bytes of a repeating alphabet; generated in pieces, however long.
    Generated { sent: u64, length: u64 },
    /// One chunk per line.
    Lines(std::vec::IntoIter<String>),
}

impl Payload {
    /// `length` bytes: the lower-case letters over and over, so that a missing or doubled piece shows.
    pub(super) fn generated(length: u64) -> Self {
        Self::Generated { sent: 0, length }
    }
}

/// The bytes of the generated body from `from` to `to`.
fn letters(from: u64, to: u64) -> Bytes {
    (from..to).map(|i| b'a' + (i % 26) as u8).collect()
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Self::Generated { sent, length } => {
                let from = *sent;
                *sent = length.saturating_sub(from).min(PIECE) + from;
                Some(letters(from, *sent)).filter(|bytes| !bytes.is_empty())
            }
            Self::Lines(lines) => lines.next().map(Bytes::from),
        };
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Generated { sent, length } => sent == length,
            Self::Lines(lines) => lines.len() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Generated { sent, length } => SizeHint::with_exact(length - sent),
            Self::Lines(_) => SizeHint::default(),
        }
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self::Whole(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::Whole(text.into())
    }
}
