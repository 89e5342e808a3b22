//! Bodies of answers: a whole text, pieces of a long one, or a stream that a task feeds.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it.
    Whole(Option<Bytes>),
    /// Pieces that are made when the connection takes them, so that a long text is nowhere as a whole.
    Pieces(Pieces),
    /// Pieces, until the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

/// The pieces that are still to come.
pub(crate) struct Pieces(Box<dyn Iterator<Item = Bytes> + Send>);

/// Says nothing of the content, which may be Secrets.
impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}

impl Pieces {
    /// All of them in one.
    pub(crate) fn whole(self) -> Bytes {
        self.0.flatten().collect()
    }
}

impl Answer {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Answer {
        Answer::Whole(Some(bytes.into()))
    }

    /// A text in pieces; one of a single piece is a whole, whose length is told.
    pub(crate) fn pieces(mut pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Answer {
        let first = pieces.next().unwrap_or_default();
        match pieces.next() {
            None => Answer::whole(first),
            Some(second) => Answer::Pieces(Pieces(Box::new([first, second].into_iter().chain(pieces)))),
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Answer::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Pieces(Pieces(pieces)) => Poll::Ready(pieces.next().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Stream(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Answer::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Answer::Pieces(_) | Answer::Stream(_) => SizeHint::default(),
        }
    }
}
