//! A compiled log line, and how each operator prints.

use super::time;
use super::value::{decimal, ip, server_name, socket};
use crate::record::{HeaderView, Protocol, Record};
use meridian_ir::Name;
use meridian_ir::format::{Format, Operator, Part, Point, Unit};
use std::io::Write;
use std::time::{Duration, SystemTime};

/// What Envoy prints for a value that is not there.
const MISSING: &[u8] = b"-";

/// A format, ready to print records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    parts: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<[u8]>),
    Value(Operator),
}

impl Line {
    /// Compiles `format`; values that never change in a process (`%HOSTNAME%`, `%ENVIRONMENT%`) become text.
    pub(super) fn new(format: &Format) -> Self {
        let mut parts: Vec<Piece> = Vec::with_capacity(format.parts.len());
        let push_text = |parts: &mut Vec<Piece>, text: &[u8]| match parts.last_mut() {
            Some(Piece::Text(before)) => *before = [before, text].concat().into(),
            _ => parts.push(Piece::Text(text.into())),
        };
        for part in &format.parts {
            match part {
                Part::Literal(text) => push_text(&mut parts, text.as_bytes()),
                Part::Operator(Operator::Hostname) => push_text(&mut parts, &hostname()),
                Part::Operator(Operator::Environment { name, max }) => {
                    let value = std::env::var_os(&**name);
                    let value = value.as_deref().map_or(MISSING, |value| truncated(value.as_encoded_bytes(), *max));
                    push_text(&mut parts, value);
                }
                Part::Operator(operator) => parts.push(Piece::Value(operator.clone())),
            }
        }
        Self { parts: parts.into() }
    }

    /// Appends the line of `record` to `out`, with `-` for what is missing.
    pub(super) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(operator) => {
                    if value(operator, record, out).is_none() {
                        out.extend_from_slice(MISSING);
                    }
                }
            }
        }
    }
}

/// Appends the value that `format` gives a header of the request or response of `record`. A missing value is nothing
/// at all there, where a log has `-`.
pub fn header_value(format: &Format, record: &Record<'_>, out: &mut Vec<u8>) {
    for part in &format.parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Part::Operator(Operator::Hostname) => out.extend_from_slice(&hostname()),
            Part::Operator(Operator::Environment { name, max }) => {
                if let Some(value) = std::env::var_os(&**name) {
                    out.extend_from_slice(truncated(value.as_encoded_bytes(), *max));
                }
            }
            Part::Operator(operator) => {
                let _nothing_when_missing = value(operator, record, out);
            }
        }
    }
}

fn hostname() -> Vec<u8> {
    match std::fs::read("/proc/sys/kernel/hostname") {
        Ok(name) if !name.trim_ascii().is_empty() => name.trim_ascii().to_vec(),
        _ => MISSING.to_vec(),
    }
}

fn truncated(value: &[u8], max: Option<usize>) -> &[u8] {
    &value[..max.map_or(value.len(), |max| value.len().min(max))]
}

