//! HTTP/2, towards clients and endpoints: frames by the `h2` crate, requests by the one pipeline of [`crate::http1`].
//!
//! Every stream is a conversation of its own. A bridge stands between it and the pipeline: one face is the stream, the
//! other reads and writes an HTTP/1.1 message (head, chunks, trailers), so that routing, retries, time limits, edits
//! and records are the same code for every protocol.
//!
//! ```text
//! client ==h2== connection task --stream--> ServerStream ~~text~~ http1 pipeline ~~text~~ ClientStream --stream-- pool
//! ```
//!
//! Bytes move only as far as the peer's windows let them, and windows open only as far as the pipeline has read: what a
//! stream can make the gateway hold is bounded by [`STREAM_WINDOW`] and two read buffers.

mod client_stream;
mod connection;
mod error;
mod prefixed;
mod reader;
mod server_stream;
mod text;
mod writer;

pub use client_stream::ClientStream;
pub(crate) use connection::{Shared, serve};
pub(crate) use error::reset_reason;
pub use server_stream::ServerStream;

use std::time::Duration;

/// What a peer sends before its first frame (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// ALPN's name of HTTP/2 over TLS.
pub(crate) const ALPN: &[u8] = b"h2";

/// Streams that a client may have at once, as Envoy advises for edges.
pub(crate) const MAX_CONCURRENT_STREAMS: u32 = 100;

/// What a peer may send on one stream before it is read (Envoy's advice for edges).
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;

/// What a peer may send on one connection before it is read (Envoy's advice for edges).
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Longest header list, names and values with 32 bytes for each field (RFC 9113 section 6.5.2).
const MAX_HEADER_LIST: u32 = 60 * 1024;

/// What one stream may have in the connection's send buffer.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// Streams that the client has reset before they were looked at; one more ends the connection.
const MAX_PENDING_RESETS: usize = 20;

/// Streams that were reset for a client's mistakes; one more ends the connection.
const MAX_ERROR_RESETS: usize = 100;

/// Resets are judged once so many requests were made (Envoy's `premature_reset_total_stream_count`).
const PREMATURE_RESETS: u64 = 500;

/// A reset this soon after its request is premature (Envoy's `premature_reset_min_stream_lifetime_seconds`).
const PREMATURE: Duration = Duration::from_secs(1);

/// Settings of connections from clients.
fn server_settings() -> h2::server::Builder {
    let mut settings = h2::server::Builder::new();
    settings
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_send_buffer_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(Some(MAX_ERROR_RESETS));
    settings
}

/// Settings of connections to endpoints.
pub(crate) fn client_settings() -> h2::client::Builder {
    let mut settings = h2::client::Builder::new();
    settings
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_send_buffer_size(MAX_SEND_BUFFER);
    settings
}
