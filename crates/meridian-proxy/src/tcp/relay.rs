//! Bytes from one connection to another and back, until both are done.

use super::pipe::Pipe;
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

/// Bytes of one read where bytes are copied.
const COPY_BYTES: usize = 32 * 1024;

/// Bytes of a direction that are copied before it is spliced: handshakes, short requests and their answers.
const COPIED_FIRST: usize = 64 * 1024;

/// Bytes of one read of these: a TLS record.
const SCRATCH_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where the first bytes of connections pass, one read after another.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// What has passed, and when something last did.
#[derive(Debug)]
pub struct Traffic {
    /// Bytes from the client.
    pub received: Cell<u64>,
    /// Bytes to the client.
    pub sent: Cell<u64>,
    last: Cell<Instant>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { received: Cell::new(0), sent: Cell::new(0), last: Cell::new(Instant::now()) }
    }
}

impl Traffic {
    fn moved(&self, direction: &Cell<u64>, bytes: usize) {
        direction.set(direction.get() + bytes as u64);
        self.last.set(Instant::now());
    }

    /// Returns when nothing has passed for `timeout` (zero: never).
    async fn idle(&self, timeout: Duration) {
        if timeout.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let due = self.last.get() + timeout;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayEnd {
    /// Both sides have ended, each after the other had everything.
    Closed,
    /// The client's connection was reset.
    ClientReset,
    /// The endpoint's connection was reset.
    UpstreamReset,
    /// Nothing passed for as long as the idle timeout.
    Idle,
}

/// The side that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Upstream,
}

/// Why a burst stopped.
enum Failure {
    Of(Side),
    /// The kernel cannot splice these; nothing has moved.
    CannotSplice,
}

/// Relays between two plain connections inside the kernel, with `splice(2)`, once a direction has carried more than a
/// handshake: below that, copying costs less. The end of one direction is passed on as such (half-close) while the other
/// goes on. Where the receiver is slow, the pipe between stays full and the sender's window closes: nothing is buffered
/// here but what one read has taken.
pub async fn splice(client: &mut TcpStream, upstream: &mut TcpStream, idle: Duration, traffic: &Traffic) -> RelayEnd {
    let has_ended = Cell::new(false);
    let (client_read, client_write) = client.split();
    let (upstream_read, upstream_write) = upstream.split();
    let outward = Direction {
        from: client_read,
        to: upstream_write,
        from_side: Side::Client,
        to_side: Side::Upstream,
        other_has_ended: &has_ended,
    };
    let inward = Direction {
        from: upstream_read,
        to: client_write,
        from_side: Side::Upstream,
        to_side: Side::Client,
        other_has_ended: &has_ended,
    };
    let outward = outward.pump(|bytes| traffic.moved(&traffic.received, bytes));
    let inward = inward.pump(|bytes| traffic.moved(&traffic.sent, bytes));
    finish(async { tokio::try_join!(outward, inward) }, idle, traffic).await
}

/// Relays between two connections of which at least one has TLS that ends or begins here. Bytes are copied.
pub async fn copy(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    upstream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    idle: Duration,
    traffic: &Traffic,
) -> RelayEnd {
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let (mut upstream_read, mut upstream_write) = tokio::io::split(upstream);
    let outward = copy_one_way(&mut client_read, &mut upstream_write, Side::Client, Side::Upstream, |bytes| {
        traffic.moved(&traffic.received, bytes);
    });
    let inward = copy_one_way(&mut upstream_read, &mut client_write, Side::Upstream, Side::Client, |bytes| {
        traffic.moved(&traffic.sent, bytes);
    });
    finish(async { tokio::try_join!(outward, inward) }, idle, traffic).await
}

/// The end of both directions, or of the one that failed first, or of patience.
async fn finish(both: impl Future<Output = Result<((), ()), Side>>, idle: Duration, traffic: &Traffic) -> RelayEnd {
    tokio::select! {
        ended = both => match ended {
            Ok(_) => RelayEnd::Closed,
            Err(Side::Client) => RelayEnd::ClientReset,
            Err(Side::Upstream) => RelayEnd::UpstreamReset,
        },
        () = traffic.idle(idle) => RelayEnd::Idle,
    }
}

async fn copy_one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    from_side: Side,
    to_side: Side,
    moved: impl Fn(usize),
) -> Result<(), Side> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match from.read(&mut buffer).await {
            // A TLS peer that closes without close_notify ends its direction: what came is passed on, and whether it
            // was cut off is for the protocol inside to know.
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Ok(bytes) => {
                to.write_all(&buffer[..bytes]).await.map_err(|_| to_side)?;
                to.flush().await.map_err(|_| to_side)?;
                moved(bytes);
            }
            Err(_) => return Err(from_side),
        }
    }
    to.shutdown().await.map_err(|_| to_side)
}