/// Appends what `operator` prints; `None` when there is no value.
fn value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    match operator {
        Operator::Request { name, alternative, max } => header(record.request, name, alternative.as_ref(), *max, out),
        Operator::Response { name, alternative, max } => header(record.response, name, alternative.as_ref(), *max, out),
        Operator::Trailer { name, alternative, max } => header(record.trailers, name, alternative.as_ref(), *max, out),
        Operator::RequestWithoutQuery { name, alternative, max } => {
            let value = first(record.request, name, alternative.as_ref())?;
            let end = value.iter().position(|byte| *byte == b'?').unwrap_or(value.len());
            text(out, truncated(&value[..end], *max))
        }
        Operator::QueryParameter { name, max } => {
            let value = query_parameter(record.request.first(":path")?, name.as_bytes())?;
            text(out, truncated(value, *max))
        }
        Operator::StartTime(format) => {
            time::write(format, record.start, out);
            Some(())
        }
        Operator::EmitTime(format) => {
            time::write(format, SystemTime::now(), out);
            Some(())
        }
        Operator::Environment { .. } | Operator::Hostname => None, // done by the callers
        Operator::ResponseCode
        | Operator::ResponseCodeDetails { .. }
        | Operator::ConnectionTerminationDetails
        | Operator::ResponseFlags
        | Operator::ResponseFlagsLong
        | Operator::Protocol
        | Operator::UpstreamProtocol
        | Operator::AccessLogType
        | Operator::GrpcStatusNumber
        | Operator::RouteName
        | Operator::FilterChainName
        | Operator::VirtualClusterName
        | Operator::BytesReceived
        | Operator::BytesSent => stream_value(operator, record, out),
        Operator::Duration
        | Operator::CommonDuration { .. }
        | Operator::RequestDuration
        | Operator::RequestTxDuration
        | Operator::ResponseDuration
        | Operator::ResponseTxDuration => duration(operator, record, out),
        Operator::UpstreamHost
        | Operator::UpstreamCluster
        | Operator::UpstreamClusterRaw
        | Operator::UpstreamLocalAddress
        | Operator::UpstreamLocalAddressWithoutPort
        | Operator::UpstreamLocalPort
        | Operator::UpstreamRemoteAddress
        | Operator::UpstreamRemoteAddressWithoutPort
        | Operator::UpstreamRemotePort
        | Operator::UpstreamRequestAttemptCount
        | Operator::UpstreamTransportFailureReason => upstream_value(operator, record, out),
        Operator::DownstreamRemoteAddress
        | Operator::DownstreamRemoteAddressWithoutPort
        | Operator::DownstreamRemotePort
        | Operator::DownstreamDirectRemoteAddress
        | Operator::DownstreamDirectRemoteAddressWithoutPort
        | Operator::DownstreamDirectRemotePort
        | Operator::DownstreamLocalAddress
        | Operator::DownstreamLocalAddressWithoutPort
        | Operator::DownstreamLocalPort
        | Operator::DownstreamTlsVersion
        | Operator::DownstreamTlsCipher
        | Operator::DownstreamTransportFailureReason
        | Operator::RequestedServerName
        | Operator::ConnectionId => downstream_value(operator, record, out),
        _ => None,
    }
}

fn stream_value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    match operator {
        Operator::ResponseCode => number(out, record.response_code.into()),
        Operator::ResponseCodeDetails { .. } => display(out, record.details?),
        Operator::ConnectionTerminationDetails => text(out, record.connection_termination?.as_bytes()),
        Operator::ResponseFlags => flags(record, out, false),
        Operator::ResponseFlagsLong => flags(record, out, true),
        Operator::Protocol => text(out, record.protocol.name()?.as_bytes()),
        Operator::UpstreamProtocol => {
            record.timeline.upstream_tx_begin?;
            record.protocol.name()?;
            text(out, b"HTTP/1.1")
        }
        Operator::AccessLogType => text(
            out,
            match record.protocol {
                Protocol::Tcp if record.upstream.cluster.is_none() => b"NotSet",
                Protocol::Tcp => b"TcpConnectionEnd",
                _ => b"DownstreamEnd",
            },
        ),
        Operator::GrpcStatusNumber => {
            let status = record.trailers.first("grpc-status").or_else(|| record.response.first("grpc-status"))?;
            if status.is_empty() || !status.iter().all(u8::is_ascii_digit) {
                return None;
            }
            text(out, status)
        }
        Operator::RouteName => name(out, record.route_name),
        Operator::FilterChainName => name(out, record.filter_chain_name),
        Operator::BytesReceived => number(out, record.bytes_received),
        Operator::BytesSent => number(out, record.bytes_sent),
        _ => None,
    }
}

fn upstream_value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let upstream = &record.upstream;
    match operator {
        Operator::UpstreamHost | Operator::UpstreamRemoteAddress => {
            socket(out, upstream.host?);
            Some(())
        }
        Operator::UpstreamRemoteAddressWithoutPort => {
            ip(out, upstream.host?.ip());
            Some(())
        }
        Operator::UpstreamRemotePort => number(out, upstream.host?.port().into()),
        Operator::UpstreamCluster => {
            text(out, upstream.cluster?.as_bytes())?;
            text(out, b";")
        }
        Operator::UpstreamClusterRaw => text(out, upstream.cluster?.as_bytes()),
        Operator::UpstreamLocalAddress => {
            socket(out, upstream.local?);
            Some(())
        }
        Operator::UpstreamLocalAddressWithoutPort => {
            ip(out, upstream.local?.ip());
            Some(())
        }
        Operator::UpstreamLocalPort => number(out, upstream.local?.port().into()),
        Operator::UpstreamRequestAttemptCount => number(out, upstream.attempts.into()),
        Operator::UpstreamTransportFailureReason => display(out, upstream.failure?),
        _ => None,
    }
}

