//! Session persistence: the requests of one client stay at one endpoint (Envoy's stateful session).

use crate::Name;
use std::time::Duration;

/// How a client tells to which endpoint it belongs. The endpoint is asked for as long as it is among the healthy ones of
/// the cluster; otherwise another is chosen, and the client is told of that one. What the client holds names the
/// endpoint's address (base64 of `address:port`, as Envoy's filter writes it), and is tried at every cluster that the
/// route can choose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SessionPersistence {
    /// A cookie.
    Cookie {
        /// Name of the cookie.
        name: Name,
        /// `Path`; empty: none is said.
        path: Name,
        /// `Max-Age`; `None`: a session cookie, which the client forgets when it ends.
        ttl: Option<Duration>,
    },
    /// A header of responses, which the client repeats in its requests; lowercase name.
    Header(Name),
}
