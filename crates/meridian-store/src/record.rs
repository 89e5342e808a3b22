//! One row of the store as bytes that explain and check themselves.
//!
//! ```text
//! magic 8 | kind 1 | flags 1 | lengths: collection 2, namespace 2, name 2, body 4 | revision 8 | version 8 | key id 8
//! nonce 12 | collection | namespace | name | body | checksum 8
//! ```
//!
//! Numbers are little-endian; the checksum is XXH64 of everything before it. A row says which object it is of, so that it
//! can be read, and be trusted, without the tree around it: [`crate::salvage`] finds rows in a file whose tree is broken.
//! The magic begins with a byte that no JSON text contains.
//!
//! The body of a collection that holds secrets is sealed: AES-256-GCM with a random nonce, and everything before the nonce
//! and the names as associated data. A row that was moved to another object, revision or table does not open.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::NONCE_LEN;
use twox_hash::XxHash64;

use crate::keyring::{Keyring, TAG};
use crate::{GroupResource, Key};

#[cfg(test)]
mod tests;

pub(crate) const MAGIC: &[u8; 8] = b"\x89MRDROW1";

/// Bytes before the nonce.
const HEAD: usize = 44;
/// Bytes before the collection's name.
const NAMES: usize = HEAD + NONCE_LEN;
const CHECKSUM: usize = 8;
const SEALED: u8 = 1;

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// The object is now so.
    Object,
    /// At this revision the object was added; there is no body.
    Added,
    /// At this revision the object was replaced; the body is what it was before.
    Modified,
    /// At this revision the object was removed; the body is what it was before.
    Deleted,
}

impl RecordKind {
    fn code(self) -> u8 {
        match self {
            RecordKind::Object => b'O',
            RecordKind::Added => b'A',
            RecordKind::Modified => b'M',
            RecordKind::Deleted => b'D',
        }
    }

    fn of(code: u8) -> Option<RecordKind> {
        [RecordKind::Object, RecordKind::Added, RecordKind::Modified, RecordKind::Deleted]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// A row.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) key: Key,
    /// The revision of the write that made the row.
    pub(crate) revision: u64,
    /// The revision at which the body became so. That of the row itself for [`RecordKind::Object`].
    pub(crate) version: u64,
    pub(crate) body: Arc<str>,
}

/// Says which object it is of, never its content.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} at {} ({} bytes)", self.kind, self.key, self.revision, self.body.len())
    }
}

/// Why bytes are not a row. Never quotes the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("a row is cut short")]
    Short,
    #[error("a row does not begin as rows do")]
    Magic,
    #[error("a row's checksum is wrong")]
    Checksum,
    #[error("a row holds what no row can hold")]
    Content,
    #[error("the row of {0} is encrypted under the key {1:016x}, which is not at hand")]
    NoKey(Key, u64),
    #[error("the encrypted row of {0} does not open: it was changed")]
    Forged(Key),
}

/// The bytes of a row.
///
/// # Errors
/// A name or body is longer than a row can say, or a sealed collection meets a cipher that refuses.
pub(crate) fn encode(
    kind: RecordKind,
    key: &Key,
    (revision, version): (u64, u64),
    body: &str,
    keyring: &Keyring,
) -> Result<Vec<u8>, &'static str> {
    let sealed = key.resource.is_confidential() && !body.is_empty();
    let names = [key.resource.as_str(), &key.namespace, &key.name];
    let body_length = body.len() + if sealed { TAG } else { 0 };
    let mut row =
        Vec::with_capacity(NAMES + names.iter().map(|name| name.len()).sum::<usize>() + body_length + CHECKSUM);
    row.extend_from_slice(MAGIC);
    row.push(kind.code());
    row.push(if sealed { SEALED } else { 0 });
    for name in names {
        row.extend_from_slice(&u16::try_from(name.len()).map_err(|_| "a name is too long")?.to_le_bytes());
    }
    row.extend_from_slice(&u32::try_from(body_length).map_err(|_| "the object is too large")?.to_le_bytes());
    row.extend_from_slice(&revision.to_le_bytes());
    row.extend_from_slice(&version.to_le_bytes());
    row.extend_from_slice(&if sealed { keyring.active() } else { 0 }.to_le_bytes());
    row.extend_from_slice(&[0; NONCE_LEN]);
    for name in names {
        row.extend_from_slice(name.as_bytes());
    }
    if sealed {
        let mut cipher = body.as_bytes().to_vec();
        let nonce = keyring.seal(&associated(&row), &mut cipher)?;
        row[HEAD..NAMES].copy_from_slice(&nonce);
        row.extend_from_slice(&cipher);
    } else {
        row.extend_from_slice(body.as_bytes());
    }
    let checksum = XxHash64::oneshot(0, &row);
    row.extend_from_slice(&checksum.to_le_bytes());
    Ok(row)
}

/// What sealing binds the body to: the head without the nonce, and the names.
fn associated(before_body: &[u8]) -> Vec<u8> {
    [&before_body[..HEAD], &before_body[NAMES..]].concat()
}

/// The length that the head of a row announces, when `bytes` begins with one.
pub(crate) fn announced_length(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < NAMES || bytes[..8] != *MAGIC {
        return None;
    }
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let body = u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]) as usize;
    Some(NAMES + short(10) + short(12) + short(14) + body + CHECKSUM)
}

/// Reads a row, which must be exactly as long as it announces.
pub(crate) fn decode(bytes: &[u8], keyring: &Keyring) -> Result<Record, RecordError> {
    if bytes.len() < NAMES + CHECKSUM {
        return Err(RecordError::Short);
    }
    if announced_length(bytes).ok_or(RecordError::Magic)? != bytes.len() {
        return Err(RecordError::Short);
    }
    let (content, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
    if XxHash64::oneshot(0, content).to_le_bytes() != *checksum {
        return Err(RecordError::Checksum);
    }
    let long = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&content[at..at + 8]);
        u64::from_le_bytes(number)
    };
    let kind = RecordKind::of(content[8]).ok_or(RecordError::Content)?;
    let mut at = NAMES;
    let mut text = |length: usize| {
        let text = std::str::from_utf8(&content[at..at + length]).map_err(|_| RecordError::Content);
        at += length;
        text
    };
    let short = |at: usize| usize::from(u16::from_le_bytes([content[at], content[at + 1]]));
    let key = Key::new(GroupResource::named(text(short(10))?), text(short(12))?, text(short(14))?);
    let stored = &content[at..];
    let body = if content[9] == SEALED {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&content[HEAD..NAMES]);
        let opener = keyring.opener(long(36)).ok_or_else(|| RecordError::NoKey(key.clone(), long(36)))?;
        let mut plain = stored.to_vec();
        let length = opener
            .open(nonce, &associated(&content[..at]), &mut plain)
            .ok_or_else(|| RecordError::Forged(key.clone()))?;
        std::str::from_utf8(&plain[..length]).map_err(|_| RecordError::Content)?.into()
    } else {
        std::str::from_utf8(stored).map_err(|_| RecordError::Content)?.into()
    };
    Ok(Record { kind, key, revision: long(20), version: long(28), body })
}
