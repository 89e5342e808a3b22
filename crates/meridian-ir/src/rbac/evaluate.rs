//! Judging a request or a connection.

use super::{Effect, PathMatch, Permission, Policy, Principal, Rbac, Rules};
use crate::Name;
use crate::request::{RequestView, path_of};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What access control sees of a connection, and of a request on it.
pub trait View {
    /// How requests look; [`NoRequest`] where there are none.
    type Request: RequestView;

    /// The request; `None` for a connection that is not HTTP.
    fn request(&self) -> Option<&Self::Request>;
    /// The address of the peer that is connected.
    fn direct_remote_ip(&self) -> IpAddr;
    /// The client's address, as trusted headers or the PROXY protocol tell it; otherwise the peer's.
    fn remote_ip(&self) -> IpAddr;
    /// Where the client wanted to go: the original destination, or the address that it is connected to.
    fn destination(&self) -> SocketAddr;
    /// The server name of the ClientHello; empty without one.
    fn server_name(&self) -> &str;
    /// Calls `test` with each name of the verified client certificate - URIs, DNS names, then the subject - until it
    /// returns true; whether it did.
    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// The request of connections that are not HTTP: there is none.
#[derive(Debug, Clone, Copy)]
pub enum NoRequest {}

impl RequestView for NoRequest {
    fn method(&self) -> &[u8] {
        match *self {}
    }
    fn path_and_query(&self) -> &[u8] {
        match *self {}
    }
    fn authority(&self) -> &[u8] {
        match *self {}
    }
    fn scheme(&self) -> &[u8] {
        match *self {}
    }
    fn any_header(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match *self {}
    }
}

/// What rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'r> {
    /// Whether the request or connection may go on.
    pub allowed: bool,
    /// The first policy that matched.
    pub policy: Option<&'r Name>,
}

/// What the rules of a filter say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts<'r> {
    /// Of the rules that count; `None` without any.
    pub enforced: Option<Decision<'r>>,
    /// Of the rules that are only tried; `None` without any.
    pub shadow: Option<Decision<'r>>,
}

/// What the response code details, or the connection's termination details, say about a denial by a policy: its name,
/// or `none` when no policy allows what is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialDetails<'p>(pub Option<&'p str>);

impl fmt::Display for DenialDetails<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rbac_access_denied_matched_policy[")?;
        // A log line's columns are told apart by spaces.
        for (index, part) in self.0.unwrap_or("none").split(|c: char| c.is_ascii_whitespace()).enumerate() {
            f.write_str(if index == 0 { "" } else { "_" })?;
            f.write_str(part)?;
        }
        f.write_str("]")
    }
}

impl Rbac {
    /// What the rules say about what `view` shows.
    pub fn decide<V: View>(&self, view: &V) -> Verdicts<'_> {
        Verdicts {
            enforced: self.rules.as_ref().map(|rules| rules.decide(view)),
            shadow: self.shadow_rules.as_ref().map(|rules| rules.decide(view)),
        }
    }
}

impl Rules {
    /// What these rules say about what `view` shows. The first policy that matches decides.
    pub fn decide<V: View>(&self, view: &V) -> Decision<'_> {
        let policy = self.policies.iter().find(|policy| policy.matches(view)).map(|policy| &policy.name);
        let allowed = match self.effect {
            Effect::Allow => policy.is_some(),
            Effect::Deny => policy.is_none(),
            Effect::Log => true,
        };
        Decision { allowed, policy }
    }
}

impl Policy {
    /// Whether one of the permissions and one of the principals match.
    pub fn matches<V: View>(&self, view: &V) -> bool {
        self.permissions.iter().any(|permission| permission.matches(view))
            && self.principals.iter().any(|principal| principal.matches(view))
    }
}

impl Permission {
    fn matches<V: View>(&self, view: &V) -> bool {
        match self {
            Self::Any => true,
            Self::And(all) => all.iter().all(|permission| permission.matches(view)),
            Self::Or(some) => some.iter().any(|permission| permission.matches(view)),
            Self::Not(permission) => !permission.matches(view),
            Self::Header(header) => view.request().is_some_and(|request| header.matches(request)),
            Self::Host(host) => view.request().is_some_and(|request| host.is_match_ignoring_case(request.authority())),
            Self::Path(path) => view.request().is_some_and(|request| path.matches(path_of(request.path_and_query()))),
            Self::DestinationIp(range) => contains(range, view.destination().ip()),
            Self::DestinationPort(ports) => ports.contains(view.destination().port()),
            Self::ServerName(name) => name.is_match_ignoring_case(view.server_name().as_bytes()),
            // No filter notes any.
            Self::Metadata(_) => false,
        }
    }
}

impl PathMatch {
    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.is_match(path),
            Self::Template(template) => template.is_match(path),
        }
    }
}

impl Principal {
    fn matches<V: View>(&self, view: &V) -> bool {
        match self {
            Self::Any => true,
            Self::And(all) => all.iter().all(|principal| principal.matches(view)),
            Self::Or(some) => some.iter().any(|principal| principal.matches(view)),
            Self::Not(principal) => !principal.matches(view),
            Self::Authenticated(name) => view.any_peer_name(&mut |peer| name.is_match(peer)),
            Self::DirectRemoteIp(range) => contains(range, view.direct_remote_ip()),
            Self::RemoteIp(range) => contains(range, view.remote_ip()),
            Self::Header(header) => view.request().is_some_and(|request| header.matches(request)),
            // No filter notes any.
            Self::Metadata(_) => false,
        }
    }
}

/// Whether a range holds an address. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`), as a socket for both
/// families shows it, is the IPv4 address; and a range that is written so is one of IPv4 addresses.
fn contains(range: &IpNet, address: IpAddr) -> bool {
    match (range, address.to_canonical()) {
        (IpNet::V6(range), IpAddr::V4(address)) => {
            range.addr().to_ipv4_mapped().is_some()
                && range.prefix_len() >= 96
                && range.contains(&address.to_ipv6_mapped())
        }
        (range, address) => range.contains(&address),
    }
}
