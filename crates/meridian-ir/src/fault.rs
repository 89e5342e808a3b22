//! Faults that are injected on purpose (Envoy's fault filter). A delay comes before an abort.

use crate::fraction::Fraction;
use std::time::Duration;

/// A pause before the request goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultDelay {
    /// How long.
    pub duration: Duration,
    /// Of how many requests.
    pub fraction: Fraction,
}

/// What an aborted request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbortStatus {
    /// An HTTP status, 200 to 599.
    Http(u16),
    /// A gRPC status; for requests that are not gRPC this is HTTP 200 with the usual body.
    Grpc(u32),
}

/// An answer without an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultAbort {
    /// See [`AbortStatus`].
    pub status: AbortStatus,
    /// Of how many requests.
    pub fraction: Fraction,
}

/// The faults of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Fault {
    /// See [`FaultDelay`].
    pub delay: Option<FaultDelay>,
    /// See [`FaultAbort`].
    pub abort: Option<FaultAbort>,
}
