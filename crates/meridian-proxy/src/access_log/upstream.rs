//! Operators about the endpoint.

use super::operator::{display, number, text};
use super::value::{ip, socket};
use crate::record::{Record, Upstream};
use meridian_ir::endpoint::Address;
use meridian_ir::format::{Attempted, Operator};
use std::net::SocketAddr;

/// Appends what `operator`, one of these, prints.
pub(super) fn value(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let upstream = &record.upstream;
    match operator {
        Operator::UpstreamHost | Operator::UpstreamRemoteAddress => socket(out, upstream.host?),
        Operator::UpstreamRemoteAddressWithoutPort => ip(out, upstream.host?.ip()),
        Operator::UpstreamRemotePort => return number(out, upstream.host?.port().into()),
        Operator::UpstreamHostName => host_name(upstream, upstream.host?, true, out),
        Operator::UpstreamHostNameWithoutPort => host_name(upstream, upstream.host?, false, out),
        Operator::Attempted(what) => return attempted(*what, upstream, out),
        Operator::UpstreamConnectionId => return number(out, upstream.connection_id.unwrap_or(0)),
        Operator::UpstreamTlsVersion => return text(out, upstream.tls_version?.as_bytes()),
        Operator::UpstreamTlsCipher => return text(out, upstream.tls_cipher?.as_bytes()),
        Operator::UpstreamTlsGroup => return text(out, upstream.tls_group?.as_bytes()),
        Operator::UpstreamServerName => return text(out, upstream.server_name?.as_bytes()),
        Operator::UpstreamCluster => {
            text(out, upstream.cluster?.as_bytes())?;
            return text(out, b";");
        }
        Operator::UpstreamClusterRaw => return text(out, upstream.cluster?.as_bytes()),
        Operator::UpstreamLocalAddress => socket(out, upstream.local?),
        Operator::UpstreamLocalAddressWithoutPort => ip(out, upstream.local?.ip()),
        Operator::UpstreamLocalPort => return number(out, upstream.local?.port().into()),
        Operator::UpstreamRequestAttemptCount => return number(out, upstream.attempts.into()),
        Operator::UpstreamTransportFailureReason => return display(out, upstream.failure?),
        _ => return None,
    }
    Some(())
}

/// The DNS name of an endpoint: that of the cluster's one name with its port. Its address where there is none, or where
/// several names could be its.
fn host_name(upstream: &Upstream<'_>, host: SocketAddr, with_port: bool, out: &mut Vec<u8>) {
    let endpoints = upstream.endpoints.into_iter().flat_map(|endpoints| &endpoints.endpoints);
    let mut names = endpoints.filter_map(|endpoint| match &endpoint.address {
        Address::Dns(name, port) if *port == host.port() => Some(name),
        _ => None,
    });
    match (names.next(), names.next(), with_port) {
        (Some(name), None, true) => {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            super::value::decimal(out, host.port().into());
        }
        (Some(name), None, false) => out.extend_from_slice(name.as_bytes()),
        (_, _, true) => socket(out, host),
        (_, _, false) => ip(out, host.ip()),
    }
}

/// Each that was tried once, in the order of the tries.
fn attempted(what: Attempted, upstream: &Upstream<'_>, out: &mut Vec<u8>) -> Option<()> {
    if what == Attempted::ConnectionIds {
        return number(out, upstream.connection_id?);
    }
    let tried = upstream.attempted;
    for (position, host) in tried.iter().enumerate() {
        if tried[..position].contains(host) {
            continue;
        }
        if position > 0 {
            out.push(b',');
        }
        match what {
            Attempted::Hosts | Attempted::ConnectionIds => socket(out, *host),
            Attempted::HostsWithoutPort => ip(out, host.ip()),
            Attempted::Names => host_name(upstream, *host, true, out),
            Attempted::NamesWithoutPort => host_name(upstream, *host, false, out),
        }
    }
    (!tried.is_empty()).then_some(())
}