/// One direction between two plain connections.
struct Direction<'s> {
    from: ReadHalf<'s>,
    to: WriteHalf<'s>,
    from_side: Side,
    to_side: Side,
    /// Set by the direction that ends first: the second needs to tell nobody, because both connections are closed then.
    other_has_ended: &'s Cell<bool>,
}

impl Direction<'_> {
    /// Moves everything to the end. Holds a pipe only while there are bytes on the way, so that a quiet connection costs
    /// none. Where there is no pipe to be had, or the kernel cannot splice these, the direction is copied from then on.
    async fn pump(mut self, moved: impl Fn(usize)) -> Result<(), Side> {
        if self.copy_beginning(&moved).await? {
            return self.end();
        }
        let Self { from_side, to_side, .. } = self;
        let (from, to) = (self.from.as_ref(), self.to.as_ref());
        loop {
            from.readable().await.map_err(|_| from_side)?;
            let Ok(mut pipe) = Pipe::take() else { break };
            let ended = burst(&mut pipe, from, to, from_side, to_side, &moved).await;
            pipe.give_back();
            match ended {
                Ok(false) => {}
                Ok(true) => return self.end(),
                Err(Failure::Of(side)) => return Err(side),
                Err(Failure::CannotSplice) => break,
            }
        }
        copy_one_way(&mut Shared(from), &mut Shared(to), from_side, to_side, moved).await
    }

    /// Copies the first bytes; whether they were all.
    async fn copy_beginning(&mut self, moved: &impl Fn(usize)) -> Result<bool, Side> {
        let mut copied = 0;
        while copied < COPIED_FIRST {
            let (bytes, mut rest) = std::future::poll_fn(|cx| self.poll_copy(cx)).await?;
            if bytes == 0 {
                return Ok(true);
            }
            while !rest.is_empty() {
                let written = std::future::poll_fn(|cx| Pin::new(&mut self.to).poll_write(cx, &rest)).await;
                rest.drain(..written.map_err(|_| self.to_side)?);
            }
            moved(bytes);
            copied += bytes;
        }
        Ok(false)
    }

    /// Reads once and writes that at once. How much was read, and what of it could not be written yet.
    fn poll_copy(&mut self, cx: &mut Context<'_>) -> Poll<Result<(usize, Vec<u8>), Side>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut room = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.from).poll_read(cx, &mut room)).map_err(|_| self.from_side)?;
            let read = room.filled();
            if read.is_empty() {
                return Poll::Ready(Ok((0, Vec::new())));
            }
            let written = match Pin::new(&mut self.to).poll_write(cx, read) {
                Poll::Ready(written) => written.map_err(|_| self.to_side)?,
                Poll::Pending => 0,
            };
            Poll::Ready(Ok((read.len(), read[written..].to_vec())))
        })
    }

    /// Everything has come: the receiver is told, unless its connection is closed in the same moment anyway.
    fn end(&self) -> Result<(), Side> {
        if self.other_has_ended.replace(true) {
            return Ok(());
        }
        shutdown(self.to.as_ref()).map_err(|_| self.to_side)
    }
}

/// Ends one direction. The other side may be gone already; then there is nobody left to tell.
fn shutdown(stream: &TcpStream) -> io::Result<()> {
    match rustix::net::shutdown(stream, rustix::net::Shutdown::Write) {
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Moves what there is to move right now; whether it was the end.
async fn burst(
    pipe: &mut Pipe,
    from: &TcpStream,
    to: &TcpStream,
    from_side: Side,
    to_side: Side,
    moved: &impl Fn(usize),
) -> Result<bool, Failure> {
    loop {
        match from.try_io(Interest::READABLE, || Ok(pipe.fill(from)?)) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            // The pipe was empty, so that it is the socket that has no more.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if is_unsupported(&error) => return Err(Failure::CannotSplice),
            Err(_) => return Err(Failure::Of(from_side)),
        }
        while pipe.len() > 0 {
            match to.try_io(Interest::WRITABLE, || Ok(pipe.empty(to)?)) {
                Ok(bytes) => moved(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    to.writable().await.map_err(|_| Failure::Of(to_side))?;
                }
                Err(_) => return Err(Failure::Of(to_side)),
            }
        }
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOSYS | Errno::PERM))
}

/// Reads and writes through a shared reference, as sockets allow.
struct Shared<'s>(&'s TcpStream);

impl AsyncRead for Shared<'_> {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        loop {
            std::task::ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(bytes) => {
                    buf.advance(bytes);
                    return std::task::Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return std::task::Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared<'_> {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return std::task::Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(shutdown(self.0))
    }
}

#[cfg(test)]
mod tests;
