//! Session persistence: the requests of one client stay at one endpoint (Envoy's stateful session).

use crate::hash_policy::{cookie_value, set_cookie};
use crate::{Name, RequestView};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(test)]
mod tests;

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

impl SessionPersistence {
    /// The endpoint that `request` asks for. What is no address, or whose path the cookie is not for, asks for none.
    pub fn wanted(&self, request: &impl RequestView) -> Option<SocketAddr> {
        match self {
            Self::Cookie { name, path, .. } => {
                let is_for_path = path.is_empty() || is_below(request.path_and_query(), path.as_bytes());
                is_for_path.then(|| cookie_value(request, name, address)).flatten().flatten()
            }
            Self::Header(name) => {
                let mut found = None;
                request.any_header(name, &mut |value| {
                    found = address(value);
                    true
                });
                found
            }
        }
    }

    /// Name and value of the header by which a client is told of the endpoint that it belongs to from now on.
    pub fn told(&self, endpoint: SocketAddr) -> (&str, String) {
        let value = STANDARD.encode(endpoint.to_string());
        match self {
            Self::Cookie { name, path, ttl } => {
                ("set-cookie", set_cookie(name, &value, ttl.unwrap_or_default(), path, &[]))
            }
            Self::Header(name) => (name, value),
        }
    }
}

fn address(value: &[u8]) -> Option<SocketAddr> {
    // Longer than any address is: not looked at.
    let bytes = (value.len() <= 64).then(|| STANDARD.decode(value).ok()).flatten()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

/// Whether a request's path is `path` or below it, as browsers decide about cookies (RFC 6265 section 5.1.4).
fn is_below(target: &[u8], path: &[u8]) -> bool {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let Some(rest) = target[..end].strip_prefix(path) else { return false };
    rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/")
}
