//! Istio's standard metrics: one series for each destination, status and set of flags.

use super::Count;
use super::blocked::BLACK_HOLE;
use super::histogram::Histogram;
use super::parties::{KnownParties, Parties, UNKNOWN};
use crate::outcome::Flags;
use crate::record::Record;
use meridian_ir::Cluster;

/// What tells one series of a destination from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeriesKey<P = KnownParties> {
    pub(super) protocol: RequestProtocol,
    pub(super) response_code: u16,
    pub(super) flags: Flags,
    /// `grpc-status`; [`None`] for other protocols.
    pub(super) grpc_status: Option<u16>,
    pub(super) parties: P,
}

/// `request_protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestProtocol {
    Http,
    Grpc,
    Tcp,
}

impl RequestProtocol {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        }
    }
}

impl<'r> SeriesKey<Parties<'r>> {
    /// The key of a request.
    pub(super) fn of(record: &Record<'r>) -> Self {
        let protocol = if is_grpc(record) { RequestProtocol::Grpc } else { RequestProtocol::Http };
        let grpc_status = (protocol == RequestProtocol::Grpc).then(|| grpc_status(record)).flatten();
        let parties = Parties::of(&record.downstream, &record.upstream);
        Self { protocol, response_code: record.response_code, flags: record.flags, grpc_status, parties }
    }

    /// The key of TCP connections.
    pub(super) const fn tcp(flags: Flags, parties: Parties<'r>) -> Self {
        Self { protocol: RequestProtocol::Tcp, response_code: 0, flags, grpc_status: None, parties }
    }

    /// The same without the other sides, of which there are too many.
    pub(super) fn without_peers(&self) -> Self {
        Self { parties: self.parties.without_peers(), ..*self }
    }

    /// Whether `known` is the same.
    pub(super) fn is(&self, known: &SeriesKey) -> bool {
        self.response_code == known.response_code
            && self.protocol == known.protocol
            && self.flags == known.flags
            && self.grpc_status == known.grpc_status
            && self.parties == known.parties.view()
    }

    /// The same, to be kept.
    pub(super) fn to_known(&self) -> SeriesKey {
        let Self { protocol, response_code, flags, grpc_status, parties } = *self;
        SeriesKey { protocol, response_code, flags, grpc_status, parties: parties.into() }
    }
}

