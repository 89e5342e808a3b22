//! One client's packets, and their endpoint.

use super::socket::Socket;
use crate::listener::{UdpRuntime, WorkerListener};
use crate::outcome::{Flag, Flags};
use crate::pool::{ActiveConnection, Counted};
use crate::record::{Downstream, NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use crate::snapshot::SessionPlace;
use crate::snapshot::slot::SlotRef;
use crate::worker::{ConnectionHandle, Worker, WorkerCluster};
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::UdpSocket;

/// The longest packet, in bytes.
const LONGEST: usize = 65_535;

/// Answers that are passed on before others of the worker have their turn.
const ANSWERS_AT_ONCE: usize = 64;

/// Silence after which a session ends when the proxy stops: an answer that is under way still arrives.
const LAST_ANSWER: Duration = Duration::from_secs(1);

thread_local! {
    /// Where answers are read into, one after another.
    static ANSWER: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// What tells sessions of one socket apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    /// The client.
    pub(super) client: SocketAddr,
    /// Which of our addresses it sends to.
    pub(super) local: Option<IpAddr>,
}

/// The sessions of one socket.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions(Rc<RefCell<HashMap<SessionKey, Rc<Session>>>>);

impl Sessions {
    pub(super) fn get(&self, key: &SessionKey) -> Option<Rc<Session>> {
        self.0.borrow().get(key).cloned()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Forgets a session, unless another has its place already.
    fn forget(&self, session: &Rc<Session>) {
        let mut sessions = self.0.borrow_mut();
        if sessions.get(&session.key).is_some_and(|known| Rc::ptr_eq(known, session)) {
            sessions.remove(&session.key);
        }
    }
}

/// Nobody listens at the endpoint.
#[derive(Debug)]
pub(super) struct Refused;

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing came for too long.
    Idle,
    /// The endpoint is gone, or is not the one to use any more.
    Replaced,
    /// The endpoint does not listen.
    Refused,
    /// The listener or the proxy went away.
    Closed,
}

/// What a session is made of.
pub(super) struct Parts {
    pub(super) worker: Rc<Worker>,
    pub(super) listener: Rc<WorkerListener>,
    pub(super) runtime: Rc<UdpRuntime>,
    pub(super) downstream: Rc<Socket>,
    pub(super) upstream: UdpSocket,
    pub(super) key: SessionKey,
    pub(super) local: SocketAddr,
    pub(super) slot: SlotRef,
    pub(super) cluster: Rc<WorkerCluster>,
    pub(super) active: ActiveConnection,
    pub(super) counted: Option<Counted>,
    pub(super) place: SessionPlace,
}

/// A client, and the endpoint that its packets go to.
pub(super) struct Session {
    worker: Rc<Worker>,
    listener: Rc<WorkerListener>,
    runtime: Rc<UdpRuntime>,
    downstream: Rc<Socket>,
    upstream: UdpSocket,
    key: SessionKey,
    local: SocketAddr,
    /// The cluster's number.
    pub(super) slot: SlotRef,
    cluster: RefCell<Rc<WorkerCluster>>,
    active: ActiveConnection,
    handle: Rc<ConnectionHandle>,
    /// Of the listener's chains when the choice was last looked at.
    pub(super) generation: Cell<u64>,
    began: Instant,
    began_at: SystemTime,
    last: Cell<Instant>,
    received: Cell<u64>,
    sent: Cell<u64>,
    is_over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    _counted: Option<Counted>,
    _place: SessionPlace,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.key).field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(parts: Parts) -> Rc<Self> {
        let Parts { worker, listener, runtime, downstream, upstream, key, local, slot, cluster, active, .. } = parts;
        let now = Instant::now();
        Rc::new(Self {
            handle: listener.connections.opened(worker.connection_id()),
            generation: Cell::new(listener.generation()),
            began: now,
            began_at: worker.wall_time(now),
            last: Cell::new(now),
            received: Cell::default(),
            sent: Cell::default(),
            is_over: Cell::default(),
            waker: RefCell::default(),
            cluster: RefCell::new(cluster),
            worker,
            listener,
            runtime,
            downstream,
            upstream,
            key,
            local,
            slot,
            active,
            _counted: parts.counted,
            _place: parts.place,
        })
    }

    /// Enters it among the others and begins to pass answers back.
    pub(super) fn start(self: &Rc<Self>, sessions: &Sessions) {
        sessions.0.borrow_mut().insert(self.key, self.clone());
        self.runtime.stats.opened();
        let (session, sessions) = (self.clone(), sessions.clone());
        tokio::task::spawn_local(async move {
            let end = session.run().await;
            sessions.forget(&session);
            session.finish(end);
        });
    }

    /// Where its packets go.
    pub(super) fn endpoint(&self) -> SocketAddr {
        self.active.address()
    }

    /// Whether the endpoint is still a healthy one of the cluster as it is now.
    pub(super) fn is_current(&self, cluster: &Rc<WorkerCluster>) -> bool {
        if self.is_over.get() {
            return false;
        }
        if Rc::ptr_eq(cluster, &self.cluster.borrow()) {
            return true;
        }
        let endpoint = self.endpoint();
        let stays = cluster.usable(endpoint).is_some();
        if stays {
            *self.cluster.borrow_mut() = cluster.clone();
        }
        stays
    }

    /// Sends a packet of the client to the endpoint. What the kernel does not take is lost, and counted.
    pub(super) fn forward(&self, bytes: &[u8]) -> Result<(), Refused> {
        self.last.set(Instant::now());
        self.received.set(self.received.get() + bytes.len() as u64);
        let cluster = self.cluster.borrow();
        // As with answers, the kernel is simply asked.
        match SockRef::from(&self.upstream).send(bytes) {
            Ok(_) => cluster.stats.udp_sent(),
            Err(error) => {
                cluster.stats.udp_send_failed();
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    self.active.failed();
                    return Err(Refused);
                }
            }
        }
        Ok(())
    }

    /// Ends it: the client's next packet begins another.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Passes answers back until the session ends.
    async fn run(&self) -> End {
        let mut silence = pin!(tokio::time::sleep_until(self.deadline().unwrap_or_else(far).into()));
        std::future::poll_fn(|cx| {
            self.handle.watch(cx);
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            if self.is_over.get() {
                return Poll::Ready(End::Replaced);
            }
            if let Some(end) = self.poll_answers(cx) {
                return Poll::Ready(end);
            }
            if self.handle.close_at().is_some() && !self.handle.closes_idle() {
                return Poll::Ready(End::Closed);
            }
            loop {
                let deadline = self.deadline();
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Poll::Ready(if self.handle.closes_idle() { End::Closed } else { End::Idle });
                }
                let wanted = deadline.unwrap_or_else(far).into();
                // While packets come, the timer stays where it is, and is moved on when it has run.
                if wanted < silence.deadline() || silence.is_elapsed() {
                    silence.as_mut().reset(wanted);
                }
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// When the session ends if nothing comes; `None`: never.
    fn deadline(&self) -> Option<Instant> {
        let idle = self.runtime.plan.proxy.idle_timeout;
        let silent = (!idle.is_zero()).then(|| self.last.get() + idle);
        match self.handle.close_at() {
            Some(close_at) => {
                let last = close_at.min(self.last.get() + LAST_ANSWER);
                Some(silent.map_or(last, |silent| silent.min(last)))
            }
            None => silent,
        }
    }

    /// Passes on the answers that are there. `Some` when the endpoint has ended the session.
    fn poll_answers(&self, cx: &mut Context<'_>) -> Option<End> {
        let mut passed = 0;
        while let Poll::Ready(ready) = self.upstream.poll_recv_ready(cx) {
            let received = ready.and_then(|()| ANSWER.with_borrow_mut(|answer| self.pass_back(answer)));
            match received {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    self.cluster.borrow().stats.udp_receive_failed();
                    if error.kind() == io::ErrorKind::ConnectionRefused {
                        self.active.failed();
                        return Some(End::Refused);
                    }
                }
            }
            passed += 1;
            if passed == ANSWERS_AT_ONCE {
                cx.waker().wake_by_ref();
                break;
            }
        }
        None
    }

    fn pass_back(&self, answer: &mut [u8]) -> io::Result<()> {
        let length = self.upstream.try_recv(answer)?;
        self.last.set(Instant::now());
        self.cluster.borrow().stats.udp_received();
        match self.downstream.send(self.key.client, self.key.local, &answer[..length]) {
            Ok(()) => {
                self.sent.set(self.sent.get() + length as u64);
                self.runtime.stats.sent(length);
            }
            Err(error) => {
                self.runtime.stats.send_failed();
                tracing::debug!(client = %self.key.client, "an answer cannot be sent: {error}");
            }
        }
        Ok(())
    }

    fn finish(&self, end: End) {
        self.runtime.stats.closed(end == End::Idle);
        self.listener.connections.closed(&self.handle);
        let mut flags = Flags::default();
        if end == End::Refused {
            flags.add(Flag::UpstreamConnectionFailure);
        }
        let cluster = self.cluster.borrow();
        let (received, sent) = (self.received.get(), self.sent.get());
        let endpoint = self.endpoint();
        let upstream = Upstream {
            cluster: Some(&cluster.plan.cluster.name),
            host: Some(endpoint),
            local: self.upstream.local_addr().ok(),
            attempts: 1,
            attempted: &[endpoint],
            endpoints: cluster.plan.endpoints.as_deref(),
            ..Upstream::default()
        };
        let record = Record {
            start: self.began_at,
            timeline: Timeline { total: self.began.elapsed(), ..Timeline::default() },
            flags,
            bytes_received: received,
            bytes_sent: sent,
            wire: WireBytes {
                downstream_received: received,
                downstream_sent: sent,
                upstream_sent: received,
                upstream_received: sent,
                ..WireBytes::default()
            },
            upstream,
            ..record(self.handle.id, self.key.client, self.local, &self.listener)
        };
        self.runtime.logs.iter().for_each(|log| self.worker.logs.write(log, &record));
    }
}

/// Later than any session lasts.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365)
}

