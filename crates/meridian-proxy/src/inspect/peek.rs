//! Looking at the first bytes of a socket without taking them.

use super::client_hello::{self, ClientHello, MAX_CLIENT_HELLO, Progress};
use super::http::{self, HttpProgress, MAX_REQUEST_LINE};
use crate::proxy_protocol::HeaderError;
use meridian_ir::filter_chain::TransportProtocol;
use meridian_ir::listener::Inspectors;
use rustix::net::RecvFlags;
use smallvec::SmallVec;
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
    /// HTTP in plain text, where it was looked for: `http/1.0`, `http/1.1` or `h2c`.
    pub http: Option<&'static str>,
}

impl Default for Inspection {
    /// Nothing is known.
    fn default() -> Self {
        Self { transport: TransportProtocol::RawBuffer, hello: ClientHello::default(), http: None }
    }
}

impl Inspection {
    /// The application protocols that chains are matched by: ALPN of the ClientHello, or what was found of HTTP.
    #[must_use]
    pub fn application_protocols(&self) -> SmallVec<[&[u8]; 8]> {
        let offered = self.hello.alpn.iter().map(|protocol| protocol.as_bytes());
        offered.chain(self.http.map(str::as_bytes)).collect()
    }
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

/// Tells what `stream` begins with, as far as the `inspectors` look; the bytes stay unread.
///
/// Waits for the client's first bytes, and for a whole ClientHello or request line when they are the beginning of one,
/// for at most `timeout` (`None`: for ever). It is woken only by new bytes: a client that stops in the middle costs
/// nothing but its socket.
///
/// # Errors
/// See [`InspectError`]; after [`InspectError::TimedOut`] the connection can still be used.
pub async fn inspect(
    stream: &TcpStream,
    inspectors: Inspectors,
    timeout: Option<Duration>,
) -> Result<Inspection, InspectError> {
    let looking = peek_until(stream, |bytes| decide(bytes, inspectors));
    let Some(timeout) = timeout else { return looking.await? };
    match tokio::time::timeout(timeout, looking).await {
        Ok(result) => result?,
        Err(_) => Err(InspectError::TimedOut(timeout)),
    }
}

fn decide(bytes: &[u8], inspectors: Inspectors) -> Option<Result<Inspection, InspectError>> {
    if inspectors.tls {
        match client_hello::parse(bytes) {
            Progress::Incomplete => return None,
            Progress::Complete(hello) => {
                return Some(Ok(Inspection { transport: TransportProtocol::Tls, hello, http: None }));
            }
            Progress::NotTls => {}
            Progress::TooLarge => return Some(Err(InspectError::TooLarge)),
        }
    }
    let http = match inspectors.http.then(|| http::parse(bytes)) {
        Some(HttpProgress::Incomplete) => return None,
        Some(progress) => progress.protocol(),
        None => None,
    };
    Some(Ok(Inspection { http, ..Inspection::default() }))
}

thread_local! {
    /// One worker looks at one socket at a time, and never across an await.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_REQUEST_LINE.max(MAX_CLIENT_HELLO)]);
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
