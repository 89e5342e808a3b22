//! A client's connection from its first request to its last.

use super::buffer::ReadBuffer;
use super::client::{Client, Downstream, HeadRead, HeadTimeouts};
use super::exchange::{Deadlines, Upload};
use super::leg::Leg;
use super::record::Progress;
use super::request::Request;
use super::response::Response;
use crate::listener::{ConnectionInfo, FilterRuntime, HttpRuntime, OpenConnection, WorkerChain};
use crate::outcome::Ending;
use crate::worker::Worker;
use meridian_http::{HeadError, HeadLimits, Span};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a connection starts with.
pub struct Start {
    /// The worker that it is on.
    pub worker: Rc<Worker>,
    /// It is open.
    pub open: OpenConnection,
    /// The chain that was chosen for it.
    pub chain: Rc<WorkerChain>,
    /// The connection manager of that chain.
    pub http: Rc<HttpRuntime>,
    /// Its bytes.
    pub io: Downstream,
    /// What is known of it.
    pub info: ConnectionInfo,
}

/// What becomes of a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    KeepAlive,
    /// It is closed in order.
    Close,
    /// It is closed at once: nothing that was begun can be finished.
    Abort,
}

/// Time limits of the request at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TimeLimits {
    pub(super) timeout: Option<Duration>,
    pub(super) per_try: Option<Duration>,
}

/// A client's connection with everything that its requests need. The memory in it is used again for each.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) http: Rc<HttpRuntime>,
    pub(super) info: ConnectionInfo,
    pub(super) client: Client,
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) response_input: ReadBuffer,
    pub(super) upload: Leg,
    pub(super) upload_state: Upload,
    pub(super) download: Leg,
    pub(super) progress: Progress,
    pub(super) limits: TimeLimits,
    pub(super) deadlines: Deadlines,
    /// When the response's head came, counted from the request's start.
    pub(super) head_at: Duration,
    /// The protocol that the client asks to change to, in the request's head.
    pub(super) upgrade: Option<Span>,
    pub(super) is_tunnel: bool,
    /// The connection ends after this request.
    pub(super) ends: bool,
    pub(super) scratch: Vec<u8>,
    open: OpenConnection,
    chain: Rc<WorkerChain>,
    generation: u64,
}

/// Serves a connection to its end.
pub async fn serve(start: Start) {
    let Start { worker, open, chain, http, io, info } = start;
    open.watch().await;
    let mut connection = Connection {
        request: Request::new(&info),
        client: Client::new(io, open.handle.clone()),
        generation: open.listener.generation(),
        response: Response::default(),
        response_input: ReadBuffer::default(),
        upload: Leg::default(),
        upload_state: Upload::default(),
        download: Leg::default(),
        progress: Progress::default(),
        limits: TimeLimits::default(),
        deadlines: Deadlines::default(),
        head_at: Duration::ZERO,
        upgrade: None,
        is_tunnel: false,
        ends: false,
        scratch: Vec::new(),
        worker,
        http,
        info,
        open,
        chain,
    };
    let stats = connection.http.stats().clone();
    stats.connection_opened();
    if connection.run().await == After::Close {
        let worker = connection.worker.clone();
        connection.client.close(&worker.buffers).await;
    } else {
        connection.client.input.clear(&connection.worker.buffers);
    }
    stats.connection_closed();
}

impl Connection {
    async fn run(&mut self) -> After {
        let mut is_first = true;
        let mut since = Instant::now();
        loop {
            let manager = &self.http.plan().manager;
            let timeouts =
                HeadTimeouts { since, idle: manager.idle_timeout, head: manager.request_headers_timeout, is_first };
            let Request { head, started, started_at, .. } = &mut self.request;
            let worker = &self.worker;
            let begun = || {
                *started = Instant::now();
                *started_at = worker.wall_time(*started);
                *started
            };
            let options = &self.http.plan().options;
            let read = self.client.read_head(head, options, timeouts, &self.worker.buffers, begun).await;
            let after = match read {
                HeadRead::Complete(len) => {
                    self.begin(len);
                    self.serve_request().await
                }
                HeadRead::Refused(error) => {
                    self.begin_refused();
                    if error == HeadError::MissingHost {
                        // Nothing else is wrong with it.
                        self.request.begin(self.client.input.message(), 0);
                    }
                    self.refuse(Ending::BadHead(error)).await
                }
                HeadRead::TimedOut => {
                    self.begin_refused();
                    self.refuse(Ending::RequestHeaderTimeout).await
                }
                HeadRead::Broken => {
                    self.begin_refused();
                    self.log("", Ending::ClientDisconnected);
                    After::Abort
                }
                HeadRead::Idle => return After::Close,
            };
            since = self.request.started + self.progress.timeline.total;
            self.finish(after == After::KeepAlive);
            if after != After::KeepAlive {
                return after;
            }
            is_first = false;
        }
    }

    /// A request of which a head of `len` bytes was read begins.
    fn begin(&mut self, len: usize) {
        self.follow_listener();
        self.http.stats().request_started();
        self.client.input.end_head(len);
        self.request.begin(self.client.input.message(), len);
        self.upload.reset();
        let framing = self.request.head.framing();
        self.upload.begin_body(framing, framing, &HeadLimits::default());
        self.upload_state = Upload::Sending;
        let idle = self.http.plan().manager.stream_idle_timeout;
        if !idle.is_zero() {
            self.deadlines.idle = Some(self.request.started + idle);
        }
        if self.upload.has_ended() {
            self.progress.timeline.downstream_rx_end = Some(Duration::ZERO);
        }
    }

    /// A request begins of which there is no whole and valid head.
    fn begin_refused(&mut self) {
        self.http.stats().request_started();
        self.request.refuse();
        self.upload.reset();
    }

    /// Forgets the request.
    fn finish(&mut self, keeps: bool) {
        if keeps {
            self.client.input.next_message(&self.worker.buffers);
        }
        self.response_input.clear(&self.worker.buffers);
        self.request.reset(&self.info);
        self.response.reset();
        self.download.reset();
        self.progress = Progress::default();
        self.limits = TimeLimits::default();
        self.deadlines = Deadlines::default();
        self.upgrade = None;
    }

    /// Sees what has become of the listener's chains since the last request. A chain that changed is replaced by the
    /// one that now takes such connections; when there is none, or the listener drains, this request is the last.
    fn follow_listener(&mut self) {
        if self.open.listener.is_draining() || self.worker.is_stopping() {
            self.ends = true;
        }
        if self.generation == self.open.listener.generation() {
            return;
        }
        self.generation = self.open.listener.generation();
        match self.open.listener.chains().successor(&self.chain) {
            Some(chain) => {
                if let FilterRuntime::Http(http) = &chain.runtime {
                    self.http = http.clone();
                }
                self.chain = chain;
            }
            None => self.ends = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F: Future>(_: impl FnOnce(Start) -> F) -> usize {
        size_of::<F>()
    }

    /// Every open connection holds one of these, however long it is idle: a gateway has tens of thousands.
    #[test]
    fn the_task_of_a_connection_is_small() {
        let size = size_of_future(serve);
        assert!(size <= 3584, "it takes {size} bytes");
    }
}
