//! The bytes of a connection to an endpoint: plain, or with TLS that begins here.

use meridian_tls::Certificate;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection to an endpoint.
#[derive(Debug)]
pub enum UpstreamStream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS that begins here.
    Tls(Box<OriginatedTls>),
}

/// TLS towards an endpoint.
#[derive(Debug)]
pub struct OriginatedTls {
    /// Its bytes.
    pub stream: TlsStream<TcpStream>,
    /// Where the name that was asked for depends on the request: that name.
    pub server_name: Option<Arc<str>>,
    /// It is mutual TLS of the mesh, inside of which clients may speak whatever they like.
    pub is_mesh: bool,
    /// The name that was asked for.
    pub sent_name: Option<Arc<str>>,
    /// The certificate that the endpoint is shown when it asks for one.
    pub local: Option<Arc<Certificate>>,
}

impl UpstreamStream {
    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => tls.stream.get_ref().0,
        }
    }

    /// The protocol that was agreed on by ALPN.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.stream.get_ref().1.alpn_protocol(),
        }
    }

    /// Whether it may carry a request for which TLS would ask for `server_name`.
    #[must_use]
    pub fn is_for(&self, server_name: Option<&str>) -> bool {
        match self {
            Self::Plain(_) => server_name.is_none(),
            Self::Tls(tls) => tls.server_name.as_deref() == server_name,
        }
    }

    /// Nothing has come on it, neither bytes nor its end. What TLS sends for itself, such as tickets, is taken in. Costs
    /// no system call unless something has come.
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        match self {
            Self::Plain(stream) => {
                matches!(stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Tls(tls) => {
                // Nobody waits for it: whoever uses the connection next will.
                let mut cx = Context::from_waker(Waker::noop());
                Pin::new(&mut tls.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(cx),
        }
    }
}
