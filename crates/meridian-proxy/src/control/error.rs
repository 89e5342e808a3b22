//! Why a proxy does not start, or a part of a configuration does not run.

use meridian_ir::Name;
use std::io;
use std::net::SocketAddr;

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No worker was asked for.
    #[error("a proxy needs at least one thread, and 0 were asked for")]
    NoThreads,
    /// A thread could not be started.
    #[error("cannot start the thread {thread}: {reason}")]
    Thread {
        /// Its name.
        thread: String,
        /// The operating system's reason.
        reason: io::Error,
    },
    /// An endpoint of the proxy itself cannot listen.
    #[error(
        "cannot listen on {address} for the proxy's {purpose} endpoint: {reason}; choose another address or free this one"
    )]
    Endpoint {
        /// `admin`, `readiness` or `metrics`.
        purpose: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        reason: io::Error,
    },
}

/// Why one listener of a configuration does not listen. All others do, and this one is tried again with the next
/// configuration.
#[derive(Debug, thiserror::Error)]
#[error("listener {name} cannot listen on {address}: {reason}; free the address or change the port")]
pub struct ListenerError {
    /// Its name.
    pub name: Name,
    /// Its address.
    pub address: SocketAddr,
    /// The operating system's reason.
    pub reason: io::Error,
}

/// Why a configuration was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The proxy is stopping, or has stopped.
    #[error("the proxy has stopped")]
    Stopped,
}
