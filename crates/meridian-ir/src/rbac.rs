//! Role-based access control: who may do what (Envoy's `envoy.filters.http.rbac` and `envoy.filters.network.rbac`).

use crate::Name;
use crate::port_match::PortMatch;
use crate::route::HeaderMatch;
use crate::string_match::StringMatch;
use ipnet::IpNet;

/// What a filter does when one of its policies matches, and when none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// What matches may pass, everything else is denied.
    Allow,
    /// What matches is denied, everything else may pass.
    Deny,
    /// Everything passes; what matches is noted (`AUDIT`).
    Log,
}

/// One filter: policies that are asked in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Rbac {
    /// See [`Effect`].
    pub effect: Effect,
    /// By name, sorted: `ns[default]-policy[deny]-rule[1]`. None at all under [`Effect::Allow`] denies everything.
    pub policies: Vec<Policy>,
    /// Prefix of its counters (`http.inbound_0.0.0.0_8000.rbac.`); empty for Envoy's own.
    pub stat_prefix: Name,
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
    /// A request's header, `:authority` and `:method` among them. Never met by a connection that is not HTTP.
    Header(HeaderMatch),
    /// The path without query, in canonical form.
    Path(PathMatch),
    /// The destination's address.
    DestinationIp(IpNet),
    /// The destination's port.
    DestinationPort(PortMatch),
    /// The server name of the ClientHello.
    ServerName(StringMatch),
}

/// A path in a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum PathMatch {
    /// Compared as text.
    Text(StringMatch),
    /// Segments with `{*}` for one and `{**}` for any number of them (Envoy's `uri_template`).
    Template(Name),
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
    /// A request's header.
    Header(HeaderMatch),
    /// Metadata that an authentication filter has set; never met while there is none.
    Metadata {
        /// Name of the filter, `istio_authn`.
        filter: Name,
        /// Keys from the outside in.
        path: Vec<Name>,
        /// The value.
        value: StringMatch,
    },
}
