//! What of a request decides about its endpoint under consistent hashing.

use crate::Name;
use std::time::Duration;

/// One source of the hash (Envoy's `RouteAction.HashPolicy`). Several are combined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HashPolicy {
    /// The values of a header; lowercase name.
    Header(Name),
    /// A cookie. With a lifetime it is set, with a random value, where it is missing.
    Cookie {
        /// Name of the cookie.
        name: Name,
        /// `Path`; empty: none is said.
        path: Name,
        /// `Max-Age`; `None`: the cookie is never set; zero: a session cookie.
        ttl: Option<Duration>,
        /// Further attributes, such as `SameSite=Lax`; the value is empty for flags.
        attributes: Vec<(Name, Name)>,
    },
    /// The client's IP address.
    SourceIp,
    /// The first value of a query parameter.
    Query(Name),
}
