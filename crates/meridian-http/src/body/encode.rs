//! Chunks to send data on in.

/// What follows the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What precedes the data of a chunk: its size in hexadecimal and CRLF.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: u8,
}

impl ChunkHead {
    /// The head of a chunk with `len` bytes of data. `len` is not 0: that would end the body.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        debug_assert!(len != 0, "an empty chunk ends the body");
        let mut bytes = *b"0000000000000000\r\n";
        let (mut left, mut start) = (len, 16);
        while left != 0 {
            start -= 1;
            bytes[start] = b"0123456789abcdef"[left & 15];
            left >>= 4;
        }
        Self { bytes, start: start as u8 }
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// Appends a whole chunk; nothing when there is no data.
pub fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    out.reserve(data.len() + 20);
    out.extend_from_slice(ChunkHead::new(data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(CHUNK_END);
}
