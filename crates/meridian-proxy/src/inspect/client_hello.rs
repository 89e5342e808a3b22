//! A TLS ClientHello, read far enough for SNI and ALPN (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301).
//!
//! Only what chooses a filter chain is looked at; whether the handshake is acceptable is for TLS to say. Everything
//! comes from a stranger, so every length is checked against what is there, and nothing is read twice.

use smallvec::SmallVec;

/// A ClientHello with its records must not be longer (Envoy's `tls_inspector` limit).
pub const MAX_CLIENT_HELLO: usize = 16 * 1024;

/// What a filter chain match needs of a ClientHello.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// SNI in lowercase; `None` when the client sent none.
    pub server_name: Option<String>,
    /// ALPN protocols in the client's order, GREASE values (RFC 8701) left out.
    pub alpn: Vec<String>,
}

/// What the bytes so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The beginning of a ClientHello.
    Incomplete,
    /// A ClientHello.
    Complete(ClientHello),
    /// Not TLS, or not such that a handshake could begin with it: `raw_buffer` to a filter chain match.
    NotTls,
    /// A ClientHello that is longer than [`MAX_CLIENT_HELLO`].
    TooLarge,
}

const CONTENT_HANDSHAKE: u8 = 22;
const HANDSHAKE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ALPN: u16 = 16;
const NAME_TYPE_HOST: u8 = 0;
/// RFC 8446 section 5.1: a record carries at most 2^14 bytes.
const MAX_RECORD: usize = 1 << 14;

/// Reads `bytes`, the first of a connection.
pub fn parse(bytes: &[u8]) -> Progress {
    match handshake(bytes) {
        Ok(message) => match client_hello(&message) {
            Some(hello) => Progress::Complete(hello),
            None => Progress::NotTls,
        },
        Err(progress) => progress,
    }
}

/// The body of the first handshake message, put together from as many records as it takes.
fn handshake(bytes: &[u8]) -> Result<SmallVec<[u8; 2048]>, Progress> {
    let mut message = SmallVec::new();
    let mut rest = bytes;
    loop {
        let (fragment, complete) = record(rest)?;
        message.extend_from_slice(fragment);
        if message.first().is_some_and(|kind| *kind != HANDSHAKE_CLIENT_HELLO) {
            return Err(Progress::NotTls);
        }
        if let [_, high, middle, low, ..] = message[..] {
            let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            if length > MAX_CLIENT_HELLO {
                return Err(Progress::TooLarge);
            }
            if message.len() >= 4 + length {
                message.truncate(4 + length);
                message.drain(..4);
                return Ok(message);
            }
        }
        if !complete {
            return Err(if bytes.len() >= MAX_CLIENT_HELLO { Progress::TooLarge } else { Progress::Incomplete });
        }
        rest = &rest[5 + fragment.len()..];
    }
}

/// What is there of the payload of the record that `bytes` begin with, and whether that is all of it.
fn record(bytes: &[u8]) -> Result<(&[u8], bool), Progress> {
    if bytes.first().is_some_and(|kind| *kind != CONTENT_HANDSHAKE) || bytes.get(1).is_some_and(|major| *major != 3) {
        return Err(Progress::NotTls);
    }
    let [_, _, _, high, low, payload @ ..] = bytes else {
        return Ok((&[], false));
    };
    let length = usize::from(*high) << 8 | usize::from(*low);
    if length == 0 || length > MAX_RECORD {
        return Err(Progress::NotTls);
    }
    Ok((&payload[..payload.len().min(length)], payload.len() >= length))
}

/// The fields of a whole ClientHello message; `None` when a length contradicts another.
fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader(body);
    reader.take(2 + 32)?; // legacy_version, random
    reader.vector8()?; // legacy_session_id
    reader.vector16()?; // cipher_suites
    reader.vector8()?; // legacy_compression_methods
    let mut hello = ClientHello::default();
    if reader.0.is_empty() {
        return Some(hello); // TLS 1.2 allows a hello without extensions
    }
    let mut extensions = Reader(reader.vector16()?);
    if !reader.0.is_empty() {
        return None;
    }
    let mut seen = SmallVec::<[u16; 32]>::new();
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.vector16()?;
        // RFC 8446 section 4.2: no extension twice. A second SNI would let two readers see two names.
        if seen.contains(&kind) {
            return None;
        }
        seen.push(kind);
        match kind {
            EXTENSION_SERVER_NAME => hello.server_name = server_name(data)?,
            EXTENSION_ALPN => hello.alpn = alpn(data)?,
            _ => {}
        }
    }
    Some(hello)
}

/// RFC 6066 section 3; more than one name, or a name of another type, is refused as BoringSSL does.
fn server_name(data: &[u8]) -> Option<Option<String>> {
    let mut reader = Reader(data);
    let mut list = Reader(reader.vector16()?);
    let kind = list.u8()?;
    let name = list.vector16()?;
    let valid = kind == NAME_TYPE_HOST && !name.is_empty() && name.len() <= 255 && !name.contains(&0);
    if !valid || !list.0.is_empty() || !reader.0.is_empty() {
        return None;
    }
    Some(Some(String::from_utf8_lossy(name).to_ascii_lowercase()))
}

/// RFC 7301 section 3.1.
fn alpn(data: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader(data);
    let mut list = Reader(reader.vector16()?);
    if list.0.is_empty() || !reader.0.is_empty() {
        return None;
    }
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let protocol = list.vector8()?;
        if protocol.is_empty() {
            return None;
        }
        if !is_grease(protocol) {
            protocols.push(String::from_utf8_lossy(protocol).into_owned());
        }
    }
    Some(protocols)
}

/// RFC 8701 section 2: `0x0A0A`, `0x1A1A`, ..., `0xFAFA`.
fn is_grease(protocol: &[u8]) -> bool {
    matches!(protocol, [first, second] if first == second && first & 0x0F == 0x0A)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// A vector with a length of one byte.
    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// A vector with a length of two bytes.
    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests;
