//! Role-based access control: who may do what (Envoy's `envoy.filters.http.rbac` and `envoy.filters.network.rbac`).
//!
//! [`Rbac::decide`] judges one request, or one connection that is not HTTP, as a [`View`] shows it. It allocates
//! nothing, unless a repeated header has to be joined.

mod evaluate;
mod template;

#[cfg(test)]
mod tests;

pub use evaluate::{Decision, DenialDetails, NoRequest, Verdicts, View};
pub use template::{PathTemplate, PathTemplateError};

use crate::Name;
use crate::port_match::PortMatch;
use crate::route::HeaderMatch;
use crate::string_match::StringMatch;
use ipnet::IpNet;

/// What becomes of what a policy matches, and of what none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// What matches may pass, everything else is denied.
    Allow,
    /// What matches is denied, everything else may pass.
    Deny,
    /// Everything passes; what matches is noted (`AUDIT`).
    Log,
}

/// One filter: rules that count, and rules that are only tried.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rbac {
    /// What is enforced; `None`: nothing.
    pub rules: Option<Rules>,
    /// What is only counted (`istio.io/dry-run`); `None`: nothing.
    pub shadow_rules: Option<Rules>,
    /// Prefix of the counters of connections that are not HTTP (`tcp.`); those of requests have their connection
    /// manager's.
    pub stat_prefix: Name,
    /// Comes after the prefix in the names of the shadow rules' counters (`istio_dry_run_deny_`).
    pub shadow_rules_stat_prefix: Name,
}

/// Policies and what they do.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// See [`Effect`].
    pub effect: Effect,
    /// Sorted by name, and asked in this order. None at all under [`Effect::Allow`] denies everything.
    pub policies: Vec<Policy>,
}

impl Rules {
    /// Rules of `policies`, which are put in the order of their names.
    pub fn new(effect: Effect, mut policies: Vec<Policy>) -> Self {
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        Self { effect, policies }
    }
}

/// A policy matches when one of its permissions and one of its principals do.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`; told in the response code details.
    pub name: Name,
    /// What is done.
    pub permissions: Vec<Permission>,
    /// Who does it.
    pub principals: Vec<Principal>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Permission {
    /// Anything.
    Any,
    /// All of these.
    And(Vec<Permission>),
    /// One of these.
    Or(Vec<Permission>),
    /// Not this.
    Not(Box<Permission>),
    /// A request's header, `:method` among them. Never met by a connection that is not HTTP.
    Header(HeaderMatch),
    /// The `:authority` as it was sent, compared without case. Never met by a connection that is not HTTP.
    Host(StringMatch),
    /// The path without query, in canonical form. Never met by a connection that is not HTTP.
    Path(PathMatch),
    /// The destination's address.
    DestinationIp(IpNet),
    /// The destination's port.
    DestinationPort(PortMatch),
    /// The server name of the ClientHello, compared without case; without one, it is empty.
    ServerName(StringMatch),
    /// See [`MetadataMatch`].
    Metadata(MetadataMatch),
}

/// A path in a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum PathMatch {
    /// Compared as text.
    Text(StringMatch),
    /// Segments with wildcards (Envoy's `uri_template`).
    Template(PathTemplate),
}

/// Who does it.
#[derive(Debug, Clone, PartialEq)]
pub enum Principal {
    /// Anyone.
    Any,
    /// All of these.
    And(Vec<Principal>),
    /// One of these.
    Or(Vec<Principal>),
    /// Not this.
    Not(Box<Principal>),
    /// A name of the verified client certificate (`spiffe://...`); without one, never met.
    Authenticated(StringMatch),
    /// The peer's address (`direct_remote_ip`).
    DirectRemoteIp(IpNet),
    /// The client's address as trusted headers tell it (`remote_ip`).
    RemoteIp(IpNet),
    /// A request's header. Never met by a connection that is not HTTP.
    Header(HeaderMatch),
    /// See [`MetadataMatch`].
    Metadata(MetadataMatch),
}

/// What another filter has noted about a request, such as the claims of its token. Never met: no filter that notes
/// anything is there yet.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataMatch {
    /// Name of the filter (`envoy.filters.http.jwt_authn`).
    pub filter: Name,
    /// Keys from the outside in.
    pub path: Vec<Name>,
    /// The value.
    pub value: ValueMatch,
}

/// A value that another filter has noted.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueMatch {
    /// A text.
    Text(StringMatch),
    /// A list with such a member.
    OneOf(Box<ValueMatch>),
    /// One of these.
    Or(Vec<ValueMatch>),
}
