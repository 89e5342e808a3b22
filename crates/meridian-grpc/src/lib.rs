//! gRPC between the control plane and its proxies: connections, TLS, and who is at the other end.
//!
//! [`Server`] serves several services on one port; each of them is told who calls ([`Peer`]). [`connect`] makes a
//! [`Connection`] that tonic's client speaks through. Messages and methods are those of the services themselves: they
//! use [`tonic`] for them. TLS is rustls; [`tls::ServerTls`] takes new certificates while it serves.
#![forbid(unsafe_code)]

mod client;
mod peer;
mod server;
pub mod tls;

pub use client::{ConnectError, Connection, Target, connect};
pub use peer::Peer;
pub use server::{Answer, Handler, Server, streaming, unary};
