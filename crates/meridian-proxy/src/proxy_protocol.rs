//! The PROXY protocol (`proxy-protocol.txt` of HAProxy), versions 1 and 2: how a balancer in front tells of the client,
//! and how endpoints are told.
//!
//! The crate `proxy-header` reads and writes it; here is what Envoy demands beyond that.

use meridian_ir::cluster::ProxyProtocolVersion;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
use std::net::SocketAddr;

/// Longest header that is taken, its extensions included.
pub const MAX_HEADER: usize = 4096;

/// Beginning of version 1.
const V1: &[u8] = b"PROXY ";

/// Longest line of version 1, its end included.
const V1_MAX: usize = 107;

/// Beginning of version 2, up to its command.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2 up to and including its length.
const V2_FIXED: usize = 16;

/// The two ends of a connection, as a header tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// Who connected.
    pub source: SocketAddr,
    /// Where to.
    pub destination: SocketAddr,
}

/// Why a connection's first bytes are not a header that is taken. The connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// They are something else.
    #[error(
        "the connection does not begin with a PROXY protocol header; have the balancer in front send one, or switch \
         gatewayTopology.proxyProtocol off"
    )]
    Missing,
    /// They begin like one, and go on otherwise.
    #[error("the PROXY protocol header is malformed")]
    Malformed,
    /// They tell of no IP addresses, though the connection is proxied.
    #[error("the PROXY protocol header tells of addresses that are not IP; TCP over IPv4 and IPv6 are taken")]
    NotIp,
    /// Longer than [`MAX_HEADER`].
    #[error("the PROXY protocol header is longer than {MAX_HEADER} bytes")]
    TooLong,
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How many bytes it takes.
    pub len: usize,
    /// What it tells; `None` for connections of the balancer itself (`LOCAL`, `UNKNOWN`).
    pub addresses: Option<Addresses>,
}

/// Reads a header from the first `bytes` of a connection; `Ok(None)` until it is complete.
///
/// # Errors
/// See [`HeaderError`]; it is told as early as the bytes tell it.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    let begins = |magic: &[u8]| std::iter::zip(bytes, magic).all(|(byte, expected)| byte == expected);
    if !begins(V1) && !begins(V2) {
        return Err(HeaderError::Missing);
    }
    let mut bytes = bytes;
    let mut is_whole = false;
    if bytes.starts_with(V1) {
        let line = &bytes[..bytes.len().min(V1_MAX)];
        match memchr::memchr(b'\n', line) {
            Some(end) => (bytes, is_whole) = (&bytes[..=end], true),
            None if line.len() == V1_MAX => return Err(HeaderError::Malformed),
            None => return Ok(None),
        }
    } else if begins(V2) && bytes.len() >= V2_FIXED {
        let len = V2_FIXED + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        if len > MAX_HEADER {
            return Err(HeaderError::TooLong);
        }
    }
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    let (header, len) = match ProxyHeader::parse(bytes, config) {
        Ok(parsed) => parsed,
        Err(proxy_header::Error::BufferTooShort) if !is_whole => return Ok(None),
        Err(_) => return Err(HeaderError::Malformed),
    };
    if !is_whole {
        check_v2(&bytes[..len], header.proxied_address().is_some())?;
    }
    let addresses =
        header.proxied_address().map(|address| Addresses { source: address.source, destination: address.destination });
    Ok(Some(Header { len, addresses }))
}

/// What Envoy refuses of a whole header of version 2: proxied connections without IP addresses, and extensions that are
/// cut off.
fn check_v2(header: &[u8], has_addresses: bool) -> Result<(), HeaderError> {
    let is_local = header[12] & 0xf == 0;
    if is_local {
        return Ok(());
    }
    if !has_addresses {
        return Err(HeaderError::NotIp);
    }
    let addresses = if header[13] >> 4 == 1 { 12 } else { 36 };
    let mut extensions = &header[V2_FIXED + addresses..];
    while let [_kind, high, low, rest @ ..] = extensions {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        extensions = rest.get(len..).ok_or(HeaderError::Malformed)?;
    }
    if extensions.is_empty() { Ok(()) } else { Err(HeaderError::Malformed) }
}

/// The header that tells an endpoint of a connection. Without one, and with ends of different families, which cannot be
/// told, it says that nothing is known.
#[must_use]
pub fn encode(version: ProxyProtocolVersion, addresses: Option<&Addresses>) -> Vec<u8> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let ends = addresses.map(|addresses| (canonical(addresses.source), canonical(addresses.destination)));
    let header = match ends {
        Some((source, destination)) if source.is_ipv4() == destination.is_ipv4() => {
            ProxyHeader::with_address(ProxiedAddress::stream(source, destination))
        }
        _ => ProxyHeader::with_local(),
    };
    let mut out = Vec::new();
    let encoded = match version {
        ProxyProtocolVersion::V1 => header.encode_v1(&mut out),
        ProxyProtocolVersion::V2 => header.encode_v2(&mut out),
    };
    debug_assert!(encoded.is_ok(), "addresses of one family, without extensions, can be told");
    out
}

#[cfg(test)]
mod tests;