fn is_grpc(record: &Record<'_>) -> bool {
    let rest = record.request.first("content-type").and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn grpc_status(record: &Record<'_>) -> Option<u16> {
    let status = record.trailers.first("grpc-status").or_else(|| record.response.first("grpc-status"))?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// `istio_requests_total` and its histograms.
#[derive(Debug)]
pub(super) struct RequestSeries {
    pub(super) key: SeriesKey,
    pub(super) requests_total: Count,
    pub(super) request_duration_milliseconds: Histogram,
    pub(super) request_bytes: Histogram,
    pub(super) response_bytes: Histogram,
}

impl RequestSeries {
    pub(super) fn new(key: SeriesKey) -> Self {
        Self {
            key,
            requests_total: Count::default(),
            request_duration_milliseconds: Histogram::default(),
            request_bytes: Histogram::default(),
            response_bytes: Histogram::default(),
        }
    }

    pub(super) fn record(&self, record: &Record<'_>, millis: u64) {
        self.requests_total.inc();
        self.request_duration_milliseconds.record(millis);
        self.request_bytes.record(record.request_head_bytes + record.bytes_received);
        self.response_bytes.record(record.response_head_bytes + record.bytes_sent);
    }
}

/// `istio_tcp_...`
#[derive(Debug)]
pub(super) struct TcpSeries {
    pub(super) key: SeriesKey,
    pub(super) connections_opened_total: Count,
    pub(super) connections_closed_total: Count,
    pub(super) sent_bytes_total: Count,
    pub(super) received_bytes_total: Count,
}

impl TcpSeries {
    pub(super) fn new(key: SeriesKey) -> Self {
        Self {
            key,
            connections_opened_total: Count::default(),
            connections_closed_total: Count::default(),
            sent_bytes_total: Count::default(),
            received_bytes_total: Count::default(),
        }
    }
}

/// The destination of a series, as labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) service: String,
    pub(super) service_name: String,
    pub(super) service_namespace: String,
}

impl Destination {
    /// Of requests that found no cluster.
    pub(super) fn unknown() -> Self {
        let unknown = || UNKNOWN.to_owned();
        Self { service: unknown(), service_name: unknown(), service_namespace: unknown() }
    }

    /// Of requests that a route refused because nothing in the registry is their destination.
    pub(super) fn black_hole() -> Self {
        Self { service_name: BLACK_HOLE.to_owned(), ..Self::unknown() }
    }

    /// From the service behind it; where that is not said, from the cluster's name and the object that it was made from.
    pub(super) fn of(cluster: &Cluster) -> Self {
        if let Some(service) = &cluster.service {
            return Self {
                service: service.host.to_string(),
                service_name: service.name.to_string(),
                service_namespace: service.namespace.to_string(),
            };
        }
        let mut fields = cluster.name.splitn(4, '|');
        let (Some(_), Some(_), Some(_), Some(host)) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            // PassthroughCluster, BlackHoleCluster
            return Self { service_name: cluster.name.to_string(), ..Self::unknown() };
        };
        let mut labels = host.split('.');
        let (name, namespace, kind) = (labels.next(), labels.next(), labels.next());
        let origin = cluster.origins.first().map(|origin| origin.namespace.to_string());
        match (name, namespace, kind) {
            (Some(name), Some(namespace), Some("svc")) => Self {
                service: host.to_owned(),
                service_name: name.to_owned(),
                service_namespace: namespace.to_owned(),
            },
            _ => Self {
                service: host.to_owned(),
                service_name: host.to_owned(),
                service_namespace: origin.unwrap_or_else(|| UNKNOWN.to_owned()),
            },
        }
    }
}

/// All labels of a series, in Istio's order. `own` are those that the proxy was started with.
pub(super) fn labels(
    own: &[(String, String)],
    destination: &Destination,
    key: &SeriesKey,
) -> Vec<(&'static str, String)> {
    let parties = key.parties.view();
    let (from, to) = parties.sides(own);
    let mut labels = Vec::with_capacity(25);
    labels.extend([
        ("reporter", parties.reporter(own)),
        ("source_workload", from.label("workload")),
        ("source_canonical_service", from.label("canonical_service")),
        ("source_canonical_revision", from.label("canonical_revision")),
        ("source_workload_namespace", from.label("workload_namespace")),
        ("source_principal", from.label("principal")),
        ("source_app", from.label("app")),
        ("source_version", from.label("version")),
        ("source_cluster", from.label("cluster")),
        ("destination_workload", to.label("workload")),
        ("destination_workload_namespace", to.label("workload_namespace")),
        ("destination_principal", to.label("principal")),
        ("destination_app", to.label("app")),
        ("destination_version", to.label("version")),
        ("destination_service", destination.service.clone()),
        ("destination_canonical_service", to.label("canonical_service")),
        ("destination_canonical_revision", to.label("canonical_revision")),
        ("destination_service_name", destination.service_name.clone()),
        ("destination_service_namespace", destination.service_namespace.clone()),
        ("destination_cluster", to.label("cluster")),
        ("request_protocol", key.protocol.name().to_owned()),
    ]);
    if key.protocol != RequestProtocol::Tcp {
        labels.push(("response_code", key.response_code.to_string()));
        labels.push(("grpc_response_status", key.grpc_status.map(|status| status.to_string()).unwrap_or_default()));
    }
    labels.push(("response_flags", key.flags.to_string()));
    labels.push(("connection_security_policy", parties.security_policy().to_owned()));
    labels
}
