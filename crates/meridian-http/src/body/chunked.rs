//! The chunked coding (RFC 9112 section 7.1), byte by byte where there is framing and in whole runs where there is data.

use crate::bytes::{is_field_byte, is_token_byte};
use crate::{BodyError, HeadLimits};

use super::{BodyEvent, Decoded};

/// Most bytes of extensions in one chunk's line.
pub const MAX_CHUNK_EXTENSION: u16 = 4096;

/// Most digits of a chunk size, leading zeros included.
const MAX_SIZE_DIGITS: u8 = 16;

/// How far framing may outweigh data: every chunk earns its line an allowance, as in Go's net/http. A peer that sends
/// one byte per chunk stays below it; one that hides megabytes in extensions does not (CVE-2023-39326).
const MAX_EXCESS: u32 = 16 * 1024;
const EXCESS_PER_CHUNK: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk size, of which this many digits have come.
    Size(u8),
    /// Behind a size, before `;` or CR.
    BehindSize,
    Extension,
    Quoted,
    QuotedEscape,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
}

/// State of one chunked body.
#[derive(Clone, Debug)]
pub(super) struct Chunked {
    state: State,
    /// Size of the chunk, then bytes of it that are still to come.
    left: u64,
    extension: u16,
    excess: u32,
    trailer_bytes_left: usize,
    trailer_fields_left: usize,
}

impl Chunked {
    pub(super) const fn new(limits: &HeadLimits) -> Self {
        Self {
            state: State::Size(0),
            left: 0,
            extension: 0,
            excess: 0,
            trailer_bytes_left: limits.max_bytes,
            trailer_fields_left: limits.max_fields,
        }
    }

    pub(super) const fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Data => Some(self.left),
            _ => None,
        }
    }

    pub(super) fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data => {
                    let rest = input.len() - at;
                    let take = usize::try_from(self.left).map_or(rest, |left| left.min(rest));
                    self.left -= take as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Decoded::new(at + take, BodyEvent::Data(at..at + take)));
                }
                State::TrailerStart if byte != b'\r' => return self.trailers(input, at),
                State::TrailerName | State::TrailerValue | State::TrailerLf => return self.trailers(input, at),
                State::LastLf => {
                    return if byte == b'\n' {
                        Ok(Decoded::new(at + 1, BodyEvent::End))
                    } else {
                        Err(BodyError::InvalidLineEnd)
                    };
                }
                _ => self.state = self.step(byte)?,
            }
            at += 1;
        }
        Ok(Decoded::new(at, BodyEvent::NeedMore))
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        match self.state {
            State::Size(digits) => match hex(byte) {
                Some(_) if digits == MAX_SIZE_DIGITS || self.left >> 59 != 0 => Err(BodyError::InvalidChunkSize),
                Some(value) => {
                    self.left = self.left << 4 | u64::from(value);
                    Ok(State::Size(digits + 1))
                }
                None if digits == 0 => Err(BodyError::InvalidChunkSize),
                None => self.behind_size(byte),
            },
            State::BehindSize => self.behind_size(byte),
            State::Extension | State::Quoted | State::QuotedEscape => self.extension(byte),
            State::SizeLf if byte == b'\n' => self.behind_size_line(),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => {
                self.extension = 0;
                Ok(State::Size(0))
            }
            State::TrailerStart if byte == b'\r' => Ok(State::LastLf),
            _ => Err(BodyError::InvalidLineEnd),
        }
    }

    /// The blank, `;` or CR behind a chunk size.
    const fn behind_size(&mut self, byte: u8) -> Result<State, BodyError> {
        match byte {
            b'\r' => Ok(State::SizeLf),
            b'\n' => Err(BodyError::InvalidLineEnd),
            b' ' | b'\t' | b';' => {
                self.extension += 1;
                match (byte, self.extension > MAX_CHUNK_EXTENSION) {
                    (_, true) => Err(BodyError::ChunkExtensionTooLarge),
                    (b';', _) => Ok(State::Extension),
                    _ => Ok(State::BehindSize),
                }
            }
            _ => Err(BodyError::InvalidChunkSize),
        }
    }

    /// A byte of an extension (RFC 9112 section 7.1.1). Extensions are dropped, but a quoted string must end: a reader
    /// who looks for the end of the line only, and one who honours the quotes, would part here.
    const fn extension(&mut self, byte: u8) -> Result<State, BodyError> {
        if matches!((self.state, byte), (State::Extension, b'\r')) {
            return Ok(State::SizeLf);
        }
        self.extension += 1;
        if self.extension > MAX_CHUNK_EXTENSION {
            return Err(BodyError::ChunkExtensionTooLarge);
        }
        match (self.state, byte) {
            (_, b'\n') => Err(BodyError::InvalidLineEnd),
            (State::Quoted, b'"') => Ok(State::Extension),
            (State::Quoted, b'\\') => Ok(State::QuotedEscape),
            (State::Quoted | State::QuotedEscape, _) if is_field_byte(byte) => Ok(State::Quoted),
            (State::Extension, b'"') => Ok(State::Quoted),
            (State::Extension, b';' | b'=' | b' ' | b'\t') => Ok(State::Extension),
            (State::Extension, _) if is_token_byte(byte) => Ok(State::Extension),
            _ => Err(BodyError::InvalidChunkExtension),
        }
    }

    const fn behind_size_line(&mut self) -> Result<State, BodyError> {
        self.excess += self.extension as u32;
        let data = if self.left > MAX_EXCESS as u64 { MAX_EXCESS } else { self.left as u32 };
        self.excess = self.excess.saturating_sub(EXCESS_PER_CHUNK + data);
        if self.excess > MAX_EXCESS {
            return Err(BodyError::ChunkExtensionTooLarge);
        }
        Ok(if self.left == 0 { State::TrailerStart } else { State::Data })
    }

    /// The trailer section from `start` on, up to the line that ends it or the end of the input.
    fn trailers(&mut self, input: &[u8], start: usize) -> Result<Decoded, BodyError> {
        let mut at = start;
        while let Some(&byte) = input.get(at) {
            if self.state == State::TrailerStart && byte == b'\r' {
                break;
            }
            self.trailer_bytes_left = self.trailer_bytes_left.checked_sub(1).ok_or(BodyError::TrailersTooLarge)?;
            self.state = self.trailer(byte)?;
            at += 1;
        }
        Ok(Decoded::new(at, BodyEvent::Trailers(start..at)))
    }

    /// A byte of a trailer field line; the rules are those of head fields.
    const fn trailer(&mut self, byte: u8) -> Result<State, BodyError> {
        match self.state {
            State::TrailerStart if is_token_byte(byte) => match self.trailer_fields_left.checked_sub(1) {
                Some(left) => {
                    self.trailer_fields_left = left;
                    Ok(State::TrailerName)
                }
                None => Err(BodyError::TrailersTooLarge),
            },
            State::TrailerStart if byte == b'\n' => Err(BodyError::InvalidLineEnd),
            State::TrailerName if is_token_byte(byte) => Ok(State::TrailerName),
            State::TrailerName if byte == b':' => Ok(State::TrailerValue),
            State::TrailerValue if byte == b'\r' => Ok(State::TrailerLf),
            State::TrailerValue if byte == b'\n' => Err(BodyError::InvalidLineEnd),
            State::TrailerValue if is_field_byte(byte) => Ok(State::TrailerValue),
            State::TrailerLf if byte == b'\n' => Ok(State::TrailerStart),
            State::TrailerLf => Err(BodyError::InvalidLineEnd),
            _ => Err(BodyError::InvalidTrailer),
        }
    }
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
