//! The first bytes of a connection, before a filter chain is chosen: TLS or not, SNI, ALPN; HTTP or
//! not.
//!
//! Bytes are looked at with `MSG_PEEK` and stay in the kernel: whoever takes the connection - the TLS acceptor, the
//! HTTP engine, `splice` - reads them as if nobody had looked.

pub mod client_hello;
pub mod http;
mod peek;
mod proxy_protocol;

pub use client_hello::ClientHello;
pub use http::HttpProgress;
pub(crate) use peek::peek_until;
pub use peek::{InspectError, Inspection, inspect};
pub(crate) use proxy_protocol::receive;
