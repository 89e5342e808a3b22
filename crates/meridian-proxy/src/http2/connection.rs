//! A client's connection: takes its streams, and ends it when it is time.

use super::prefixed::Prefixed;
use super::server_stream::ServerStream;
use super::{PREMATURE, PREMATURE_RESETS, server_settings};
use crate::http1::{self, Downstream, Timer};
use crate::listener::{ConnectionInfo, FilterRuntime, HttpRuntime, OpenConnection, WorkerChain};
use crate::worker::{ConnectionHandle, Connections, Worker};
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How long a client has for its preface, and, once the connection is to end and has no stream, for taking notice.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the preface may take (Envoy has no limit of its own; a listener's inspection takes as long at most).
const PREFACE_TIMEOUT: Duration = Duration::from_secs(15);

/// What the streams of one connection share.
pub(crate) struct Shared {
    pub(crate) worker: Rc<Worker>,
    pub(crate) open: Rc<OpenConnection>,
    pub(crate) info: Rc<ConnectionInfo>,
    chain: RefCell<Rc<WorkerChain>>,
    http: RefCell<Rc<HttpRuntime>>,
    generation: Cell<u64>,
    /// How streams are told to end.
    streams: Connections,
    next_stream: Cell<u64>,
    active: Cell<u64>,
    ended: Cell<u64>,
    premature: Cell<u64>,
    /// When there was no stream any more.
    idle_since: Cell<Instant>,
}

impl Shared {
    /// The chain that serves this connection now, and its connection manager.
    pub(crate) fn chain(&self) -> (Rc<WorkerChain>, Rc<HttpRuntime>) {
        (self.chain.borrow().clone(), self.http.borrow().clone())
    }

    /// Sees what has become of the listener's chains. Whether the connection may go on.
    fn follow_listener(&self) -> bool {
        let listener = &self.open.listener;
        if listener.is_draining() || self.worker.is_stopping() {
            return false;
        }
        if self.generation.replace(listener.generation()) == listener.generation() {
            return true;
        }
        let Some(chain) = listener.chains().successor(&self.chain.borrow()) else { return false };
        if let FilterRuntime::Http(http) = &chain.runtime {
            self.http.replace(http.clone());
        }
        self.chain.replace(chain);
        true
    }

    /// Whether the client makes requests only to reset them (CVE-2023-44487), by Envoy's measure.
    fn is_abused(&self) -> bool {
        self.ended.get() >= PREMATURE_RESETS && self.premature.get() * 2 > self.ended.get()
    }
}

/// A stream that is counted as open as long as this lives.
struct OpenStream {
    shared: Rc<Shared>,
    handle: Rc<ConnectionHandle>,
    began: Instant,
    was_reset: Cell<bool>,
}

impl OpenStream {
    fn new(shared: &Rc<Shared>) -> Self {
        shared.active.set(shared.active.get() + 1);
        let id = shared.next_stream.replace(shared.next_stream.get() + 1);
        Self {
            handle: shared.streams.opened(id),
            shared: shared.clone(),
            began: Instant::now(),
            was_reset: Cell::default(),
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let shared = &self.shared;
        shared.streams.closed(&self.handle);
        shared.active.set(shared.active.get() - 1);
        shared.ended.set(shared.ended.get() + 1);
        if self.was_reset.get() && self.began.elapsed() < PREMATURE {
            shared.premature.set(shared.premature.get() + 1);
        }
        if shared.active.get() == 0 {
            shared.idle_since.set(Instant::now());
        }
    }
}

/// Serves the connection to its end. `received` is what was read of it already.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    open: Rc<OpenConnection>,
    (chain, http): (Rc<WorkerChain>, Rc<HttpRuntime>),
    info: Rc<ConnectionInfo>,
    (io, received): (Downstream, Vec<u8>),
) {
    let stats = http.stats().clone();
    stats.http2_connection();
    let shared = Rc::new(Shared {
        generation: Cell::new(open.listener.generation()),
        worker,
        open,
        info,
        chain: RefCell::new(chain),
        http: RefCell::new(http),
        streams: Connections::default(),
        next_stream: Cell::new(0),
        active: Cell::new(0),
        ended: Cell::new(0),
        premature: Cell::new(0),
        idle_since: Cell::new(Instant::now()),
    });
    shared.open.watch().await;
    if let Some(connection) = handshake(&shared, Prefixed::new(received, io)).await {
        let mut driver = Driver { connection, shared, timer: Timer::default(), phase: Phase::Open, close_at: None };
        std::future::poll_fn(|cx| driver.poll(cx)).await;
    }
}

type ClientConnection = Connection<Prefixed<Downstream>, Bytes>;

/// Settings and preface. `None`: they did not come about.
async fn handshake(shared: &Shared, io: Prefixed<Downstream>) -> Option<ClientConnection> {
    let mut handshake = pin!(server_settings().handshake(io));
    let deadline = Instant::now() + PREFACE_TIMEOUT;
    let mut timer = Timer::default();
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = handshake.as_mut().poll(cx) {
            return Poll::Ready(done.ok());
        }
        if shared.open.handle.closes_idle() {
            return Poll::Ready(None);
        }
        timer.poll(cx, Some(deadline)).map(|()| None)
    })
    .await
}

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The client was told that no stream will be taken any more; those that are open go on.
    Ending(Instant),
    /// Nothing goes on but telling the client so.
    Over(Instant),
}

