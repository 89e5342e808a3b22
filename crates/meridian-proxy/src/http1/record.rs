//! From a request that is over to its record.

use super::connection::Connection;
use super::ext_authz::Change;
use super::response::framing_bytes;
use super::session::Session;
use crate::outcome::{Details, Ending, Flag, Flags, TransportFailure};
use crate::pool::{Facts, Host};
use crate::record::{Downstream, NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use crate::worker::WorkerCluster;
use meridian_http::Version;
use meridian_ir::Name;
use meridian_ir::hash_policy::RequestHash;
use meridian_ir::rbac::DenialDetails;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Endpoints that were tried.
pub(super) type Tried = SmallVec<[SocketAddr; 1]>;

/// What happened to the request at hand, as far as headers do not tell it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) timeline: Timeline,
    pub(super) cluster: Option<Rc<WorkerCluster>>,
    pub(super) host: Option<SocketAddr>,
    /// The same with what is known of it.
    pub(super) endpoint: Option<Rc<Host>>,
    pub(super) local: Option<SocketAddr>,
    /// The last try was made in HTTP/2.
    pub(super) is_http2: bool,
    pub(super) attempts: u32,
    /// Why the last try failed, though another answer may have been found after it.
    pub(super) failure: Option<TransportFailure>,
    pub(super) ending: Option<Ending>,
    /// The policy that denied it.
    pub(super) denied_by: Option<Name>,
    /// What decides about the endpoint under consistent hashing.
    pub(super) hash: Option<Box<RequestHash>>,
    /// What its response is to have because an external service let it pass.
    pub(super) authorized: Option<Rc<Vec<Change>>>,
    /// Where its client belongs, on routes that keep clients at one endpoint.
    pub(super) session: Option<Box<Session>>,
    pub(super) retries_exhausted: bool,
    /// It was not tried again, because the cluster has as many retries as it may have.
    pub(super) retries_overflowed: bool,
    /// A fault held the request back.
    pub(super) delay_injected: bool,
    /// When that was over, counted from the request's start: time of which the endpoint knows nothing.
    pub(super) delay: Duration,
    /// Body bytes of an answer of our own.
    pub(super) own_bytes: u64,
    /// The connection of the last try.
    pub(super) facts: Option<Rc<Facts>>,
    /// Endpoints that were tried.
    pub(super) tried: Tried,
    /// Bytes to and from endpoints, of tries that are over.
    pub(super) past: Option<Box<WireBytes>>,
    /// Header lines of the last try, as sent and as received.
    pub(super) headers_sent: u32,
    pub(super) headers_received: u32,
    /// The response's head of the last try.
    pub(super) head_received: u32,
}

