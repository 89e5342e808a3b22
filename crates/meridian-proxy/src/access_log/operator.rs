//! How each operator prints.

use super::certificate::{certificate, certificate_time};
use super::duration::duration;
use super::line::constant;
use super::time;
use super::value::{decimal, ip, server_name, socket, truncated};
use super::{request, upstream};
use crate::grpc;
use crate::record::{Protocol, Record};
use meridian_ir::format::{ByteCount, Operator};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

/// Appends what `operator` prints; `None` when there is no value.
pub(super) fn value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    match operator {
        Operator::Request { .. }
        | Operator::Response { .. }
        | Operator::Trailer { .. }
        | Operator::RequestWithoutQuery { .. }
        | Operator::QueryParameter { .. }
        | Operator::QueryParameters { .. }
        | Operator::Path { .. }
        | Operator::RequestedHost { .. } => request::value(operator, record, out),
        Operator::StartTime(_) | Operator::EmitTime(_) | Operator::StartTimeLocal(_) | Operator::EmitTimeLocal(_) => {
            moment(operator, record, out)
        }
        Operator::Duration
        | Operator::CommonDuration { .. }
        | Operator::RequestDuration
        | Operator::RequestTxDuration
        | Operator::ResponseDuration
        | Operator::ResponseTxDuration
        | Operator::UpstreamConnectionPoolReadyDuration
        | Operator::DownstreamHandshakeDuration => duration(operator, record, out),
        Operator::UpstreamHost
        | Operator::UpstreamHostName
        | Operator::UpstreamHostNameWithoutPort
        | Operator::Attempted(_)
        | Operator::UpstreamConnectionId
        | Operator::UpstreamTlsVersion
        | Operator::UpstreamTlsCipher
        | Operator::UpstreamTlsGroup
        | Operator::UpstreamServerName
        | Operator::UpstreamCluster
        | Operator::UpstreamClusterRaw
        | Operator::UpstreamLocalAddress
        | Operator::UpstreamLocalAddressWithoutPort
        | Operator::UpstreamLocalPort
        | Operator::UpstreamRemoteAddress
        | Operator::UpstreamRemoteAddressWithoutPort
        | Operator::UpstreamRemotePort
        | Operator::UpstreamRequestAttemptCount
        | Operator::UpstreamTransportFailureReason => upstream::value(operator, record, out),
        Operator::Certificate(side, part) => certificate(*side, *part, record, out),
        Operator::CertificateTime { side, is_end, format } => certificate_time(*side, *is_end, format, record, out),
        Operator::Network { address, bits } => network(address, *bits, record, out),
        Operator::Coalesce { operators, max, .. } => coalesce(operators, *max, record, out),
        Operator::Hostname | Operator::Environment { .. } | Operator::Unset { .. } => text(out, &constant(operator)??),
        Operator::UniqueId => unique_id(out),
        _ => stream_value(operator, record, out).or_else(|| downstream_value(operator, record, out)),
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
            text(out, record.upstream.protocol.and_then(Protocol::name)?.as_bytes())
        }
        Operator::AccessLogType => text(
            out,
            match record.protocol {
                Protocol::Tcp if record.upstream.cluster.is_none() => b"NotSet",
                Protocol::Tcp => b"TcpConnectionEnd",
                _ => b"DownstreamEnd",
            },
        ),
        Operator::GrpcStatusNumber => number(out, grpc_status(record)?),
        Operator::GrpcStatus { snake } => {
            let status = grpc_status(record)?;
            match if *snake { grpc::snake_name(status) } else { grpc::camel_name(status) } {
                Some(name) => text(out, name.as_bytes()),
                None => number(out, status),
            }
        }
        Operator::RouteName => name(out, record.route_name),
        Operator::FilterChainName => name(out, record.filter_chain_name),
        Operator::BytesReceived => number(out, record.bytes_received),
        Operator::BytesSent => number(out, record.bytes_sent),
        Operator::Bytes(count) => number(out, bytes(*count, record)),
        Operator::StreamId => match record.protocol {
            Protocol::Tcp => number(out, record.downstream.connection_id),
            _ => text(out, record.request.first("x-request-id")?),
        },
        // As in Envoy's access logs, where it is there but empty.
        Operator::LocalReplyBody => Some(()),
        _ => None,
    }
}

/// The status of a gRPC request: from the trailers, from a head without body, or for the HTTP status.
fn grpc_status(record: &Record<'_>) -> Option<u64> {
    record.request.first("content-type").filter(|content_type| grpc::is_grpc(content_type))?;
    match record.trailers.first("grpc-status").or_else(|| record.response.first("grpc-status")) {
        Some(status) => std::str::from_utf8(status).ok()?.parse().ok(),
        None => Some(grpc::status_of_http(record.response_code).into()),
    }
}

