//! The model of a proxy's work and the pure decisions over it.
//!
//! [`ProxyConfig`] says everything that one proxy must do: listeners with their filter chains, route configurations,
//! clusters, endpoints and secrets, under Envoy's and Istio's names. It is immutable and validated when it is made: a
//! regular expression in it compiles, an address in it parses. The control plane writes it, the data plane runs it, and
//! everything that is shown to a user (config dumps, `proxy-config`, statuses) is computed from it.
//!
//! The decisions - which filter chain, which virtual host, which route, which cluster, which endpoint, which headers -
//! are functions of these values, without sockets or clocks.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod authority;
pub mod balance;
pub mod cipher_suites;
pub mod cluster;
pub mod cors;
pub mod dynamic_forward;
pub mod endpoint;
pub mod ext_authz;
pub mod fault;
pub mod filter_chain;
pub mod format;
pub mod fraction;
pub mod hash_policy;
pub mod header_edit;
pub mod http;
pub mod listener;
pub mod name_table;
pub mod origin;
pub mod outlier;
pub mod paged;
pub mod path_rewrite;
pub mod port_match;
pub mod proxy;
pub mod rbac;
pub mod redirect;
pub mod request;
mod retry_on;
pub mod route;
pub mod route_config;
pub mod route_index;
mod route_match;
pub mod secret;
pub mod session;
pub mod string_match;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod virtual_host;

use std::sync::Arc;

/// A name that is shared rather than copied: clusters, routes, hosts, header names.
pub type Name = Arc<str>;

pub use access_log::AccessLog;
pub use authority::Authority;
pub use cluster::Cluster;
pub use endpoint::{Endpoint, Endpoints};
pub use ext_authz::ExtAuthz;
pub use filter_chain::{ChainMatch, FilterChain, Filters};
pub use header_edit::HeaderEdits;
pub use http::HttpConnectionManager;
pub use listener::Listener;
pub use origin::Origin;
pub use paged::Paged;
pub use port_match::PortMatch;
pub use proxy::ProxyConfig;
pub use rbac::Rbac;
pub use request::RequestView;
pub use route::{Action, Route, RouteMatch};
pub use route_config::RouteConfig;
pub use secret::Secret;
pub use session::SessionPersistence;
pub use string_match::StringMatch;
pub use tcp::TcpProxy;
pub use udp::UdpProxy;
pub use virtual_host::VirtualHost;
