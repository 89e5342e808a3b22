//! Copies of requests for other clusters (Envoy's request mirroring). Nobody waits for them, and nobody hears of them.
//!
//! A copy has the head as the endpoint gets it, and the body as the client sends it, while it passes. The request never
//! waits for its copies: what a copy's endpoint does not take is kept, up to [`MAX_HELD_BACK`]; one that falls further
//! behind is given up. A request that does not come to its end takes its copies along.

use super::buffer::{Filled, ReadBuffer};
use super::connection::Connection;
use super::leg::Leg;
use crate::pool::{self, Acquire, ActiveRequest, Counted, UpstreamConnection};
use crate::proxy_protocol::Addresses;
use crate::snapshot::ForwardPlan;
use crate::worker::{Buffers, Selection, Worker, WorkerCluster};
use meridian_http::body::{LAST_CHUNK, push_chunk};
use meridian_http::{Framing, HeadLimits, Method, Progress, ResponseHead, ResponseKind, ResponseTo};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Body bytes that are kept for a copy whose endpoint is slower than the client (Envoy's
/// `per_connection_buffer_limit_bytes`).
const MAX_HELD_BACK: usize = 1 << 20;

/// How long a copy may take where the route has no limit (Envoy's default for routes): an endpoint that never answers
/// must not hold copies for ever.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// The body of a copy on its way.
#[derive(Debug, Default)]
struct Pipe {
    bytes: Vec<u8>,
    has_ended: bool,
    is_broken: bool,
    reader: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// What of a body comes next.
enum Piece {
    Bytes(Vec<u8>),
    End,
    Broken,
}

/// Waits for more of a body.
async fn next(pipe: &RefCell<Pipe>) -> Piece {
    std::future::poll_fn(|cx| {
        let mut pipe = pipe.borrow_mut();
        if pipe.is_broken {
            return Poll::Ready(Piece::Broken);
        }
        if !pipe.bytes.is_empty() {
            return Poll::Ready(Piece::Bytes(std::mem::take(&mut pipe.bytes)));
        }
        if pipe.has_ended {
            return Poll::Ready(Piece::End);
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// Where the body of a request goes beside its endpoint. A body that is sent again, because a try failed, is copied once.
#[derive(Debug, Default)]
pub(super) struct Tee {
    pipes: SmallVec<[Rc<RefCell<Pipe>>; 1]>,
    copied: u64,
    has_ended: bool,
}

impl Tee {
    /// `bytes` of the body pass, from the position `at` on.
    pub(super) fn data(&mut self, at: u64, bytes: &[u8]) {
        let known = usize::try_from(self.copied.saturating_sub(at)).unwrap_or(usize::MAX);
        let Some(fresh) = bytes.get(known..).filter(|fresh| !fresh.is_empty()) else { return };
        self.copied = at + bytes.len() as u64;
        for pipe in &self.pipes {
            let mut pipe = pipe.borrow_mut();
            if pipe.bytes.len() + fresh.len() > MAX_HELD_BACK {
                pipe.is_broken = true;
                pipe.bytes = Vec::new();
            } else if !pipe.is_broken {
                pipe.bytes.extend_from_slice(fresh);
            }
            pipe.wake();
        }
    }

    /// The body was passed on to its end.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        for pipe in &self.pipes {
            let mut pipe = pipe.borrow_mut();
            pipe.has_ended = true;
            pipe.wake();
        }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        if !self.has_ended {
            for pipe in &self.pipes {
                let mut pipe = pipe.borrow_mut();
                pipe.is_broken = true;
                pipe.wake();
            }
        }
    }
}

/// A copy of a request.
struct Shadow {
    head: Vec<u8>,
    authority: Vec<u8>,
    method: Method,
    scheme: &'static str,
    client: Addresses,
    is_chunked: bool,
    is_http2: bool,
    body: Rc<RefCell<Pipe>>,
}

impl Connection {
    /// Sends the copies that the route wants of the request, whose head is as the endpoint gets it.
    pub(super) fn start_mirrors(&mut self, plan: &ForwardPlan, timeout: Option<Duration>) {
        if self.upgrade.is_some() {
            return;
        }
        let mut tee = Tee::default();
        for mirror in plan.mirrors() {
            if !mirror.fraction.takes(self.worker.random()) {
                continue;
            }
            let Some(cluster) = self.worker.cluster(mirror.cluster.index) else { continue };
            let shadow = self.shadow(&cluster);
            shadow.body.borrow_mut().has_ended = self.upload.has_ended();
            tee.pipes.push(shadow.body.clone());
            let limit = timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(DEFAULT_TIMEOUT);
            let worker = self.worker.clone();
            tokio::task::spawn_local(async move {
                // Whatever becomes of it: a connection that is not given back is closed.
                let _ = tokio::time::timeout(limit, shadow.send(&worker, &cluster)).await;
            });
        }
        if !tee.pipes.is_empty() && !self.upload.has_ended() {
            self.upload.tee = Some(Box::new(tee));
        } else {
            tee.has_ended = true;
        }
    }

    fn shadow(&self, cluster: &WorkerCluster) -> Shadow {
        let buf = self.client.input.message();
        let is_http2 = self.speaks_http2(cluster);
        let framing = self.request.framing_upstream(is_http2);
        let mut head = Vec::new();
        self.request.write(buf, framing, None, &mut head);
        mark(&mut head, self.info.local.ip());
        Shadow {
            head,
            authority: self.request.authority(buf).to_vec(),
            method: self.request.head.method(),
            scheme: self.request.scheme_name(),
            client: self.info.addresses(),
            is_chunked: framing == Framing::Chunked,
            is_http2,
            body: Rc::default(),
        }
    }
}

/// Makes a head that of a copy, as Envoy's are: it comes from inside, through one more proxy, the address `own`.
fn mark(head: &mut Vec<u8>, own: IpAddr) {
    const FORWARDED_FOR: &[u8] = b"\r\nx-forwarded-for: ";
    head.truncate(head.len() - b"\r\n".len());
    head.extend_from_slice(b"x-envoy-attempt-count: 1\r\nx-envoy-internal: true\r\n\r\n");
    if let Some(start) = memchr::memmem::find(head, FORWARDED_FOR) {
        let value = start + FORWARDED_FOR.len();
        let end = memchr::memchr(b'\r', &head[value..]).map_or(head.len(), |len| value + len);
        head.splice(end..end, format!(",{}", own.to_canonical()).into_bytes());
    }
}

impl Shadow {
    /// Sends the copy and reads its answer; `None` when something went wrong, which concerns nobody.
    async fn send(self, worker: &Worker, cluster: &Rc<WorkerCluster>) -> Option<()> {
        let host = cluster.select(|| worker.random(), &Selection::default())?;
        let mut active = ActiveRequest::new(host.clone(), &cluster.stats);
        let mut connection = match Acquire::new(cluster, &host, &self.authority, self.is_http2, self.client).ok()? {
            Acquire::Idle(connection) => connection,
            Acquire::New(new) => {
                tokio::time::timeout(cluster.plan.cluster.connect_timeout, new.connect()).await.ok()?.ok()?
            }
        };
        let _counted = Counted::request(cluster).ok()?;
        active.connected();
        connection.set_scheme(self.scheme);
        self.write(&mut connection).await?;
        let mut input = ReadBuffer::default();
        let (status, is_reusable) = self.read(&mut connection, &mut input, &worker.buffers).await?;
        active.answered(status);
        let is_clean = input.unread().is_empty();
        input.clear(&worker.buffers);
        if is_clean && is_reusable {
            pool::release(cluster, &host, connection, Instant::now());
        }
        Some(())
    }

    async fn write(&self, connection: &mut UpstreamConnection) -> Option<()> {
        let io = connection.stream_mut();
        io.write_all(&self.head).await.ok()?;
        let mut chunk = Vec::new();
        loop {
            match next(&self.body).await {
                Piece::Bytes(bytes) if self.is_chunked => {
                    chunk.clear();
                    push_chunk(&mut chunk, &bytes);
                    io.write_all(&chunk).await.ok()?;
                }
                Piece::Bytes(bytes) => io.write_all(&bytes).await.ok()?,
                Piece::End => break,
                Piece::Broken => return None,
            }
        }
        if self.is_chunked {
            io.write_all(LAST_CHUNK).await.ok()?;
        }
        io.flush().await.ok()
    }

    /// Reads the answer to its end and throws it away. Its status, and whether the connection can be used again.
    async fn read(
        &self,
        connection: &mut UpstreamConnection,
        input: &mut ReadBuffer,
        buffers: &Buffers,
    ) -> Option<(u16, bool)> {
        let to = ResponseTo { method: self.method, upgrade: None, http2: connection.is_http2() };
        let mut head = ResponseHead::new();
        loop {
            match head.parse(input.message_mut(), &HeadLimits::default(), &to).ok()? {
                Progress::Complete { len } => {
                    input.end_head(len);
                    if head.kind() != ResponseKind::Interim {
                        break;
                    }
                    input.next_message(buffers);
                    head.reset_after_interim(len);
                }
                Progress::Partial => {
                    if fill(connection, input, buffers).await? != Filled::More {
                        return None;
                    }
                }
            }
        }
        let mut body = Leg::default();
        body.begin_body(head.framing(), head.framing(), &HeadLimits::default());
        while !body.skip(input) {
            input.rewind();
            match fill(connection, input, buffers).await? {
                Filled::More => {}
                Filled::End => {
                    body.finish().ok()?;
                    break;
                }
                Filled::Full => return None,
            }
        }
        Some((head.status(), head.is_reusable()))
    }
}

async fn fill(connection: &mut UpstreamConnection, input: &mut ReadBuffer, buffers: &Buffers) -> Option<Filled> {
    std::future::poll_fn(|cx| input.poll_fill(cx, connection.stream_mut(), buffers)).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_say_that_they_come_from_inside() {
        let mut head = b"GET / HTTP/1.1\r\nhost: h\r\nx-forwarded-for: 1.1.1.1\r\nx: y\r\n\r\n".to_vec();
        mark(&mut head, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(
            String::from_utf8(head).expect("ASCII"),
            "GET / HTTP/1.1\r\nhost: h\r\nx-forwarded-for: 1.1.1.1,10.0.0.1\r\nx: y\r\nx-envoy-attempt-count: 1\r\n\
             x-envoy-internal: true\r\n\r\n"
        );
    }

    fn tee() -> (Tee, Rc<RefCell<Pipe>>) {
        let pipe = Rc::<RefCell<Pipe>>::default();
        (Tee { pipes: SmallVec::from_iter([pipe.clone()]), ..Tee::default() }, pipe)
    }

    #[test]
    fn a_body_that_is_sent_again_is_copied_once() {
        let (mut tee, pipe) = tee();
        for (at, bytes) in [(0, &b"abc"[..]), (0, b"ab"), (2, b"cde"), (5, b""), (5, b"f")] {
            tee.data(at, bytes);
        }
        tee.end();
        drop(tee);
        assert_eq!(pipe.borrow().bytes, b"abcdef");
        assert!(pipe.borrow().has_ended && !pipe.borrow().is_broken);
    }

    #[test]
    fn copies_are_given_up_when_they_fall_behind_or_the_request_breaks_off() {
        let (mut slow, pipe) = tee();
        slow.data(0, &vec![b'x'; MAX_HELD_BACK]);
        assert!(!pipe.borrow().is_broken);
        slow.data(MAX_HELD_BACK as u64, b"x");
        assert!(pipe.borrow().is_broken && pipe.borrow().bytes.is_empty());
        let (broken, pipe) = tee();
        drop(broken);
        assert!(pipe.borrow().is_broken);
    }
}