fn bytes(count: ByteCount, record: &Record<'_>) -> u64 {
    let wire = &record.wire;
    match count {
        ByteCount::RequestHeaders => record.request.byte_size(),
        ByteCount::ResponseHeaders => record.response.byte_size(),
        ByteCount::ResponseTrailers => record.trailers.byte_size(),
        ByteCount::UpstreamWireSent => wire.upstream_sent,
        ByteCount::UpstreamWireReceived => wire.upstream_received,
        ByteCount::UpstreamHeaderSent | ByteCount::UpstreamDecompressedHeaderSent => wire.upstream_headers_sent,
        ByteCount::UpstreamHeaderReceived | ByteCount::UpstreamDecompressedHeaderReceived => {
            wire.upstream_headers_received
        }
        ByteCount::DownstreamWireSent => wire.downstream_sent,
        ByteCount::DownstreamWireReceived => wire.downstream_received,
        ByteCount::DownstreamHeaderSent | ByteCount::DownstreamDecompressedHeaderSent => wire.downstream_headers_sent,
        ByteCount::DownstreamHeaderReceived | ByteCount::DownstreamDecompressedHeaderReceived => {
            wire.downstream_headers_received
        }
        ByteCount::Retransmitted | ByteCount::PacketsRetransmitted => 0,
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
        Operator::DownstreamDirectLocalAddress => socket(out, downstream.direct_local),
        Operator::DownstreamDirectLocalAddressWithoutPort => ip(out, downstream.direct_local.ip()),
        Operator::DownstreamDirectLocalPort => decimal(out, downstream.direct_local.port().into()),
        Operator::DownstreamTlsVersion => text(out, downstream.tls_version?.as_bytes())?,
        Operator::DownstreamTlsCipher => text(out, downstream.tls_cipher?.as_bytes())?,
        Operator::DownstreamTlsGroup => text(out, downstream.tls_group?.as_bytes())?,
        Operator::DownstreamTransportFailureReason => text(out, downstream.tls_failure?.as_bytes())?,
        Operator::RequestedServerName => server_name(out, downstream.server_name.filter(|name| !name.is_empty())?),
        Operator::ConnectionId => decimal(out, downstream.connection_id),
        _ => return None,
    }
    Some(())
}

fn moment(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    match operator {
        Operator::StartTime(format) => time::write(format, record.start, out),
        Operator::EmitTime(format) => time::write(format, SystemTime::now(), out),
        Operator::StartTimeLocal(format) => time::write_local(format, record.start, out),
        Operator::EmitTimeLocal(format) => time::write_local(format, SystemTime::now(), out),
        _ => return None,
    }
    Some(())
}

/// An address as a network: `10.1.0.0/16`. `None` when it has fewer bits.
fn network(address: &Operator, bits: u8, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let (downstream, upstream) = (&record.downstream, &record.upstream);
    let address = match address {
        Operator::DownstreamRemoteAddressWithoutPort => downstream.remote,
        Operator::DownstreamDirectRemoteAddressWithoutPort => downstream.direct_remote,
        Operator::DownstreamLocalAddressWithoutPort => downstream.local,
        Operator::DownstreamDirectLocalAddressWithoutPort => downstream.direct_local,
        Operator::UpstreamLocalAddressWithoutPort => upstream.local?,
        Operator::UpstreamRemoteAddressWithoutPort => upstream.host?,
        _ => return None,
    };
    let network = match address.ip().to_canonical() {
        IpAddr::V4(address) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        _ => return None,
    };
    ip(out, network);
    out.push(b'/');
    number(out, bits.into())
}

/// The first that has a value and is not empty.
fn coalesce(operators: &[Operator], max: Option<usize>, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    operators.iter().find(|operator| {
        out.truncate(start);
        value(operator, record, out).is_some() && out.len() > start
    })?;
    let len = truncated(&out[start..], max).len();
    out.truncate(start + len);
    Some(())
}

/// A random UUID, version 4.
fn unique_id(out: &mut Vec<u8>) -> Option<()> {
    crate::http1::write_uuid(fastrand::u128(..), out);
    Some(())
}

/// Prints `-` by itself when there is none, in header values too, as Envoy does.
fn flags(record: &Record<'_>, out: &mut Vec<u8>, long: bool) -> Option<()> {
    if record.flags.is_empty() {
        return text(out, super::line::MISSING);
    }
    for (position, flag) in record.flags.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(if long { flag.long() } else { flag.short() }.as_bytes());
    }
    Some(())
}

pub(super) fn text(out: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    out.extend_from_slice(value);
    Some(())
}

fn name(out: &mut Vec<u8>, value: &str) -> Option<()> {
    if value.is_empty() {
        return None;
    }
    text(out, value.as_bytes())
}

pub(super) fn number(out: &mut Vec<u8>, value: u64) -> Option<()> {
    decimal(out, value);
    Some(())
}

pub(super) fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) -> Option<()> {
    write!(out, "{value}").ok()
}
