//! Envoy's attributes of a record, for filters.

use crate::outcome::Flags;
use crate::record::{HeaderView, Protocol, Record};
use meridian_cel::{Attributes, Value};
use meridian_ir::listener::Direction;

/// A record whose attributes are asked for.
pub(super) struct RecordAttributes<'r>(pub(super) &'r Record<'r>);

impl Attributes for RecordAttributes<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        let record = self.0;
        match *path {
            ["request", ref rest @ ..] => request(record, rest),
            ["response", ref rest @ ..] => response(record, rest),
            ["connection", name] => connection(record, name),
            ["source", "address"] => Some(shown(record.downstream.remote)),
            ["source", "port"] => Some(Value::Int(record.downstream.remote.port().into())),
            ["destination", "address"] => Some(shown(record.downstream.local)),
            ["destination", "port"] => Some(Value::Int(record.downstream.local.port().into())),
            ["upstream", name] => upstream(record, name),
            ["xds", name] => xds(record, name),
            _ => None,
        }
    }
}

fn request(record: &Record<'_>, path: &[&str]) -> Option<Value> {
    let header = |name: &str| text(record.request.first(name)?);
    match *path {
        ["headers", name] => header(name),
        ["path"] => header(":path"),
        ["url_path"] => {
            let path = record.request.first(":path")?;
            text(&path[..memchr::memchr(b'?', path).unwrap_or(path.len())])
        }
        ["query"] => {
            let path = record.request.first(":path")?;
            text(memchr::memchr(b'?', path).map_or(&[][..], |at| &path[at + 1..]))
        }
        ["host"] => header(":authority"),
        ["method"] => header(":method"),
        ["scheme"] => header(":scheme"),
        ["referer"] => header("referer"),
        ["useragent"] => header("user-agent"),
        ["id"] => header("x-request-id"),
        ["protocol"] => record.protocol.name().map(Value::from),
        ["duration"] => Some(Value::Duration(record.timeline.total)),
        ["size"] => Some(Value::from(record.bytes_received)),
        ["total_size"] => Some(Value::from(record.bytes_received + record.request_head_bytes)),
        _ => None,
    }
}

fn response(record: &Record<'_>, path: &[&str]) -> Option<Value> {
    match *path {
        ["headers", name] => text(record.response.first(name)?),
        ["trailers", name] => text(record.trailers.first(name)?),
        ["code"] => (record.response_code != 0).then(|| Value::Int(record.response_code.into())),
        ["code_details"] => record.details.as_ref().map(shown),
        ["flags"] => Some(Value::Int(flags(record.flags))),
        ["grpc_status"] => {
            let status = |headers: &dyn HeaderView| headers.first("grpc-status").and_then(text);
            match status(record.trailers).or_else(|| status(record.response))? {
                Value::Text(code) => code.parse().ok().map(Value::Int),
                _ => None,
            }
        }
        ["size"] => Some(Value::from(record.bytes_sent)),
        ["total_size"] => Some(Value::from(record.bytes_sent + record.response_head_bytes)),
        _ => None,
    }
}

fn connection(record: &Record<'_>, name: &str) -> Option<Value> {
    let (downstream, peer) = (&record.downstream, record.downstream.peer);
    match name {
        "id" => Some(Value::from(downstream.connection_id)),
        "mtls" => Some(Value::Bool(peer.is_some_and(|peer| peer.is_validated))),
        "requested_server_name" => downstream.server_name.map(Value::from),
        "tls_version" => downstream.tls_version.map(Value::from),
        "subject_peer_certificate" => Some(Value::from(&*peer?.facts.subject)),
        "uri_san_peer_certificate" => peer?.facts.uris().next().map(Value::from),
        "dns_san_peer_certificate" => peer?.facts.dns_names().next().map(Value::from),
        "sha256_peer_certificate_digest" => Some(Value::from(&*peer?.sha256)),
        "termination_details" => record.connection_termination.map(Value::from),
        "transport_failure_reason" => downstream.tls_failure.map(Value::from),
        _ => None,
    }
}

fn upstream(record: &Record<'_>, name: &str) -> Option<Value> {
    let upstream = &record.upstream;
    match name {
        "address" => upstream.host.map(shown),
        "port" => upstream.host.map(|host| Value::Int(host.port().into())),
        "local_address" => upstream.local.map(shown),
        "tls_version" => upstream.tls_version.map(Value::from),
        "transport_failure_reason" => upstream.failure.map(shown),
        "request_attempt_count" => Some(Value::Int(upstream.attempts.into())),
        _ => None,
    }
}

fn xds(record: &Record<'_>, name: &str) -> Option<Value> {
    match name {
        "cluster_name" => record.upstream.cluster.map(|name| Value::from(&**name)),
        "route_name" if record.protocol != Protocol::Tcp => Some(Value::from(record.route_name)),
        "filter_chain_name" => Some(Value::from(record.filter_chain_name)),
        // `envoy.config.core.v3.TrafficDirection`
        "listener_direction" => Some(Value::Int(match record.downstream.direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        })),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<Value> {
    Some(Value::Text(String::from_utf8_lossy(bytes).into_owned()))
}

fn shown(value: impl std::fmt::Display) -> Value {
    Value::Text(value.to_string())
}

/// The bits of Envoy's response flags (`StreamInfo::CoreResponseFlag`), in its order.
const FLAGS: [&str; 27] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH",
    "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF",
];

fn flags(flags: Flags) -> i64 {
    let bit = |short: &str| FLAGS.iter().position(|known| *known == short).map_or(0, |position| 1 << position);
    flags.iter().map(|flag| bit(flag.short())).fold(0, |all, bit| all | bit)
}

#[cfg(test)]
mod tests;
