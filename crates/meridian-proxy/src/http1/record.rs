//! From a request that is over to its record.

use super::connection::Connection;
use crate::outcome::{Ending, Flag, Flags, TransportFailure};
use crate::record::{NoHeaders, Protocol, Record, Timeline, Upstream};
use crate::worker::WorkerCluster;
use meridian_http::Version;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What happened to the request at hand, as far as headers do not tell it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) timeline: Timeline,
    pub(super) cluster: Option<Rc<WorkerCluster>>,
    pub(super) host: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    pub(super) attempts: u32,
    /// Why the last try failed, though another answer may have been found after it.
    pub(super) failure: Option<TransportFailure>,
    pub(super) ending: Option<Ending>,
    pub(super) retries_exhausted: bool,
    /// A fault held the request back.
    pub(super) delay_injected: bool,
    /// When that was over, counted from the request's start: time of which the endpoint knows nothing.
    pub(super) delay: Duration,
    /// Body bytes of an answer of our own.
    pub(super) own_bytes: u64,
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
        if let Some(ending) = progress.ending {
            ending.add_flags(progress.retries_exhausted, &mut flags);
        }
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
            details: progress.ending.and_then(Ending::details),
            connection_termination: None,
            bytes_received: self.upload.bytes,
            bytes_sent: self.download.bytes + progress.own_bytes,
            request_head_bytes: self.request.head_bytes as u64,
            response_head_bytes: self.response.head_bytes as u64,
            downstream: self.info.record(self.request.remote),
            upstream: Upstream {
                cluster: progress.cluster.as_ref().map(|cluster| &cluster.plan.cluster.name),
                host: progress.host,
                local: progress.local,
                attempts: progress.attempts,
                failure: progress.failure,
            },
            route_name,
            filter_chain_name: self.http.chain_name(),
        }
    }

    /// The request is over: counts it and writes its log lines.
    pub(super) fn log(&mut self, route_name: &str, ending: Ending) {
        self.progress.ending = Some(ending);
        self.progress.timeline.total = self.progress.timeline.downstream_tx_end.unwrap_or_else(|| self.elapsed());
        let request = self.request.view(self.client.input.message());
        let response = self.response.view(self.response_input.message());
        let record = Record { request: &request, response: &response, ..self.record(route_name) };
        for log in self.http.logs() {
            self.worker.logs.write(log, &record);
        }
        self.http.stats().request_finished(&record);
        if let Some(cluster) = &self.progress.cluster {
            cluster.stats.request_finished(&record);
        }
    }
}
