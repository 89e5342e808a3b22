//! HTTP/1.1: one task owns a client's connection and, during a request, the connection to the endpoint too.
//!
//! ```text
//! read head -> decide -> (reply | forward: take connection -> send -> await head -> retry? -> relay) -> log -> again
//! ```
//!
//! Nothing is allocated for a request once a connection's memory has its size: heads are parsed where they were read,
//! unchanged fields are copied in runs, bodies of known length go from the read buffer to the socket.

mod buffer;
mod client;
mod client_cert;
mod connection;
mod cors;
mod decide;
mod edits;
mod exchange;
mod ext_authz;
mod fault;
mod fields;
mod forward;
mod leg;
mod memory;
mod mirror;
mod rbac;
mod record;
mod reply;
mod request;
mod resolve;
mod response;
mod retry;
mod routed;
mod session;
mod timer;
mod tunnel;

pub use client::Downstream;
pub(crate) use connection::serve_stream;
pub use connection::{Start, serve};
pub use memory::Memory;
pub(crate) use request::write_uuid;
pub(crate) use timer::Timer;
