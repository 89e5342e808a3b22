//! UDP forwarding: the packets of each client to one endpoint of one cluster, and the endpoint's answers back.
//!
//! What one client sends to one of our addresses is a session ([`session`]). The kernel divides clients among the
//! workers by a hash of both addresses, so that a client stays at one of them, and a session on one thread. Its first
//! packet chooses cluster and endpoint; they stay until nothing has come for as long as the idle timeout, or until the
//! endpoint is gone: then the next packet chooses again.
//!
//! What can grow is bounded. Sessions at one time are limited by the listener and by the cluster (`max_connections`);
//! beyond, the packets of further clients are dropped and counted, and now and then the log says so. What a socket cannot
//! take at once is dropped and counted too: nothing is queued but by the kernel.

mod session;
mod socket;

use crate::listener::{UdpRuntime, WorkerListener};
use crate::outcome::Flag;
use crate::pool::{ActiveConnection, Counted};
use crate::worker::{Selection, Worker, WorkerCluster};
use meridian_ir::hash_policy::source_ip;
use session::{Refused, Session, SessionKey, Sessions};
use socket::{Packet, Socket};
use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often the log says that sessions are refused.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How often the access log has a line of a session that could not begin.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Batches of packets that are taken from one socket before others of the worker have their turn.
const BATCHES_AT_ONCE: usize = 16;

/// How often a socket that no session needs any more is looked at while its listener drains.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);

/// Serves one socket of a listener until that goes away; sessions end with it, or, where the proxy stops, when they
/// have become silent.
pub(crate) async fn serve(worker: Rc<Worker>, listener: Rc<WorkerListener>, socket: UdpSocket) {
    let socket = match Socket::new(socket) {
        Ok(socket) => Rc::new(socket),
        Err(error) => {
            tracing::error!(%error, "a UDP socket cannot be watched; this worker takes nothing from it");
            return;
        }
    };
    let mut server = Server {
        worker,
        listener,
        socket,
        sessions: Sessions::default(),
        complained: Cell::default(),
        logged: Cell::default(),
    };
    server.run().await;
}

/// What one socket of one worker needs.
struct Server {
    worker: Rc<Worker>,
    listener: Rc<WorkerListener>,
    socket: Rc<Socket>,
    sessions: Sessions,
    complained: Cell<Option<Instant>>,
    logged: Cell<Option<Instant>>,
}

/// Whether so much time has gone by since it was so the last time.
fn is_due(last: &Cell<Option<Instant>>, interval: Duration) -> bool {
    let now = Instant::now();
    let is_due = last.get().is_none_or(|then| now.saturating_duration_since(then) >= interval);
    if is_due {
        last.set(Some(now));
    }
    is_due
}

impl Server {
    async fn run(&mut self) {
        let mut buffer = socket::buffer();
        while !self.listener.is_draining() {
            tokio::select! {
                biased;
                () = self.listener.stop_accepting() => break,
                readable = self.socket.readable() => {
                    if readable.is_err() {
                        tracing::error!("a UDP socket cannot be watched any more; this worker takes nothing from it");
                        return;
                    }
                    self.receive(&mut buffer).await;
                }
            }
        }
        // The sessions that are there go on being served, where they do.
        while !self.sessions.is_empty() {
            let _pause_over = tokio::time::timeout(DRAIN_INTERVAL, self.socket.readable()).await;
            self.receive(&mut buffer).await;
        }
    }

