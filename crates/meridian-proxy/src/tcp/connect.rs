//! A connection to an endpoint that is used once.

use crate::outcome::TransportFailure;
use crate::pool::{Host, UpstreamStream, open_stream};
use crate::proxy_protocol::Addresses;
use crate::snapshot::Limits;
use crate::tls::Application;
use crate::worker::WorkerCluster;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why there is none.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The cluster has as many connections as it may have.
    Overflow,
    /// Not within the cluster's connect timeout.
    TimedOut,
    /// The endpoint refused, or could not be reached.
    Failed(io::Error),
}

impl ConnectError {
    /// For `%UPSTREAM_TRANSPORT_FAILURE_REASON%`.
    pub(super) fn failure(&self) -> Option<TransportFailure> {
        match self {
            Self::Failed(error) => Some(TransportFailure::of(error)),
            Self::Overflow | Self::TimedOut => None,
        }
    }
}

/// A connection, counted while it lives.
#[derive(Debug)]
pub(super) struct Connected<'c> {
    pub(super) stream: UpstreamStream,
    cluster: &'c WorkerCluster,
    _limit: Option<Counted>,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.cluster.stats.connection_closed();
    }
}

/// Counts towards `max_connections`.
#[derive(Debug)]
struct Counted(Arc<Limits>);

impl Counted {
    /// One more, unless there are `max` already.
    fn new(limits: &Arc<Limits>, max: u32) -> Option<Self> {
        let more = |open: u32| (open < max).then_some(open + 1);
        limits.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(limits.clone()))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}

/// Connects to `host`, an endpoint of `cluster`, for the connection `client`.
pub(super) async fn connect<'c>(
    cluster: &'c WorkerCluster,
    host: &Host,
    client: &Addresses,
) -> Result<Connected<'c>, ConnectError> {
    let max = cluster.plan.cluster.circuit_breakers.max_connections;
    let limit = match &cluster.plan.limits {
        None => None,
        Some(limits) => match Counted::new(limits, max) {
            None => {
                cluster.stats.connections_overflowed();
                return Err(ConnectError::Overflow);
            }
            counted => counted,
        },
    };
    let connecting = open_stream(cluster, host, Application::Tcp, None, Some(client));
    match tokio::time::timeout(cluster.plan.cluster.connect_timeout, connecting).await {
        Ok(Ok(stream)) => {
            cluster.stats.connection_opened();
            Ok(Connected { stream, cluster, _limit: limit })
        }
        Ok(Err(error)) => {
            cluster.stats.connect_failed();
            Err(ConnectError::Failed(error))
        }
        Err(_) => {
            cluster.stats.connect_timed_out();
            Err(ConnectError::TimedOut)
        }
    }
}
