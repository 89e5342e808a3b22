//! What was read from a peer: the head of the message at hand, and what of its body was not sent on yet.

use crate::worker::Buffers;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes of one direction of one connection.
///
/// ```text
/// data:  ....[ head ][ body, sent on ][ body or next message, unread ]....
///            ^base   ^floor           ^cursor                        ^end
/// ```
///
/// The head stays until the message is over, because the log reads it. The body stays as long as there is room, so that
/// the message can be sent again; with [`ReadBuffer::keep`] room is made for it. Memory comes from the worker's [`Buffers`] with the first byte, and goes back when
/// nothing is left.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    data: Vec<u8>,
    base: usize,
    floor: usize,
    cursor: usize,
    end: usize,
    lost: bool,
    /// How much of the body is kept, though room has to be made for it.
    kept: usize,
}

/// What [`ReadBuffer::poll_fill`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// There is more.
    More,
    /// The peer has closed its side.
    End,
    /// There is no room: what is there must be consumed first.
    Full,
}

impl ReadBuffer {
    /// From the first byte of the message on, as far as it was read: what heads are parsed from and refer to.
    pub(super) fn message(&self) -> &[u8] {
        &self.data[self.base..self.end]
    }

    pub(super) fn message_mut(&mut self) -> &mut [u8] {
        &mut self.data[self.base..self.end]
    }

    /// The head is complete and takes `len` bytes.
    pub(super) fn end_head(&mut self, len: usize) {
        self.floor = self.base + len;
        self.cursor = self.floor;
        self.lost = false;
    }

    /// What is behind the cursor.
    pub(super) fn unread(&self) -> &[u8] {
        &self.data[self.cursor..self.end]
    }

    /// Moves the cursor. The position of the bytes, for [`ReadBuffer::bytes`].
    pub(super) fn consume(&mut self, len: usize) -> Range<usize> {
        let start = self.cursor;
        self.cursor += len;
        debug_assert!(self.cursor <= self.end);
        start..self.cursor
    }

