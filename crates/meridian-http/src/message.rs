//! What the fields of a message say about its framing and its connection; the same for requests and responses.

use crate::bytes::{is_token, trim};
use crate::field::{Field, Fields};
use crate::{HeadError, KnownHeader, Span};

/// Most fields that a Connection header may name, as in Envoy.
const MAX_NOMINATED: usize = 10;

/// Longest number of digits that can be below 2^63 without leading zeros.
const MAX_LENGTH_DIGITS: usize = 19;

/// Facts that are gathered field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) content_length: Option<u64>,
    transfer_encoding: TransferEncoding,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    /// Connection names Upgrade.
    pub(crate) connection_upgrade: bool,
    /// The value of the first Upgrade field.
    pub(crate) upgrade: Option<Span>,
    /// Names in Connection other than its own options.
    nominated: Vec<Span>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TransferEncoding {
    #[default]
    Absent,
    Chunked,
    Other,
}

/// Framing fields of a message, checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    Nothing,
    Length(u64),
    Chunked,
}

impl Facts {
    /// Forgets the last message and keeps the memory.
    pub(crate) fn clear(&mut self) {
        let mut nominated = std::mem::take(&mut self.nominated);
        nominated.clear();
        *self = Self { nominated, ..Self::default() };
    }

    /// Takes a field into account. Hop-by-hop fields (RFC 9110 section 7.6.1) are marked here: they are not sent on.
    pub(crate) fn observe(&mut self, field: &mut Field, buf: &[u8]) -> Result<(), HeadError> {
        let value = field.value().of(buf);
        match field.known() {
            KnownHeader::ContentLength => {
                if self.content_length.is_some() {
                    return Err(HeadError::DuplicateContentLength);
                }
                self.content_length = Some(parse_length(value).ok_or(HeadError::InvalidContentLength)?);
                let zeros = value[..value.len() - 1].iter().take_while(|&&b| b == b'0').count() as u32;
                if zeros > 0 {
                    field.narrow(Span { start: field.value().start + zeros, end: field.value().end });
                }
            }
            KnownHeader::TransferEncoding => {
                let is_chunked = value.eq_ignore_ascii_case(b"chunked");
                self.transfer_encoding = match self.transfer_encoding {
                    TransferEncoding::Absent if is_chunked => TransferEncoding::Chunked,
                    _ => TransferEncoding::Other,
                };
                field.do_not_forward();
            }
            KnownHeader::Connection => {
                self.observe_connection(field.value(), buf)?;
                field.do_not_forward();
            }
            KnownHeader::ProxyConnection => {
                self.close |= value.eq_ignore_ascii_case(b"close");
                field.do_not_forward();
            }
            KnownHeader::Upgrade => {
                self.upgrade.get_or_insert(field.value());
                field.do_not_forward();
            }
            KnownHeader::KeepAlive | KnownHeader::Http2Settings => field.do_not_forward(),
            KnownHeader::Te => keep_te_trailers(field, buf),
            _ => {}
        }
        Ok(())
    }

    fn observe_connection(&mut self, value: Span, buf: &[u8]) -> Result<(), HeadError> {
        for option in members(value, buf) {
            let bytes = option.of(buf);
            match KnownHeader::from_any_case(bytes) {
                KnownHeader::KeepAlive => self.keep_alive = true,
                KnownHeader::Upgrade => self.connection_upgrade = true,
                // Framing is the gateway's own, and these are judged where they stand.
                KnownHeader::Te
                | KnownHeader::TransferEncoding
                | KnownHeader::ContentLength
                | KnownHeader::Http2Settings => {}
                KnownHeader::Host
                | KnownHeader::XForwardedFor
                | KnownHeader::XForwardedHost
                | KnownHeader::XForwardedProto => return Err(HeadError::ProtectedFieldNominated),
                _ if bytes.eq_ignore_ascii_case(b"close") => self.close = true,
                _ if !is_token(bytes) => {}
                _ if self.nominated.len() == MAX_NOMINATED => return Err(HeadError::TooManyNominated),
                _ => self.nominated.push(option),
            }
        }
        Ok(())
    }

    /// The names that Connection nominates, beyond its own options and what the gateway owns.
    pub(crate) fn nominated(&self) -> &[Span] {
        &self.nominated
    }

    /// Marks the fields that Connection names as not to be sent on; policies still see them.
    pub(crate) fn withhold_nominated(&self, fields: &mut Fields, buf: &[u8]) {
        for option in &self.nominated {
            let name = option.of(buf);
            for field in fields.iter_mut().filter(|field| field.name().of(buf).eq_ignore_ascii_case(name)) {
                field.do_not_forward();
            }
        }
    }

    /// Whether both framings were declared, which nobody may resolve (RFC 9112 section 6.1).
    pub(crate) const fn is_ambiguous(&self) -> bool {
        self.content_length.is_some() && self.has_transfer_encoding()
    }

    pub(crate) const fn has_transfer_encoding(&self) -> bool {
        !matches!(self.transfer_encoding, TransferEncoding::Absent)
    }

    /// The framing that the fields declare. In a head that was written from HTTP/2 frames (`http2`) chunks may stand
    /// beside a length: they are how the frames are told.
    pub(crate) const fn declared(&self, http2: bool) -> Result<Declared, HeadError> {
        match (self.transfer_encoding, self.content_length) {
            (TransferEncoding::Chunked, Some(_)) if http2 => Ok(Declared::Chunked),
            (TransferEncoding::Absent, None) => Ok(Declared::Nothing),
            (TransferEncoding::Absent, Some(length)) => Ok(Declared::Length(length)),
            (_, Some(_)) => Err(HeadError::LengthAndTransferEncoding),
            (TransferEncoding::Chunked, None) => Ok(Declared::Chunked),
            (TransferEncoding::Other, None) => Err(HeadError::InvalidTransferEncoding),
        }
    }
}

/// The members of a comma-separated list, without blanks around them; empty ones are skipped (RFC 9110 section 5.6.1).
pub(crate) fn members(list: Span, buf: &[u8]) -> impl Iterator<Item = Span> {
    let mut start = list.start as usize;
    list.of(buf).split(|&b| b == b',').filter_map(move |part| {
        let at = start;
        start += part.len() + 1;
        let blanks = part.iter().take_while(|&&b| matches!(b, b' ' | b'\t')).count();
        let member = trim(part);
        (!member.is_empty()).then(|| Span::new(at + blanks, at + blanks + member.len()))
    })
}

/// A decimal number below 2^63, with leading zeros (RFC 9110 section 8.6).
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = value.iter().take_while(|&&b| b == b'0').count();
    let digits = &value[zeros..];
    if digits.len() > MAX_LENGTH_DIGITS {
        return None;
    }
    let length = digits.iter().fold(0u64, |sum, &digit| sum * 10 + u64::from(digit - b'0'));
    i64::try_from(length).is_ok().then_some(length)
}

/// Of TE only `trailers` is meant for the next hop as well, as the gateway takes trailers itself (RFC 9110 section 10.1.4).
fn keep_te_trailers(field: &mut Field, buf: &[u8]) {
    let value = field.value();
    match members(value, buf).find(|member| member.of(buf).eq_ignore_ascii_case(b"trailers")) {
        Some(member) if member == value => {}
        Some(member) => field.narrow(member),
        None => field.do_not_forward(),
    }
}