impl Connection {
    /// Time since the request began.
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.request.started)
    }

    /// The request as it is known now.
    pub(super) fn record<'r>(&'r self, route_name: &'r str) -> Record<'r> {
        let progress = &self.progress;
        let mut flags = Flags::default();
        if progress.delay_injected {
            flags.add(Flag::DelayInjected);
        }
        if progress.retries_overflowed {
            flags.add(Flag::UpstreamOverflow);
        }
        if let Some(ending) = progress.ending {
            ending.add_flags(progress.retries_exhausted, &mut flags);
        }
        let tls = progress.facts.as_ref().and_then(|facts| facts.tls.as_ref());
        Record {
            protocol: match self.client_version() {
                _ if self.client.is_stream() => Protocol::Http2,
                Version::Http10 => Protocol::Http10,
                Version::Http11 => Protocol::Http11,
            },
            start: self.request.started_at,
            timeline: progress.timeline,
            request: &NoHeaders,
            response: &NoHeaders,
            trailers: &NoHeaders,
            response_code: self.response.status(),
            flags,
            details: match progress.ending {
                Some(Ending::AccessDenied) => Some(Details::AccessDenied(DenialDetails(progress.denied_by.as_deref()))),
                ending => ending.and_then(Ending::details),
            },
            connection_termination: None,
            bytes_received: self.upload.bytes,
            bytes_sent: self.download.bytes + progress.own_bytes,
            request_head_bytes: self.request.head_bytes as u64,
            response_head_bytes: self.response.head_bytes as u64,
            wire: self.wire_bytes(),
            downstream: Downstream { workload: self.request.peer(), ..self.info.record(self.request.remote) },
            upstream: Upstream {
                cluster: progress.cluster.as_ref().map(|cluster| &cluster.plan.cluster.name),
                host: progress.host,
                local: progress.local,
                protocol: Some(if progress.is_http2 { Protocol::Http2 } else { Protocol::Http11 }),
                attempts: progress.attempts,
                workload: progress.endpoint.as_ref().and_then(|endpoint| endpoint.workload.as_deref()),
                failure: progress.failure,
                endpoints: progress.cluster.as_ref().and_then(|cluster| cluster.plan.endpoints.as_deref()),
                attempted: &progress.tried,
                connection_id: progress.facts.as_ref().map(|facts| facts.id),
                tls_version: tls.and_then(|tls| tls.version),
                tls_cipher: tls.and_then(|tls| tls.cipher),
                tls_group: tls.and_then(|tls| tls.group),
                server_name: tls.and_then(|tls| tls.server_name.as_deref()),
                tls,
                local_certificate: tls.and_then(|tls| tls.local.as_deref()),
            },
            route_name,
            filter_chain_name: self.http.chain_name(),
        }
    }

    fn wire_bytes(&self) -> WireBytes {
        let response = &self.response;
        let head = self.request.head_bytes;
        let message = self.client.input.message();
        // As Envoy counts what it receives: without the blank behind each colon.
        let lines = self.request.head.fields().received();
        let framing = framing_bytes(&message[..head.min(message.len())]) + lines;
        WireBytes {
            downstream_received: head as u64 + self.upload.received,
            downstream_sent: self.download.sent,
            downstream_headers_received: head.saturating_sub(framing) as u64,
            downstream_headers_sent: response.head_bytes.saturating_sub(response.framing_bytes) as u64,
            ..self.upstream_bytes()
        }
    }

    /// Bytes to and from endpoints in all tries so far.
    fn upstream_bytes(&self) -> WireBytes {
        let progress = &self.progress;
        let past = progress.past.as_deref().copied().unwrap_or_default();
        let received =
            if progress.head_received == 0 { 0 } else { u64::from(progress.head_received) + self.download.received };
        WireBytes {
            upstream_sent: past.upstream_sent + if progress.attempts == 0 { 0 } else { self.upload.sent },
            upstream_received: past.upstream_received + received,
            upstream_headers_sent: past.upstream_headers_sent + u64::from(progress.headers_sent),
            upstream_headers_received: past.upstream_headers_received + u64::from(progress.headers_received),
            ..WireBytes::default()
        }
    }

    /// A try is over, and another follows.
    pub(super) fn keep_upstream_bytes(&mut self) {
        self.progress.past = Some(Box::new(self.upstream_bytes()));
        (self.progress.headers_sent, self.progress.headers_received, self.progress.head_received) = (0, 0, 0);
    }

    /// The request is over: counts it and writes its log lines.
    pub(super) fn log(&mut self, route_name: &str, ending: Ending) {
        self.progress.ending = Some(ending);
        self.progress.timeline.total = self.progress.timeline.downstream_tx_end.unwrap_or_else(|| self.elapsed());
        let request = self.request.view(self.client.input.message());
        let response = self.response.view(self.response_input.message());
        let trailers = self.download.trailers();
        let record = Record { request: &request, response: &response, trailers, ..self.record(route_name) };
        for log in self.http.logs() {
            self.worker.logs.write(log, &record);
        }
        self.http.stats().request_finished(&record);
        if let Some(cluster) = &self.progress.cluster {
            cluster.stats.request_finished(&record);
        }
    }
}
