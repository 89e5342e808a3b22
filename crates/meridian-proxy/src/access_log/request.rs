//! Operators about headers and the parts of a request's address.

use super::operator::text;
use super::value::{server_name, truncated};
use crate::record::{HeaderView, Record};
use meridian_ir::Name;
use meridian_ir::format::{HeaderSource, Operator};

/// Appends what `operator`, one of these, prints.
pub(super) fn value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let request = record.request;
    match operator {
        Operator::Request { name, alternative, max } => header(request, name, alternative.as_ref(), *max, out),
        Operator::Response { name, alternative, max } => header(record.response, name, alternative.as_ref(), *max, out),
        Operator::Trailer { name, alternative, max } => header(record.trailers, name, alternative.as_ref(), *max, out),
        Operator::RequestWithoutQuery { name, alternative, max } => {
            text(out, truncated(without_query(first(request, name, alternative.as_ref())?), *max))
        }
        Operator::QueryParameter { name, max } => {
            let value = query_parameter(request.first(":path")?, name.as_bytes())?;
            text(out, truncated(value, *max))
        }
        Operator::QueryParameters { decoded, max } => {
            let query = query(request.first(":path")?)?;
            let start = out.len();
            if *decoded {
                decode(query, out)
            } else {
                out.extend_from_slice(query)
            }
            let len = truncated(&out[start..], *max).len();
            out.truncate(start + len);
            Some(())
        }
        Operator::Path { query, source, max } => {
            let path = from_source(request, *source, "x-envoy-original-path", ":path")?;
            text(out, truncated(if *query { path } else { without_query(path) }, *max))
        }
        Operator::RequestedHost { sni_first, source } => {
            match record.downstream.server_name.filter(|name| *sni_first && !name.is_empty()) {
                Some(name) => server_name(out, name),
                None => out.extend_from_slice(from_source(request, *source, "x-envoy-original-host", ":authority")?),
            }
            Some(())
        }
        _ => None,
    }
}

fn from_source<'r>(
    request: &'r dyn HeaderView,
    source: HeaderSource,
    original: &str,
    current: &str,
) -> Option<&'r [u8]> {
    match source {
        HeaderSource::Original => request.first(original),
        HeaderSource::Current => request.first(current),
        HeaderSource::OriginalOrCurrent => request.first(original).or_else(|| request.first(current)),
    }
}

fn first<'r>(headers: &'r dyn HeaderView, name: &Name, alternative: Option<&Name>) -> Option<&'r [u8]> {
    headers.first(name).or_else(|| headers.first(alternative?))
}

fn header(
    headers: &dyn HeaderView,
    name: &Name,
    alternative: Option<&Name>,
    max: Option<usize>,
    out: &mut Vec<u8>,
) -> Option<()> {
    text(out, truncated(first(headers, name, alternative)?, max))
}

fn without_query(path: &[u8]) -> &[u8] {
    &path[..memchr::memchr(b'?', path).unwrap_or(path.len())]
}

fn query(path: &[u8]) -> Option<&[u8]> {
    let start = memchr::memchr(b'?', path)? + 1;
    path[start..].split(|byte| *byte == b'#').next()
}

/// The first value of a parameter, as sent.
fn query_parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    query(path)?.split(|byte| *byte == b'&').find_map(|pair| {
        let end = memchr::memchr(b'=', pair);
        let (key, value) = end.map_or((pair, &pair[pair.len()..]), |end| (&pair[..end], &pair[end + 1..]));
        (key == name).then_some(value)
    })
}

/// Resolves escapes of bytes that a query may have as they are; others stay, so that the line stays one line of text.
fn decode(mut query: &[u8], out: &mut Vec<u8>) {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    while let Some((&byte, rest)) = query.split_first() {
        query = rest;
        if let (b'%', [high, low, after @ ..]) = (byte, rest)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
            && is_of_query((high << 4 | low) as u8)
        {
            out.push((high << 4 | low) as u8);
            query = after;
        } else {
            out.push(byte);
        }
    }
}

/// The query percent-encode set of the URL standard, turned around.
const fn is_of_query(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'"' | b'#' | b'<' | b'>')
}
