//! Memory for reading, used again and again, so that an idle connection holds none.

use std::cell::RefCell;

/// Size of a buffer: a large body is read with few system calls, and the most recently used ones stay in the cache.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// What is asked for instead of a power of two, so that the beginnings of many buffers do not fall into the same lines of
/// the caches.
const SPACING: usize = 80 * 1024;

/// Buffers that are kept when nobody needs them: two for each of the streams of a busy moment. Making one costs more than
/// a small request, because its bytes are zeroed.
const KEPT: usize = 256;

/// A worker's unused buffers. The one that came back last is given first: it is the warmest.
#[derive(Debug, Default)]
pub struct Buffers {
    free: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer of [`BUFFER_BYTES`] initialised bytes of no meaning.
    pub fn take(&self) -> Vec<u8> {
        self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut buffer = Vec::with_capacity(SPACING);
            buffer.resize(BUFFER_BYTES, 0);
            buffer
        })
    }

    /// Gives a buffer back; one that had to grow is not kept.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if buffer.len() == BUFFER_BYTES && free.len() < KEPT {
            free.push(buffer);
        }
    }
}
