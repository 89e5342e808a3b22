//! Request targets and authorities (RFC 9112 section 3.2, RFC 3986 section 3.2).

use std::net::Ipv6Addr;

use memchr::memchr;

use crate::bytes::REG_NAME;
use crate::{HeadError, Method, Span};

/// Longest host in bytes: a DNS name has at most 253, and a dot at its end.
const MAX_HOST: usize = 255;

/// Scheme of a connection or of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without TLS.
    #[default]
    Http,
    /// With TLS.
    Https,
}

/// The four forms of a request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://authority/path?query`
    Absolute(Scheme),
    /// `host:port`, with CONNECT only
    Authority,
    /// `*`, with OPTIONS only
    Asterisk,
}

/// A target taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) form: TargetForm,
    /// The authority in the target, empty when it has none.
    pub(crate) authority: Span,
    /// Path, query and fragment as sent; in authority form the target itself.
    pub(crate) path: Span,
}

/// Takes apart the target at `at`, whose bytes are visible ASCII.
pub(crate) fn parse_target(method: Method, at: Span, buf: &[u8], connection: Scheme) -> Result<Target, HeadError> {
    let bytes = at.of(buf);
    if method == Method::Connect {
        // RFC 9110 section 9.3.6: host and port are both there.
        let port = check_authority(bytes).map_err(|_| HeadError::InvalidConnectTarget)?;
        return match port {
            Some(1..) => Ok(Target { form: TargetForm::Authority, authority: at, path: at }),
            _ => Err(HeadError::InvalidConnectTarget),
        };
    }
    let nothing = Span { start: at.start, end: at.start };
    match bytes {
        [b'/', ..] => Ok(Target { form: TargetForm::Origin, authority: nothing, path: at }),
        b"*" if method == Method::Options => Ok(Target { form: TargetForm::Asterisk, authority: nothing, path: at }),
        _ => parse_absolute(at, bytes, connection),
    }
}

fn parse_absolute(at: Span, bytes: &[u8], connection: Scheme) -> Result<Target, HeadError> {
    let (scheme, prefix) = if starts_with_ignore_case(bytes, b"http://") {
        (Scheme::Http, 7)
    } else if starts_with_ignore_case(bytes, b"https://") {
        (Scheme::Https, 8)
    } else {
        return Err(HeadError::InvalidTarget);
    };
    let rest = &bytes[prefix..];
    let length = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    check_authority(&rest[..length])?;
    if scheme == Scheme::Https && connection == Scheme::Http {
        return Err(HeadError::SchemeMismatch);
    }
    let start = at.start + prefix as u32;
    let end = start + length as u32;
    Ok(Target {
        form: TargetForm::Absolute(scheme),
        authority: Span { start, end },
        path: Span { start: end, end: at.end },
    })
}

fn starts_with_ignore_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Checks `host [":" port]` and returns the port, if there is one; an empty one (`host:`) counts as none.
///
/// No user information, no list, and no IPv6 address without brackets: different readers would find different hosts.
pub(crate) fn check_authority(authority: &[u8]) -> Result<Option<u16>, HeadError> {
    let host_len = match authority {
        [b'[', ..] => {
            let end = memchr(b']', authority).ok_or(HeadError::InvalidHost)?;
            let address = std::str::from_utf8(&authority[1..end]).map_err(|_| HeadError::InvalidHost)?;
            address.parse::<Ipv6Addr>().map_err(|_| HeadError::InvalidHost)?;
            end + 1
        }
        _ => reg_name_len(authority)?,
    };
    if host_len == 0 || host_len > MAX_HOST {
        return Err(HeadError::InvalidHost);
    }
    match &authority[host_len..] {
        [] | [b':'] => Ok(None),
        [b':', port @ ..] => parse_port(port).map(Some),
        _ => Err(HeadError::InvalidHost),
    }
}

/// Length of the registered name at the start, up to a colon or the end.
fn reg_name_len(authority: &[u8]) -> Result<usize, HeadError> {
    let mut at = 0;
    while let Some(&byte) = authority.get(at) {
        match byte {
            _ if REG_NAME[usize::from(byte)] => at += 1,
            b':' => break,
            b'%' if authority[at + 1..].iter().take(2).filter(|b| b.is_ascii_hexdigit()).count() == 2 => at += 3,
            _ => return Err(HeadError::InvalidHost),
        }
    }
    Ok(at)
}

fn parse_port(digits: &[u8]) -> Result<u16, HeadError> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::InvalidHost);
    }
    let port = digits.iter().fold(0u32, |sum, &digit| sum * 10 + u32::from(digit - b'0'));
    u16::try_from(port).map_err(|_| HeadError::InvalidHost)
}
