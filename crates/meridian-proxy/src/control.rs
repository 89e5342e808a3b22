//! The control side of a proxy: starting, applying configurations, stopping.

mod error;
mod handle;
mod run;
mod shared;
mod sockets;

pub use error::{ApplyError, ListenerError, ProxyError};
pub use handle::{Applied, Proxy, ProxyHandle};
pub use shared::{ListenerState, Shared, State};
pub use sockets::BoundSocket;