/// Moves frames, and takes streams.
struct Driver {
    connection: ClientConnection,
    shared: Rc<Shared>,
    timer: Timer,
    phase: Phase,
    /// When the streams were told that they must end.
    close_at: Option<Instant>,
}

impl Driver {
    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => self.take(request, respond),
                Poll::Ready(Some(Err(error))) => {
                    if error.is_go_away() && !error.is_remote() {
                        self.shared.chain().1.stats().http2_protocol_error();
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => match self.poll_end(cx) {
                    Poll::Ready(true) => return Poll::Ready(()),
                    Poll::Ready(false) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Looks at what may end the connection beside the client. Ready with `false` when there is something new to send,
    /// with `true` when the connection is over.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let handle = self.shared.open.handle.clone();
        if handle.close_at() != self.close_at {
            self.close_at = handle.close_at();
            self.tell_streams();
        }
        if self.phase == Phase::Open && self.shared.is_abused() {
            self.shared.chain().1.stats().http2_protocol_error();
            return self.shut_down(Reason::ENHANCE_YOUR_CALM);
        }
        if self.phase == Phase::Open && (self.close_at.is_some() || handle.closes_idle()) {
            return self.begin_end();
        }
        ready!(self.timer.poll(cx, self.deadline()));
        match self.phase {
            Phase::Open => self.begin_end(),
            Phase::Ending(_) => self.shut_down(Reason::NO_ERROR),
            Phase::Over(_) => Poll::Ready(true),
        }
    }

    /// When something is to be done though nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let idle_since = self.shared.idle_since.get();
        let is_idle = self.shared.active.get() == 0;
        match self.phase {
            Phase::Open => {
                let timeout = self.shared.http.borrow().plan().manager.idle_timeout;
                (is_idle && !timeout.is_zero()).then(|| idle_since + timeout)
            }
            Phase::Ending(since) => {
                let idle = is_idle.then(|| since.max(idle_since) + PATIENCE);
                [idle, self.close_at].into_iter().flatten().min()
            }
            Phase::Over(since) => Some(since + PATIENCE),
        }
    }

    /// Tells the client to go elsewhere; its streams are served to their end.
    fn begin_end(&mut self) -> Poll<bool> {
        self.phase = Phase::Ending(Instant::now());
        self.connection.graceful_shutdown();
        Poll::Ready(false)
    }

    /// Ends all streams and the connection.
    fn shut_down(&mut self, reason: Reason) -> Poll<bool> {
        self.phase = Phase::Over(Instant::now());
        self.connection.abrupt_shutdown(reason);
        Poll::Ready(false)
    }

    fn tell_streams(&self) {
        if let Some(close_at) = self.close_at {
            self.shared.streams.drain(close_at, false);
        }
    }

    /// A new request.
    fn take(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        if !self.shared.follow_listener() && self.phase == Phase::Open {
            let _ = self.begin_end();
        }
        let stream = OpenStream::new(&self.shared);
        self.tell_streams();
        let io = ServerStream::new(request, respond);
        // In a box, because the runtime would move all of it several times.
        tokio::task::spawn_local(Box::pin(async move {
            let io = http1::serve_stream(&stream.shared, &stream.handle, io).await;
            stream.was_reset.set(io.is_some_and(|io| io.is_reset()));
        }));
    }
}
