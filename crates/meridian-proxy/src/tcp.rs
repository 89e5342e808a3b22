//! TCP forwarding: one connection to one endpoint of one cluster, bytes as they are.

mod blocked;
mod connect;
mod pipe;
pub mod relay;

use crate::dynamic_forward::{self, Named, Unreachable};
use crate::http1::Downstream;
use crate::listener::{ConnectionInfo, TcpRuntime};
use crate::outcome::{Flag, Flags, ForwardRefusal, TransportFailure};
use crate::pool::{ActiveConnection, Facts, Host, UpstreamStream};
use crate::rbac;
use crate::record::{NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use crate::stats::BLACK_HOLE;
use crate::worker::{ConnectionHandle, Selection, Worker, WorkerCluster};
use connect::{ConnectError, connect};
use meridian_ir::dynamic_forward::{DynamicForward, Refusal};
use meridian_ir::hash_policy::source_ip;
use relay::{RelayEnd, Traffic};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;

/// What a connection starts with.
pub struct Start {
    /// The worker that it is on.
    pub worker: Rc<Worker>,
    /// The TCP proxy of the chain that was chosen for it.
    pub tcp: Rc<TcpRuntime>,
    /// The chain's name.
    pub chain_name: meridian_ir::Name,
    /// How others reach it.
    pub handle: Rc<ConnectionHandle>,
    /// Its bytes.
    pub io: Downstream,
    /// What is known of it.
    pub info: ConnectionInfo,
}

/// What became of a connection, for its record.
#[derive(Default)]
struct Progress {
    traffic: Traffic,
    cluster: Option<Rc<WorkerCluster>>,
    host: Option<SocketAddr>,
    endpoint: Option<Rc<Host>>,
    local: Option<SocketAddr>,
    attempts: u32,
    flags: Flags,
    /// It is counted as opened.
    is_counted: bool,
    /// The name that a connection asked for which is refused, as far as it has said so.
    refused_name: Option<String>,
    failure: Option<TransportFailure>,
    /// Why it was denied, by access control or because it must not go there.
    denied: Option<String>,
    facts: Option<Rc<Facts>>,
    idle: bool,
}

/// Forwards a connection to its end.
///
/// Nothing of the client is read before the endpoint's connection is there: a client that is refused gets a reset when
/// it has sent something already, as Envoy's clients do.
pub async fn serve(start: Start) {
    let (began, began_at) = (Instant::now(), SystemTime::now());
    start.tcp.stats.opened();
    let mut progress = Progress::default();
    let Start { worker, tcp, chain_name, handle, io, info } = start;
    let forwarded = forward(&worker, &tcp, io, &info, &mut progress);
    tokio::select! {
        () = forwarded => {}
        () = closing(&handle) => {}
    }
    let mut record = Record {
        protocol: Protocol::Tcp,
        start: began_at,
        timeline: Timeline { total: began.elapsed(), ..Timeline::default() },
        request: &NoHeaders,
        response: &NoHeaders,
        trailers: &NoHeaders,
        response_code: 0,
        flags: progress.flags,
        details: None,
        connection_termination: progress.denied.as_deref(),
        bytes_received: progress.traffic.received.get(),
        bytes_sent: progress.traffic.sent.get(),
        request_head_bytes: 0,
        response_head_bytes: 0,
        wire: WireBytes {
            downstream_received: progress.traffic.received.get(),
            downstream_sent: progress.traffic.sent.get(),
            upstream_sent: progress.traffic.received.get(),
            upstream_received: progress.traffic.sent.get(),
            ..WireBytes::default()
        },
        downstream: info.record(info.remote),
        upstream: Upstream::default(),
        route_name: "",
        filter_chain_name: &chain_name,
    };
    record.upstream = progress.upstream();
    record.downstream.server_name = record.downstream.server_name.or(progress.refused_name.as_deref());
    for log in &tcp.logs {
        worker.logs.write(log, &record);
    }
    tcp.stats.closed(&record, progress.idle);
    if let Some(cluster) = &progress.cluster {
        if !progress.is_counted {
            cluster.stats.tcp_opened(&record.downstream, &record.upstream);
        }
        cluster.stats.tcp_closed(&record);
    }
}

impl Progress {
    /// The endpoint's side as it is known now.
    fn upstream(&self) -> Upstream<'_> {
        let tls = self.facts.as_ref().and_then(|facts| facts.tls.as_ref());
        Upstream {
            cluster: self.cluster.as_ref().map(|cluster| &cluster.plan.cluster.name),
            host: self.host,
            local: self.local,
            attempts: self.attempts,
            failure: self.failure,
            workload: self.endpoint.as_ref().and_then(|endpoint| endpoint.workload.as_deref()),
            endpoints: self.cluster.as_ref().and_then(|cluster| cluster.plan.endpoints.as_deref()),
            attempted: self.host.as_slice(),
            connection_id: self.facts.as_ref().map(|facts| facts.id),
            tls_version: tls.and_then(|tls| tls.version),
            tls_cipher: tls.and_then(|tls| tls.cipher),
            tls_group: tls.and_then(|tls| tls.group),
            server_name: tls.and_then(|tls| tls.server_name.as_deref()),
            tls,
            local_certificate: tls.and_then(|tls| tls.local.as_deref()),
            ..Upstream::default()
        }
    }
}