    /// Takes what there is.
    async fn receive(&self, buffer: &mut [u8]) {
        for _ in 0..BATCHES_AT_ONCE {
            let Some(udp) = self.listener.chains().udp().cloned() else { return };
            match self.socket.receive(buffer, |packet| self.packet(&udp, &packet)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    udp.stats.receive_failed();
                    tracing::debug!("packets cannot be received: {error}");
                    return;
                }
            }
        }
        tokio::task::yield_now().await;
    }

    fn packet(&self, udp: &Rc<UdpRuntime>, packet: &Packet<'_>) {
        udp.stats.received(packet.bytes.len());
        let key = SessionKey { client: packet.source, local: packet.destination };
        let mut failed = None;
        if let Some(session) = self.sessions.get(&key) {
            if self.still_stands(udp, &session) {
                match session.forward(packet.bytes) {
                    Ok(()) => return,
                    // The endpoint has said that nobody listens there: another one gets the packet, if there is any.
                    Err(Refused) => failed = Some(session.endpoint()),
                }
            }
            session.end();
        }
        if self.listener.is_draining() {
            udp.stats.dropped();
            return;
        }
        if let Some(session) = self.open(udp, key, failed) {
            let _unreachable = session.forward(packet.bytes);
        }
    }

    /// Whether an earlier choice holds: the listener still leads to the cluster, and the endpoint is one of its healthy
    /// ones.
    fn still_stands(&self, udp: &UdpRuntime, session: &Session) -> bool {
        let generation = self.listener.generation();
        if session.generation.get() != generation {
            if !udp.plan.leads_to(&session.slot) {
                return false;
            }
            session.generation.set(generation);
        }
        match self.worker.cluster(session.slot.index) {
            Some(cluster) => session.is_current(&cluster),
            None => false,
        }
    }

    /// Begins a session; `None`, counted, when there cannot be one.
    fn open(&self, udp: &Rc<UdpRuntime>, key: SessionKey, avoid: Option<SocketAddr>) -> Option<Rc<Session>> {
        let Some(place) = udp.plan.take_place() else {
            udp.stats.overflowed();
            udp.stats.dropped();
            self.complain(udp.plan.proxy.max_sessions, "of the listener");
            return None;
        };
        let picked = udp.plan.pick(self.worker.random());
        let found = picked.and_then(|slot| Some((slot, self.worker.cluster(slot.index)?)));
        let Some((slot, cluster)) = found else {
            udp.stats.no_route();
            self.log_refused(udp, key, None, Flag::NoClusterFound);
            return None;
        };
        let counted = match Counted::connection(&cluster) {
            Ok(counted) => counted,
            Err(_) => {
                cluster.stats.connections_overflowed();
                udp.stats.dropped();
                self.complain(cluster.plan.cluster.circuit_breakers.max_connections, "of the cluster");
                return None;
            }
        };
        let Some(host) = self.select(udp, &cluster, key, avoid) else {
            cluster.stats.none_healthy();
            udp.stats.dropped();
            self.log_refused(udp, key, Some(&cluster), Flag::NoHealthyUpstream);
            return None;
        };
        let mut active = ActiveConnection::new(host, &cluster.stats);
        let upstream = match socket::connect(active.address(), cluster.plan.cluster.bind_source) {
            Ok(upstream) => upstream,
            Err(error) => {
                active.failed();
                udp.stats.dropped();
                tracing::debug!(endpoint = %active.address(), "a UDP session cannot begin: {error}");
                self.log_refused(udp, key, Some(&cluster), Flag::UpstreamConnectionFailure);
                return None;
            }
        };
        active.opened();
        let session = Session::new(session::Parts {
            worker: self.worker.clone(),
            listener: self.listener.clone(),
            runtime: udp.clone(),
            downstream: self.socket.clone(),
            upstream,
            key,
            local: self.local(key),
            slot: slot.clone(),
            cluster,
            active,
            counted,
            place,
        });
        session.start(&self.sessions);
        Some(session)
    }

    fn select(
        &self,
        udp: &UdpRuntime,
        cluster: &WorkerCluster,
        key: SessionKey,
        avoid: Option<SocketAddr>,
    ) -> Option<Rc<crate::pool::Host>> {
        let by_source = udp.plan.proxy.hash_source_ip && cluster.plan.cluster.lb_policy.is_by_hash();
        let hash = by_source.then(|| source_ip(key.client.ip()));
        let selection = Selection { hash, avoid: avoid.as_slice(), ..Selection::default() };
        cluster.select(|| self.worker.random(), &selection)
    }

    /// Where the client's packets go to.
    fn local(&self, key: SessionKey) -> SocketAddr {
        let own = self.socket.address();
        SocketAddr::new(key.local.unwrap_or(own.ip()), own.port())
    }

    /// A line of the access log for a session that cannot begin; one a second at most, because packets cost nothing, and
    /// their senders may not be who they say they are.
    fn log_refused(&self, udp: &UdpRuntime, key: SessionKey, cluster: Option<&WorkerCluster>, flag: Flag) {
        if is_due(&self.logged, LOG_INTERVAL) {
            let ends = (key.client, self.local(key));
            session::log_refused(&self.worker, &self.listener, udp, ends, cluster, flag);
        }
    }

    fn complain(&self, limit: u32, whose: &str) {
        if is_due(&self.complained, COMPLAINT_INTERVAL) {
            let listener = &*self.listener.chains().plan.listener.name;
            tracing::warn!(listener, "UDP sessions of further clients are refused: the limit {whose} is {limit}");
        }
    }
}