fn downstream_value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let downstream = &record.downstream;
    match operator {
        Operator::DownstreamRemoteAddress => socket(out, downstream.remote),
        Operator::DownstreamRemoteAddressWithoutPort => ip(out, downstream.remote.ip()),
        Operator::DownstreamRemotePort => decimal(out, downstream.remote.port().into()),
        Operator::DownstreamDirectRemoteAddress => socket(out, downstream.direct_remote),
        Operator::DownstreamDirectRemoteAddressWithoutPort => ip(out, downstream.direct_remote.ip()),
        Operator::DownstreamDirectRemotePort => decimal(out, downstream.direct_remote.port().into()),
        Operator::DownstreamLocalAddress => socket(out, downstream.local),
        Operator::DownstreamLocalAddressWithoutPort => ip(out, downstream.local.ip()),
        Operator::DownstreamLocalPort => decimal(out, downstream.local.port().into()),
        Operator::DownstreamTlsVersion => text(out, downstream.tls_version?.as_bytes())?,
        Operator::DownstreamTlsCipher => text(out, downstream.tls_cipher?.as_bytes())?,
        Operator::DownstreamTransportFailureReason => text(out, downstream.tls_failure?.as_bytes())?,
        Operator::RequestedServerName => server_name(out, downstream.server_name.filter(|name| !name.is_empty())?),
        Operator::ConnectionId => decimal(out, downstream.connection_id),
        _ => return None,
    }
    Some(())
}

fn duration(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let timeline = &record.timeline;
    let millis = match operator {
        Operator::Duration => timeline.total,
        Operator::RequestDuration => timeline.downstream_rx_end?,
        Operator::RequestTxDuration => timeline.upstream_tx_end?,
        Operator::ResponseDuration => timeline.upstream_rx_begin?,
        Operator::ResponseTxDuration => timeline.downstream_tx_end?.checked_sub(timeline.upstream_rx_begin?)?,
        Operator::CommonDuration { start, end, unit } => {
            let between = point(record, *end)?.checked_sub(point(record, *start)?)?;
            let value = match unit {
                Unit::Milliseconds => between.as_millis(),
                Unit::Microseconds => between.as_micros(),
                Unit::Nanoseconds => between.as_nanos(),
            };
            return number(out, u64::try_from(value).unwrap_or(u64::MAX));
        }
        _ => return None,
    };
    number(out, u64::try_from(millis.as_millis()).unwrap_or(u64::MAX))
}

fn point(record: &Record<'_>, point: Point) -> Option<Duration> {
    let timeline = &record.timeline;
    match point {
        Point::DownstreamRxBegin => Some(Duration::ZERO),
        Point::DownstreamRxEnd => timeline.downstream_rx_end,
        Point::UpstreamTxBegin => timeline.upstream_tx_begin,
        Point::UpstreamTxEnd => timeline.upstream_tx_end,
        Point::UpstreamRxBegin => timeline.upstream_rx_begin,
        Point::UpstreamRxEnd => timeline.upstream_rx_end,
        Point::DownstreamTxBegin => timeline.downstream_tx_begin,
        Point::DownstreamTxEnd => timeline.downstream_tx_end,
        _ => None,
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

/// The first value of a parameter, as sent.
fn query_parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let start = path.iter().position(|byte| *byte == b'?')? + 1;
    let query = path[start..].split(|byte| *byte == b'#').next()?;
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = end.map_or((pair, &pair[pair.len()..]), |end| (&pair[..end], &pair[end + 1..]));
        (key == name).then_some(value)
    })
}

/// Prints `-` by itself when there is none, in header values too, as Envoy does.
fn flags(record: &Record<'_>, out: &mut Vec<u8>, long: bool) -> Option<()> {
    if record.flags.is_empty() {
        return text(out, MISSING);
    }
    for (position, flag) in record.flags.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(if long { flag.long() } else { flag.short() }.as_bytes());
    }
    Some(())
}

fn text(out: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    out.extend_from_slice(value);
    Some(())
}

fn name(out: &mut Vec<u8>, value: &str) -> Option<()> {
    if value.is_empty() {
        return None;
    }
    text(out, value.as_bytes())
}

fn number(out: &mut Vec<u8>, value: u64) -> Option<()> {
    decimal(out, value);
    Some(())
}

fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) -> Option<()> {
    write!(out, "{value}").ok()
}

#[cfg(test)]
mod tests;