    /// Bytes that were consumed; until the next [`ReadBuffer::poll_fill`].
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.data[range]
    }

    /// Keeps up to `limit` bytes of the message's body to send it again, and makes room for them; 0: as many as there is
    /// room for.
    pub(super) fn keep(&mut self, limit: usize) {
        self.kept = limit;
    }

    /// Whether the body is still there from its beginning.
    pub(super) fn can_replay(&self) -> bool {
        !self.lost
    }

    /// Whether the body, as far as it was read, takes `kept` bytes or more.
    pub(super) fn has_kept(&self, kept: usize) -> bool {
        self.end - self.floor >= kept
    }

    /// Back to the beginning of the body.
    pub(super) fn replay(&mut self) {
        debug_assert!(!self.lost);
        self.cursor = self.floor;
    }

    /// Forgets the message up to the cursor; the next one begins there.
    pub(super) fn next_message(&mut self, buffers: &Buffers) {
        self.base = self.cursor;
        self.floor = self.cursor;
        self.lost = false;
        self.kept = 0;
        self.release_if_empty(buffers);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, buffers: &Buffers) {
        self.cursor = self.end;
        self.next_message(buffers);
    }

    fn release_if_empty(&mut self, buffers: &Buffers) {
        if self.base == self.end && !self.data.is_empty() {
            (self.base, self.floor, self.cursor, self.end) = (0, 0, 0, 0);
            buffers.give(std::mem::take(&mut self.data));
        }
    }

    /// Drops what was consumed of the body, to read into the same place again.
    pub(super) fn rewind(&mut self) {
        if self.cursor == self.end && self.cursor > self.floor {
            self.cursor = self.floor;
            self.end = self.floor;
            self.lost = true;
        }
    }

    /// Whether there is room behind the unread bytes.
    fn make_room(&mut self) -> bool {
        if self.end < self.data.len() {
            return true;
        }
        if !self.lost && self.end - self.floor < self.kept {
            let longest = self.floor + self.kept;
            self.data.resize(longest.min(self.data.len() * 2), 0);
            return true;
        }
        self.rewind();
        if self.end == self.data.len() && self.base > 0 {
            self.data.copy_within(self.base..self.end, 0);
            let base = std::mem::take(&mut self.base);
            self.floor -= base;
            self.cursor -= base;
            self.end -= base;
        }
        self.end < self.data.len()
    }

    /// Reads once. Nothing that was consumed may still wait to be written.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        buffers: &Buffers,
    ) -> Poll<io::Result<Filled>> {
        if self.data.is_empty() {
            self.data = buffers.take();
        }
        if !self.make_room() {
            return Poll::Ready(Ok(Filled::Full));
        }
        let mut room = ReadBuf::new(&mut self.data[self.end..]);
        let read = Pin::new(io).poll_read(cx, &mut room);
        let len = room.filled().len();
        if len == 0 {
            self.release_if_empty(buffers);
        }
        ready!(read)?;
        self.end += len;
        Poll::Ready(Ok(if len == 0 { Filled::End } else { Filled::More }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::BUFFER_BYTES;
    use std::task::Waker;

    fn fill(buffer: &mut ReadBuffer, buffers: &Buffers, mut bytes: &[u8]) -> Filled {
        let mut cx = Context::from_waker(Waker::noop());
        match buffer.poll_fill(&mut cx, &mut bytes, buffers) {
            Poll::Ready(Ok(filled)) => filled,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_is_kept_until_the_next_one() {
        let (mut buffer, buffers) = (ReadBuffer::default(), Buffers::default());
        fill(&mut buffer, &buffers, b"head|body");
        fill(&mut buffer, &buffers, b"|next");
        buffer.end_head(5);
        let body = buffer.consume(5);
        assert_eq!((buffer.bytes(body), buffer.message()), (&b"body|"[..], &b"head|body|next"[..]));
        assert!(buffer.can_replay());
        buffer.replay();
        assert_eq!(buffer.unread(), b"body|next");
        buffer.consume(5);
        buffer.next_message(&buffers);
        assert_eq!(buffer.message(), b"next");
    }

    #[test]
    fn a_long_body_passes_behind_its_head() {
        let (mut buffer, buffers) = (ReadBuffer::default(), Buffers::default());
        fill(&mut buffer, &buffers, b"head|");
        buffer.end_head(5);
        assert_eq!(fill(&mut buffer, &buffers, &[b'x'; BUFFER_BYTES]), Filled::More);
        assert_eq!(fill(&mut buffer, &buffers, b"y"), Filled::Full);
        buffer.consume(BUFFER_BYTES - 5);
        assert!(buffer.can_replay());
        assert_eq!(fill(&mut buffer, &buffers, b"y"), Filled::More);
        assert_eq!((buffer.unread(), buffer.message()), (&b"y"[..], &b"head|y"[..]));
        assert!(!buffer.can_replay());
    }

    #[test]
    fn a_body_is_kept_as_far_as_it_is_wanted() {
        let (mut buffer, buffers) = (ReadBuffer::default(), Buffers::default());
        fill(&mut buffer, &buffers, b"head|");
        buffer.end_head(5);
        buffer.keep(2 * BUFFER_BYTES);
        let mut sent = 0;
        while sent < 2 * BUFFER_BYTES {
            assert_eq!(fill(&mut buffer, &buffers, &[b'x'; BUFFER_BYTES]), Filled::More);
            sent += buffer.unread().len();
            buffer.consume(buffer.unread().len());
            assert!(buffer.can_replay(), "{sent}");
        }
        assert_eq!(sent, 2 * BUFFER_BYTES);
        fill(&mut buffer, &buffers, b"y");
        assert!(!buffer.can_replay());
        assert_eq!(buffer.unread(), b"y");
    }

    #[test]
    fn an_idle_connection_holds_no_memory() {
        let (mut buffer, buffers) = (ReadBuffer::default(), Buffers::default());
        fill(&mut buffer, &buffers, b"head");
        buffer.end_head(4);
        buffer.next_message(&buffers);
        assert!(buffer.data.is_empty());
        assert_eq!(buffers.take().len(), BUFFER_BYTES);
    }
}
