//! What of a request decides about its endpoint under consistent hashing.

use crate::request::query_parameter;
use crate::route_match::is_joined;
use crate::{Name, RequestView};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use twox_hash::XxHash64;

#[cfg(test)]
mod tests;

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

/// Envoy's `HashUtil::xxHash64`, by which requests and endpoints are hashed.
pub fn xx_hash_64(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

/// The hash of a request and the cookies that its client is to be given for it (values of `set-cookie`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHash {
    /// `None`: nothing that the policies ask for is in the request; its endpoint is chosen at random.
    pub hash: Option<u64>,
    /// One for each cookie that is missing and has a lifetime.
    pub set_cookies: Vec<String>,
}

impl RequestHash {
    /// Hashes `request` as Envoy does: each policy that finds something adds its hash to those before it, which are
    /// turned by one bit. `remote` is the client as trusted headers tell it, `local` where it went.
    pub fn of(policies: &[HashPolicy], request: &impl RequestView, remote: SocketAddr, local: SocketAddr) -> Self {
        let mut all = Self::default();
        for policy in policies {
            let found = match policy {
                HashPolicy::Header(name) => header(request, name),
                HashPolicy::SourceIp => Some(source_ip(remote.ip())),
                HashPolicy::Query(name) => {
                    query_parameter(request.path_and_query(), name.as_bytes()).map(|value| xx_hash_64(value, 0))
                }
                HashPolicy::Cookie { name, path, ttl, attributes } => match (cookie(request, name), ttl) {
                    (Some(hash), _) => Some(hash),
                    (None, None) => None,
                    (None, Some(ttl)) => {
                        let value = new_cookie(remote, local);
                        all.set_cookies.push(set_cookie(name, &value, *ttl, path, attributes));
                        Some(xx_hash_64(value.as_bytes(), 0))
                    }
                },
            };
            if let Some(found) = found {
                all.hash = Some(all.hash.map_or(0, |before| before.rotate_left(1)) ^ found);
            }
        }
        all
    }
}

/// The hash of a client's address (`source_ip`).
pub fn source_ip(address: IpAddr) -> u64 {
    xx_hash_64(address.to_string().as_bytes(), 0)
}

/// All values of a header, in the order of their bytes, so that their order in the request does not matter. The hash of
/// each is the seed of the next.
fn header(request: &impl RequestView, name: &str) -> Option<u64> {
    match name {
        ":method" => return Some(xx_hash_64(request.method(), 0)),
        ":path" => return Some(xx_hash_64(request.path_and_query(), 0)),
        ":scheme" => return Some(xx_hash_64(request.scheme(), 0)),
        ":authority" | "host" => return Some(xx_hash_64(request.authority(), 0)),
        _ => {}
    }
    let (mut count, mut hash) = (0, 0);
    request.any_header(name, &mut |value| {
        count += 1;
        hash = xx_hash_64(value, 0);
        false
    });
    if count < 2 {
        return (count == 1).then_some(hash);
    }
    let mut values = Vec::with_capacity(count);
    request.any_header(name, &mut |value| {
        values.push(value.to_vec());
        false
    });
    if is_joined(name) {
        return Some(xx_hash_64(&values.join(&b','), 0));
    }
    values.sort_unstable();
    Some(values.iter().fold(0, |seed, value| xx_hash_64(value, seed)))
}

/// The hash of a cookie; see [`cookie_value`].
fn cookie(request: &impl RequestView, wanted: &str) -> Option<u64> {
    cookie_value(request, wanted, |value| xx_hash_64(value, 0))
}

/// What `read` makes of the first cookie of this name; `None` when there is none, or it has no value. Quotes around a
/// value are no part of it.
pub(crate) fn cookie_value<T>(request: &impl RequestView, wanted: &str, read: impl Fn(&[u8]) -> T) -> Option<T> {
    let mut found = None;
    request.any_header("cookie", &mut |header| {
        for pair in header.split(|byte| *byte == b';') {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let name = &pair[..equals];
            let start = name.iter().position(|byte| *byte != b' ').unwrap_or(name.len());
            if &name[start..] == wanted.as_bytes() {
                let value = &pair[equals + 1..];
                let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
                found = Some((!value.is_empty()).then(|| read(value)));
                return true;
            }
        }
        false
    });
    found.flatten()
}

/// The value of a new cookie: the same for all requests of one connection that race.
fn new_cookie(remote: SocketAddr, local: SocketAddr) -> String {
    format!("{:016x}", xx_hash_64(format!("{remote}{local}").as_bytes(), 0))
}

/// `name="value"; Max-Age=60; Path=/; HttpOnly`
pub(crate) fn set_cookie(name: &str, value: &str, ttl: Duration, path: &str, attributes: &[(Name, Name)]) -> String {
    let mut text = format!("{name}=\"{value}\"");
    // Writing to a string cannot fail.
    if ttl.as_secs() > 0 {
        let _ = write!(text, "; Max-Age={}", ttl.as_secs());
    }
    if !path.is_empty() {
        let _ = write!(text, "; Path={path}");
    }
    for (name, value) in attributes {
        let _ = if value.is_empty() { write!(text, "; {name}") } else { write!(text, "; {name}={value}") };
    }
    text.push_str("; HttpOnly");
    text
}