/// Returns when the connection must end because its listener or the proxy goes away.
async fn closing(handle: &ConnectionHandle) {
    let close_at = std::future::poll_fn(|_| handle.close_at().map_or(Poll::Pending, Poll::Ready)).await;
    tokio::time::sleep_until(close_at.into()).await;
}

async fn forward(worker: &Worker, tcp: &TcpRuntime, io: Downstream, info: &ConnectionInfo, progress: &mut Progress) {
    let Some(cluster) = tcp.plan.pick(worker.random()).and_then(|slot| worker.cluster(slot.index)) else {
        progress.flags.add(Flag::NoClusterFound);
        return;
    };
    progress.cluster = Some(cluster.clone());
    progress.denied = rbac::denial(&tcp.access, info);
    if progress.denied.is_some() {
        return;
    }
    let by_source = tcp.plan.proxy.hash_source_ip && cluster.plan.cluster.lb_policy.is_by_hash();
    let hash = by_source.then(|| source_ip(info.remote.ip()));
    let destination = match &cluster.plan.cluster.dynamic_forward {
        None => info.destination(),
        Some(forward) => match resolve(worker, forward, info, progress).await {
            Some(destination) => Some(destination),
            None => return,
        },
    };
    let selection = Selection { hash, destination, ..Selection::default() };
    let Some(host) = cluster.select(|| worker.random(), &selection) else {
        progress.flags.add(Flag::NoHealthyUpstream);
        if &*cluster.plan.cluster.name == BLACK_HOLE {
            progress.refused_name = blocked::refuse(worker, &io, info).await;
        }
        return;
    };
    let address = host.address;
    progress.endpoint = Some(host.clone());
    let mut active = ActiveConnection::new(host.clone(), &cluster.stats);
    let mut upstream = match connect(&cluster, &host, &info.addresses()).await {
        Ok(upstream) => upstream,
        Err(ConnectError::Overflow) => {
            progress.flags.add(Flag::UpstreamOverflow);
            return;
        }
        Err(error) => {
            active.failed();
            (progress.host, progress.attempts) = (Some(address), 1);
            // One try is all that there is, so that the limit of tries is reached too.
            progress.flags.add(Flag::UpstreamConnectionFailure);
            progress.flags.add(Flag::UpstreamRetryLimitExceeded);
            progress.failure = error.failure();
            return;
        }
    };
    active.opened();
    (progress.host, progress.attempts) = (Some(address), 1);
    progress.local = upstream.stream.socket().local_addr().ok();
    progress.facts = Some(Facts::of(&upstream.stream));
    cluster.stats.tcp_opened(&info.record(info.remote), &progress.upstream());
    progress.is_counted = true;
    if info.passes_tls && matches!(&upstream.stream, UpstreamStream::Tls(tls) if !tls.is_mesh) {
        progress.failure = Some(TransportFailure::DoubleTls);
    }
    let idle = tcp.plan.proxy.idle_timeout;
    let end = tokio::select! {
        end = exchange(io, &mut upstream.stream, idle, &progress.traffic) => end,
        () = too_old(cluster.plan.cluster.max_connection_duration) => {
            progress.flags.add(Flag::DurationTimeout);
            cluster.stats.connection_too_old();
            return;
        }
    };
    progress.idle = end == RelayEnd::Idle;
    match end {
        RelayEnd::UpstreamReset => progress.flags.add(Flag::UpstreamRemoteReset),
        RelayEnd::ClientReset => reset(upstream.stream.socket()),
        RelayEnd::Closed | RelayEnd::Idle => {}
    }
}

/// Where the server that the client names is; `None`: it cannot or must not be reached, which `progress` tells.
async fn resolve(
    worker: &Worker,
    forward: &DynamicForward,
    info: &ConnectionInfo,
    progress: &mut Progress,
) -> Option<SocketAddr> {
    let named = Named::of_server_name(info.server_name.as_deref());
    match dynamic_forward::destination(&worker.shared.resolver, forward, &named, Some(info.local)).await {
        Ok(destination) => return Some(destination),
        Err(Unreachable::Unresolved) => progress.flags.add(Flag::DnsResolutionFailed),
        Err(Unreachable::Refused(refusal)) => {
            if let Refusal::AddressNotAllowed(_, address) = &refusal {
                // The log tells which.
                progress.host = Some(SocketAddr::new(*address, 0));
            }
            progress.denied = Some(ForwardRefusal::from(&refusal).details().to_owned());
        }
    }
    None
}

/// Returns when a connection may not become older.
async fn too_old(longest: Option<Duration>) {
    match longest {
        Some(longest) => tokio::time::sleep(longest).await,
        None => std::future::pending().await,
    }
}

/// Relays until the end. A reset of one side is passed on to the other as a reset.
async fn exchange(io: Downstream, upstream: &mut UpstreamStream, idle: Duration, traffic: &Traffic) -> RelayEnd {
    match (io, upstream) {
        (Downstream::Plain(mut client), UpstreamStream::Plain(upstream)) => {
            let end = relay::splice(&mut client, upstream, idle, traffic).await;
            if end == RelayEnd::UpstreamReset {
                reset(&client);
            }
            end
        }
        (mut client, upstream) => {
            let end = relay::copy(&mut client, upstream, idle, traffic).await;
            if end == RelayEnd::UpstreamReset
                && let Downstream::Plain(client) = &client
            {
                reset(client);
            }
            end
        }
    }
}

/// Makes the connection end with a reset instead of in order.
fn reset(stream: &TcpStream) {
    // Without it, the connection ends in order: the bytes that were passed on are the same.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
