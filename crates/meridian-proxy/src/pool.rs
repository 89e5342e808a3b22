//! Upstream connections: a worker's own stack of idle ones for each endpoint, and how new ones are made.
//!
//! Nothing is shared with other workers but the counters of circuit breakers, and those only where limits are
//! configured. An idle connection is checked when it is taken: one that the endpoint has closed, or has sent something
//! on, is dropped.

mod acquire;
mod connection;
mod facts;
mod host;
mod http2;
mod keepalive;
mod stream;

pub use acquire::{Acquire, AcquireError, Counted, NewConnection, open_stream, put_back, release};
pub use connection::UpstreamConnection;
pub use facts::{Facts, TlsFacts};
pub use host::{ActiveConnection, ActiveRequest, Host, Watch};
pub use stream::{OriginatedTls, UpstreamStream};
