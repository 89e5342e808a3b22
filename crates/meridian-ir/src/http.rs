//! The HTTP connection manager of a filter chain: how HTTP is spoken to its clients.

use crate::{AccessLog, Name, Rbac, RouteConfig};
use std::sync::Arc;
use std::time::Duration;

/// Where a connection manager finds its routes.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteSource {
    /// [`crate::ProxyConfig::routes`] by name; replaced without touching connections.
    Named(Name),
    /// Fixed in the chain.
    Inline(Arc<RouteConfig>),
}

/// How request paths are made canonical before they are matched and forwarded (`meshConfig.pathNormalization`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathNormalization {
    /// As they came.
    None,
    /// RFC 3986: dot segments, unreserved escapes; backslash becomes slash. Istio's default.
    Base,
    /// `Base`, and adjacent slashes become one.
    MergeSlashes,
    /// `MergeSlashes`, after `%2F`, `%5C` and their lowercase forms became slashes.
    DecodeAndMergeSlashes,
}

/// What becomes of the `server` header of responses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerHeader {
    /// Always this value (`istio-envoy` at gateways).
    Overwrite(Name),
    /// As the upstream sent it.
    PassThrough,
}

/// What becomes of `x-forwarded-client-cert` (Envoy's `forward_client_cert_details`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ClientCertHeader {
    /// Taken out.
    #[default]
    Sanitize,
    /// Passed on when the connection is mTLS, else taken out.
    ForwardOnly,
    /// Extended when the connection is mTLS.
    AppendForward,
    /// Written anew when the connection is mTLS, else taken out. Istio's default at gateways.
    SanitizeSet,
    /// Passed on always.
    AlwaysForwardOnly,
}

/// What `x-forwarded-client-cert` tells of the client's certificate beside its `Hash` and `By`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ClientCertDetails {
    /// `Subject="..."`
    pub subject: bool,
    /// `Cert="..."`, URL-encoded PEM.
    pub cert: bool,
    /// `Chain="..."`
    pub chain: bool,
    /// `DNS=...`, one for each.
    pub dns: bool,
    /// `URI=...`
    pub uri: bool,
}

/// Filters that do what routes tell them, and that are only there where routes may. The data plane has no need of this;
/// an Envoy that is driven by it refuses routes that configure filters which its listener does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RouteFilters {
    /// Routes may have [`crate::route::Forward::session`].
    pub session: bool,
    /// Routes may have [`crate::Route::ext_authz`].
    pub ext_authz: bool,
}

impl RouteFilters {
    /// Routes may have everything.
    pub const ALL: Self = Self { session: true, ext_authz: true };
}

/// `envoy.filters.network.http_connection_manager`, as Istio configures it.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConnectionManager {
    /// Prefix of its counters; the listener's name at gateways (`outbound_0.0.0.0_8080`).
    pub stat_prefix: Name,
    /// See [`RouteSource`].
    pub routes: RouteSource,
    /// See [`ServerHeader`].
    pub server_header: ServerHeader,
    /// The client's address is the connection's (an edge); client-set trust headers are replaced.
    pub use_remote_address: bool,
    /// How many proxies in front of this one are trusted to have extended `x-forwarded-for`.
    pub xff_num_trusted_hops: u32,
    /// See [`PathNormalization`].
    pub path_normalization: PathNormalization,
    /// See [`ClientCertHeader`].
    pub client_cert_header: ClientCertHeader,
    /// See [`ClientCertDetails`]; empty for connections without a certificate.
    pub client_cert_details: ClientCertDetails,
    /// `Upgrade` protocols that are passed on; lowercase (`websocket`).
    pub upgrades: Vec<Name>,
    /// Whether HTTP/1.0 requests are served (`PILOT_HTTP10`); otherwise 426.
    pub accept_http_10: bool,
    /// A stream without activity for so long is ended; zero: never (Istio's default).
    pub stream_idle_timeout: Duration,
    /// How long a client may take to send a request head.
    pub request_headers_timeout: Duration,
    /// A connection without requests for so long is closed (Envoy's default: 1 hour).
    pub idle_timeout: Duration,
    /// Who may do what, asked in order before a request is routed ([`crate::rbac`]).
    pub rbac: Vec<Arc<Rbac>>,
    /// See [`RouteFilters`].
    pub route_filters: RouteFilters,
    /// Logs of its requests.
    pub access_log: Vec<AccessLog>,
}

impl Default for HttpConnectionManager {
    /// A manager as a gateway of Istio has it, with routes called nothing yet and without logs.
    fn default() -> Self {
        Self {
            stat_prefix: Name::from(""),
            routes: RouteSource::Named(Name::from("")),
            server_header: ServerHeader::Overwrite(Name::from("istio-envoy")),
            use_remote_address: true,
            xff_num_trusted_hops: 0,
            path_normalization: PathNormalization::Base,
            client_cert_header: ClientCertHeader::Sanitize,
            client_cert_details: ClientCertDetails::default(),
            upgrades: vec![Name::from("websocket")],
            accept_http_10: false,
            stream_idle_timeout: Duration::ZERO,
            request_headers_timeout: Duration::ZERO,
            idle_timeout: Duration::from_secs(3600),
            rbac: Vec::new(),
            route_filters: RouteFilters::default(),
            access_log: Vec::new(),
        }
    }
}