/// What is known of a session that is nothing yet.
fn record<'r>(id: u64, client: SocketAddr, local: SocketAddr, listener: &WorkerListener) -> Record<'r> {
    Record {
        protocol: Protocol::Tcp,
        start: SystemTime::now(),
        timeline: Timeline::default(),
        request: &NoHeaders,
        response: &NoHeaders,
        trailers: &NoHeaders,
        response_code: 0,
        flags: Flags::default(),
        details: None,
        connection_termination: None,
        bytes_received: 0,
        bytes_sent: 0,
        request_head_bytes: 0,
        response_head_bytes: 0,
        wire: WireBytes::default(),
        downstream: Downstream {
            connection_id: id,
            local,
            remote: client,
            direct_remote: client,
            direct_local: local,
            server_name: None,
            tls_version: None,
            tls_cipher: None,
            tls_group: None,
            tls_failure: None,
            handshake: None,
            peer: None,
            local_certificate: None,
            direction: listener.chains().plan.listener.direction,
            workload: None,
        },
        upstream: Upstream::default(),
        route_name: "",
        filter_chain_name: "",
    }
}

/// Writes the line of a session that cannot begin.
pub(super) fn log_refused(
    worker: &Worker,
    listener: &WorkerListener,
    runtime: &UdpRuntime,
    (client, local): (SocketAddr, SocketAddr),
    cluster: Option<&WorkerCluster>,
    flag: Flag,
) {
    let mut flags = Flags::default();
    flags.add(flag);
    let upstream = Upstream { cluster: cluster.map(|cluster| &cluster.plan.cluster.name), ..Upstream::default() };
    let record = Record { flags, upstream, ..record(worker.connection_id(), client, local, listener) };
    runtime.logs.iter().for_each(|log| worker.logs.write(log, &record));
}
