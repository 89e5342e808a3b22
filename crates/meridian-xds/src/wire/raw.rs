//! Protobuf's encoding below messages: keys, varints, and what lies behind a key.

use super::WireError;

/// What lies behind a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32(u32),
}

/// The last number that a field may have.
const LAST_NUMBER: u64 = (1 << 29) - 1;

/// Reads the fields of a message one by one.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number and value.
    pub(super) fn field(&mut self) -> Result<(u32, Raw<'b>), WireError> {
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number > LAST_NUMBER {
            return Err(WireError::new(format!("field number {number}"), "a number from 1 to 536870911"));
        }
        let raw = match key & 7 {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(self.fixed64()?),
            2 => Raw::Bytes(self.delimited()?),
            5 => Raw::Fixed32(self.fixed32()?),
            other => {
                return Err(WireError::new(
                    format!("wire type {other} of field {number}"),
                    "a varint, 4 or 8 bytes, or bytes with their length",
                ));
            }
        };
        // A number that is not larger than `LAST_NUMBER` fits.
        Ok((number as u32, raw))
    }

    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 || index > 9 {
                return Err(WireError::new("a varint of more than 64 bits", "one of up to 64 bits"));
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(WireError::new("the end inside of a varint", "all of it"))
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, WireError> {
        let bytes = self.array()?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn fixed32(&mut self) -> Result<u32, WireError> {
        let bytes = self.array()?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(WireError::new(format!("{} bytes", self.rest.len()), format!("{N} bytes")));
        };
        self.rest = rest;
        Ok(*bytes)
    }

    fn delimited(&mut self) -> Result<&'b [u8], WireError> {
        let length = self.varint()?;
        let there = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = there else {
            return Err(WireError::new(format!("{} bytes", self.rest.len()), format!("{length} bytes")));
        };
        self.rest = rest;
        Ok(bytes)
    }
}

/// Writes a varint.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a field as it was read.
pub(super) fn put_field(number: u32, raw: Raw<'_>, out: &mut Vec<u8>) {
    let wire_type = match raw {
        Raw::Varint(_) => 0,
        Raw::Fixed64(_) => 1,
        Raw::Bytes(_) => 2,
        Raw::Fixed32(_) => 5,
    };
    put_varint(u64::from(number) << 3 | wire_type, out);
    put_value(raw, out);
}

/// Writes what lies behind a key.
pub(super) fn put_value(raw: Raw<'_>, out: &mut Vec<u8>) {
    match raw {
        Raw::Varint(value) => put_varint(value, out),
        Raw::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Raw::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Raw::Bytes(bytes) => {
            put_varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
    }
}

/// Writes a field of bytes whose length is known when they are written.
pub(super) fn put_delimited<E>(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_varint(u64::from(number) << 3 | 2, out);
    let start = out.len();
    write(out)?;
    let end = out.len();
    put_varint((end - start) as u64, out);
    let length_bytes = out.len() - end;
    out[start..].rotate_right(length_bytes);
    Ok(())
}
