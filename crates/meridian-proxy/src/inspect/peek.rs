//! Looking at the first bytes of a socket without taking them.

use super::client_hello::{self, ClientHello, MAX_CLIENT_HELLO, Progress};
use crate::proxy_protocol::HeaderError;
use meridian_ir::filter_chain::TransportProtocol;
use rustix::net::RecvFlags;
use std::cell::RefCell;
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a connection began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// TLS or not.
    pub transport: TransportProtocol,
    /// SNI and ALPN; empty for `RawBuffer`.
    pub hello: ClientHello,
}

/// Why a connection ended before a filter chain could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The client closed first.
    #[error("the client closed the connection before its first {expected} were complete")]
    Closed {
        /// `bytes` or `ClientHello`.
        expected: &'static str,
    },
    /// The detection timeout passed.
    #[error("the client sent no complete first bytes within {0:?}")]
    TimedOut(Duration),
    /// Longer than [`MAX_CLIENT_HELLO`].
    #[error("the ClientHello is longer than {MAX_CLIENT_HELLO} bytes")]
    TooLarge,
    /// No PROXY protocol header that is taken, where the listener demands one.
    #[error("{0}")]
    ProxyProtocol(#[from] HeaderError),
    /// The socket failed.
    #[error("the connection failed while its first bytes were awaited: {0}")]
    Io(#[from] io::Error),
}

/// Tells whether `stream` begins with a ClientHello, and with which; the bytes stay unread.
///
/// Waits for the client's first bytes, and for a whole ClientHello when they are the beginning of one, for at most
/// `timeout`. It is woken only by new bytes: a client that stops in the middle costs nothing but its socket.
///
/// # Errors
/// See [`InspectError`]; the connection is of no more use.
pub async fn inspect(stream: &TcpStream, timeout: Duration) -> Result<Inspection, InspectError> {
    match tokio::time::timeout(timeout, peek_until(stream, decide)).await {
        Ok(result) => result?,
        Err(_) => Err(InspectError::TimedOut(timeout)),
    }
}

fn decide(bytes: &[u8]) -> Option<Result<Inspection, InspectError>> {
    match client_hello::parse(bytes) {
        Progress::Incomplete => None,
        Progress::Complete(hello) => Some(Ok(Inspection { transport: TransportProtocol::Tls, hello })),
        Progress::NotTls => {
            Some(Ok(Inspection { transport: TransportProtocol::RawBuffer, hello: ClientHello::default() }))
        }
        Progress::TooLarge => Some(Err(InspectError::TooLarge)),
    }
}

thread_local! {
    /// One worker looks at one socket at a time, and never across an await.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_CLIENT_HELLO]);
}

/// Calls `decide` with all bytes that have arrived, once for each arrival, until it decides.
pub(crate) async fn peek_until<T>(
    stream: &TcpStream,
    mut decide: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, InspectError> {
    let mut seen = 0;
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        let looked = stream.try_io(Interest::READABLE, || {
            SCRATCH.with_borrow_mut(|scratch| {
                let (length, _) = rustix::net::recv(stream, scratch.as_mut_slice(), RecvFlags::PEEK)?;
                if length > seen {
                    seen = length;
                    return Ok(decide(&scratch[..length]));
                }
                if length == 0 || ready.is_read_closed() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                // Nothing new. WouldBlock clears the readiness, so that the next bytes wake us and nothing else does.
                Err(io::ErrorKind::WouldBlock.into())
            })
        });
        match looked {
            Ok(Some(decision)) => return Ok(decision),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let expected = if seen == 0 { "bytes" } else { "ClientHello" };
                return Err(InspectError::Closed { expected });
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
