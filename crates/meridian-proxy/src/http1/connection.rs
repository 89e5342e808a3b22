//! A client's connection from its first request to its last.

use super::buffer::ReadBuffer;
use super::client::{Client, Downstream, HeadRead, HeadTimeouts};
use super::exchange::{Deadlines, Upload};
use super::leg::Leg;
use super::memory::Parts;
use super::record::Progress;
use super::request::Request;
use super::response::Response;
use crate::http2::{self, ServerStream};
use crate::listener::{ConnectionInfo, FilterRuntime, HttpRuntime, OpenConnection, WorkerChain};
use crate::outcome::Ending;
use crate::worker::{ConnectionHandle, Worker};
use meridian_http::{HeadError, HeadLimits, Method, Span};
use meridian_ir::route_config::without_port;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
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
    /// It is HTTP/2 after all; nothing of it was consumed.
    Http2,
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
    pub(super) info: Rc<ConnectionInfo>,
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
    open: Rc<OpenConnection>,
    pub(super) chain: Rc<WorkerChain>,
    generation: u64,
}

/// Serves a connection to its end.
pub async fn serve(start: Start) {
    let Start { worker, open, chain, http, io, info } = start;
    let (open, info) = (Rc::new(open), Rc::new(info));
    open.watch().await;
    let client = Client::new(io, open.handle.clone());
    let mut connection = Connection::new(&worker, &open, (chain, http), &info, client, Parts::new(&info));
    let stats = connection.http.stats().clone();
    stats.connection_opened();
    let after = if is_http2(&info) { After::Http2 } else { connection.run().await };
    match after {
        After::Close => connection.client.close(&worker.buffers).await,
        After::Http2 => serve_http2(connection).await,
        After::Abort | After::KeepAlive => connection.client.input.clear(&worker.buffers),
    }
    stats.connection_closed();
}

/// Whether client and gateway have agreed on HTTP/2.
fn is_http2(info: &ConnectionInfo) -> bool {
    info.tls.as_ref().is_some_and(|tls| tls.is_http2)
}

/// Goes on in HTTP/2 with all that was read. A future of its own, so that those of HTTP/1.1 connections do not have its
/// size.
fn serve_http2(connection: Connection) -> Pin<Box<impl Future<Output = ()>>> {
    let Connection { worker, open, chain, http, info, mut client, .. } = connection;
    let received = client.input.message().to_vec();
    client.input.clear(&worker.buffers);
    Box::pin(http2::serve(worker, open, (chain, http), info, (client.io, received)))
}

/// Serves one stream of an HTTP/2 connection, and gives it back.
pub(crate) async fn serve_stream(
    shared: &http2::Shared,
    handle: &Rc<ConnectionHandle>,
    stream: ServerStream,
) -> Option<Box<ServerStream>> {
    std::future::poll_fn(|cx| {
        handle.watch(cx);
        Poll::Ready(())
    })
    .await;
    let client = Client::new(Downstream::Stream(Box::new(stream)), handle.clone());
    let worker = &shared.worker;
    let parts = worker.memory.take(&shared.info);
    let mut connection = Connection::new(worker, &shared.open, shared.chain(), &shared.info, client, parts);
    connection.run().await;
    connection.client.input.clear(&worker.buffers);
    let Connection { request, response, upload, download, scratch, client, .. } = connection;
    worker.memory.give(Parts { request, response, upload, download, scratch });
    match client.io {
        Downstream::Stream(stream) => Some(stream),
        Downstream::Plain(_) | Downstream::Tls(_) => None,
    }
}

impl Connection {
    fn new(
        worker: &Rc<Worker>,
        open: &Rc<OpenConnection>,
        (chain, http): (Rc<WorkerChain>, Rc<HttpRuntime>),
        info: &Rc<ConnectionInfo>,
        client: Client,
        parts: Parts,
    ) -> Self {
        let Parts { request, response, upload, download, scratch } = parts;
        Self {
            request,
            client,
            generation: open.listener.generation(),
            response,
            response_input: ReadBuffer::default(),
            upload,
            upload_state: Upload::default(),
            download,
            progress: Progress::default(),
            limits: TimeLimits::default(),
            deadlines: Deadlines::default(),
            head_at: Duration::ZERO,
            upgrade: None,
            is_tunnel: false,
            ends: false,
            scratch,
            worker: worker.clone(),
            http,
            info: info.clone(),
            open: open.clone(),
            chain,
        }
    }

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
            let is_stream = self.client.is_stream();
            let options = self.http.plan().options_for(is_stream);
            let read = self.client.read_head(head, &options, timeouts, &self.worker.buffers, begun).await;
            if is_first && !is_stream && !matches!(read, HeadRead::Idle) {
                if matches!(read, HeadRead::Refused(HeadError::UnsupportedVersion)) && self.is_preface() {
                    return After::Http2;
                }
                self.http.stats().http1_connection();
            }
            let after = match read {
                HeadRead::Refused(error) if is_first && self.is_no_http(error) => {
                    self.begin_refused();
                    self.log("", Ending::BadHead(error));
                    After::Abort
                }
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
            if after != After::KeepAlive || is_stream {
                return after;
            }
            is_first = false;
        }
    }

    /// Whether HTTP/2 begins, by prior knowledge. What was read may be the beginning of the preface only.
    fn is_preface(&self) -> bool {
        let read = self.client.input.message();
        std::iter::zip(read, http2::PREFACE).all(|(read, preface)| read == preface)
    }

    /// Whether a connection begins with neither a request line nor HTTP/2's preface: no method that is known, and no
    /// version. Who is there does not speak HTTP, and is not answered in it (RFC 9113 section 3.4).
    fn is_no_http(&self, error: HeadError) -> bool {
        let read = self.client.input.message();
        let first = read.split(|byte| *byte == b' ').next().unwrap_or_default();
        error == HeadError::InvalidVersion && Method::from_bytes(first) == Method::Custom
    }

    /// A request of which a head of `len` bytes was read begins.
    fn begin(&mut self, len: usize) {
        self.follow_listener();
        self.http.stats().request_started(self.client.is_stream());
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
        self.http.stats().request_started(self.client.is_stream());
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
        self.upload.tee = None;
        self.progress = Progress::default();
        self.limits = TimeLimits::default();
        self.deadlines = Deadlines::default();
        self.upgrade = None;
    }

    /// Whether the request belongs on another connection; see [`crate::listener::WorkerChains::is_misdirected`].
    pub(super) fn is_misdirected(&self) -> bool {
        if self.info.tls.is_none() {
            return false;
        }
        let authority = self.request.head.authority(self.client.input.message());
        let Ok(host) = std::str::from_utf8(without_port(authority)) else { return false };
        let is_own = self.info.server_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host));
        !is_own && self.open.listener.chains().is_misdirected(&self.chain, self.info.local, host)
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
