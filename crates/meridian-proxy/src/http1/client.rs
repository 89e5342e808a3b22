//! The client's side of a connection: its socket, what was read from it, and everything that can interrupt a request.

use super::buffer::{Filled, ReadBuffer};
use super::timer::Timer;
use crate::http2::ServerStream;
use crate::worker::{Buffers, ConnectionHandle};
use meridian_http::{HeadError, Progress, RequestHead, RequestOptions};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How long a client may take to close its side after the gateway has closed its own; what it still sends is dropped.
/// Closing at once would reset the connection, and the client could lose the response (Envoy's `delayed_close_timeout`).
const LINGER: Duration = Duration::from_secs(1);

/// How old a connection without any request may be when the proxy stops: the first request may be on its way.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// A client's connection.
#[derive(Debug)]
pub enum Downstream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS that is terminated here.
    Tls(Box<TlsStream<TcpStream>>),
    /// One stream of an HTTP/2 connection.
    Stream(Box<ServerStream>),
}

impl AsyncRead for Downstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Stream(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Stream(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Stream(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(_) | Self::Stream(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// What ends a request from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The client is gone.
    ClientGone,
    /// The request's body is not valid.
    BadBody(meridian_http::BodyError),
    /// The deadline that was given has passed.
    Deadline,
    /// The gateway stops, or the listener has drained long enough.
    Stopped,
}

/// How reading a head ended.
#[derive(Debug)]
pub(super) enum HeadRead {
    /// A head of this many bytes.
    Complete(usize),
    /// It is refused.
    Refused(HeadError),
    /// The client closed between requests, or nothing came for too long: nothing to say.
    Idle,
    /// The client closed within a head.
    Broken,
    /// It did not come in time.
    TimedOut,
}

/// Time limits of reading a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadTimeouts {
    /// When the connection became idle.
    pub(super) since: Instant,
    /// For the first byte; zero: none.
    pub(super) idle: Duration,
    /// For the rest; zero: none.
    pub(super) head: Duration,
    /// No request came on the connection yet: it is served even where the gateway is about to stop.
    pub(super) is_first: bool,
}

/// The client's side.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) io: Downstream,
    pub(super) input: ReadBuffer,
    handle: Rc<ConnectionHandle>,
    timer: Timer,
    /// The client has closed its side.
    ended: bool,
}

impl Client {
    pub(super) fn new(io: Downstream, handle: Rc<ConnectionHandle>) -> Self {
        Self { io, input: ReadBuffer::default(), handle, timer: Timer::default(), ended: false }
    }

    /// Whether this is a stream of HTTP/2: there is one request on it, and no connection to keep.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.io, Downstream::Stream(_))
    }

    /// Whether the connection is asked to end.
    pub(super) fn is_draining(&self) -> bool {
        self.handle.close_at().is_some()
    }

    /// Waits for a whole head. `begun` is called when its first byte is there, and tells the time.
    pub(super) async fn read_head(
        &mut self,
        head: &mut RequestHead,
        options: &RequestOptions,
        timeouts: HeadTimeouts,
        buffers: &Buffers,
        mut begun: impl FnMut() -> Instant,
    ) -> HeadRead {
        let after = |since: Instant, timeout: Duration| (!timeout.is_zero()).then(|| since + timeout);
        let mut deadline = after(timeouts.since, timeouts.idle);
        let mut has_begun = false;
        std::future::poll_fn(|cx| {
            loop {
                if !self.input.unread().is_empty() {
                    if !has_begun {
                        has_begun = true;
                        deadline = after(begun(), timeouts.head);
                    }
                    match head.parse(self.input.message_mut(), options) {
                        Ok(Progress::Complete { len }) => return Poll::Ready(HeadRead::Complete(len)),
                        Ok(Progress::Partial) => {}
                        Err(error) => return Poll::Ready(HeadRead::Refused(error)),
                    }
                }
                if self.ended {
                    return Poll::Ready(if has_begun { HeadRead::Broken } else { HeadRead::Idle });
                }
                match self.input.poll_fill(cx, &mut self.io, buffers) {
                    Poll::Ready(Ok(Filled::More)) => {}
                    Poll::Ready(Ok(Filled::Full)) => return Poll::Ready(HeadRead::Refused(HeadError::HeadTooLarge)),
                    Poll::Ready(Ok(Filled::End) | Err(_)) => self.ended = true,
                    Poll::Pending => {
                        let mut close_at = self.handle.close_at();
                        if self.handle.closes_idle() && !has_begun {
                            if !timeouts.is_first {
                                return Poll::Ready(HeadRead::Idle);
                            }
                            close_at = earlier(close_at, Some(timeouts.since + FIRST_REQUEST));
                        }
                        ready!(self.timer.poll(cx, earlier(deadline, close_at)));
                        return Poll::Ready(if has_begun { HeadRead::TimedOut } else { HeadRead::Idle });
                    }
                }
            }
        })
        .await
    }

    /// Ready when something ends the request from outside. To be polled in every wait of a request; reads ahead what
    /// the client sends, to see it leave, once the request is complete (`reads`).
    pub(super) fn poll_interrupt(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
        reads: bool,
        buffers: &Buffers,
    ) -> Poll<Interrupt> {
        while reads && !self.ended {
            match self.input.poll_fill(cx, &mut self.io, buffers) {
                Poll::Ready(Ok(Filled::More)) => {}
                // Pipelined requests fill the buffer: the client cannot be watched until they are served.
                Poll::Ready(Ok(Filled::Full)) | Poll::Pending => break,
                Poll::Ready(Ok(Filled::End) | Err(_)) => {
                    self.ended = true;
                    return Poll::Ready(Interrupt::ClientGone);
                }
            }
        }
        let close_at = self.handle.close_at();
        let earliest = earlier(deadline, close_at);
        ready!(self.timer.poll(cx, earliest));
        Poll::Ready(if earliest == deadline { Interrupt::Deadline } else { Interrupt::Stopped })
    }

    /// Reads more of the request's body.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>, buffers: &Buffers) -> Poll<Result<(), Interrupt>> {
        if self.ended {
            return Poll::Ready(Err(Interrupt::ClientGone));
        }
        match ready!(self.input.poll_fill(cx, &mut self.io, buffers)) {
            Ok(Filled::More) => Poll::Ready(Ok(())),
            Ok(Filled::End | Filled::Full) | Err(_) => {
                self.ended = true;
                Poll::Ready(Err(Interrupt::ClientGone))
            }
        }
    }

    /// Closes our side and waits a moment for the client to close its own.
    pub(super) async fn close(mut self, buffers: &Buffers) {
        self.input.clear(buffers);
        let deadline = Instant::now() + LINGER;
        let mut is_shut = false;
        std::future::poll_fn(|cx| {
            if !is_shut && let Poll::Ready(shut) = Pin::new(&mut self.io).poll_shutdown(cx) {
                is_shut = true;
                self.ended |= shut.is_err();
            }
            while is_shut && !self.ended {
                match self.input.poll_fill(cx, &mut self.io, buffers) {
                    Poll::Ready(Ok(Filled::More)) => self.input.clear(buffers),
                    Poll::Ready(_) => self.ended = true,
                    Poll::Pending => break,
                }
            }
            if self.ended {
                return Poll::Ready(());
            }
            self.timer.poll(cx, Some(deadline))
        })
        .await;
        self.input.clear(buffers);
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}
