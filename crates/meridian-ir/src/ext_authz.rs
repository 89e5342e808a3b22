//! External authorization: another service is asked whether a request may pass (Envoy's `ext_authz` filter).

use crate::Name;
use crate::string_match::StringMatch;
use std::time::Duration;

/// Whom to ask, and what to tell. A request that may not pass is answered as the service says; where the service cannot
/// be asked, with [`ExtAuthz::status_on_error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtAuthz {
    /// See [`AuthzService`].
    pub service: AuthzService,
    /// How long the service may take (Envoy: 200 ms).
    pub timeout: Duration,
    /// Names of request headers that the service is told, without regard to case. Empty: all for gRPC, none for HTTP.
    /// HTTP services are always told method, path, `host`, `content-length` and `authorization`.
    pub allowed_headers: Vec<StringMatch>,
    /// Bytes of the request's body that the service is sent: longer bodies are cut off there, and the whole of them
    /// still goes to the endpoint. Zero: none.
    pub max_body_bytes: u32,
    /// Requests pass when the service cannot be asked (`failure_mode_allow`). Otherwise they are refused.
    pub failure_mode_allow: bool,
    /// The status of a request that is refused because the service could not be asked (Envoy: 403).
    pub status_on_error: u16,
}

impl Default for ExtAuthz {
    /// A service over HTTP without a name yet, with Envoy's limits; fails closed.
    fn default() -> Self {
        Self {
            service: AuthzService::Http(HttpAuthz::default()),
            timeout: Self::TIMEOUT,
            allowed_headers: Vec::new(),
            max_body_bytes: 0,
            failure_mode_allow: false,
            status_on_error: 403,
        }
    }
}

impl ExtAuthz {
    /// Envoy's limit on the time that the service takes.
    pub const TIMEOUT: Duration = Duration::from_millis(200);

    /// The cluster of the service.
    pub fn cluster(&self) -> &Name {
        match &self.service {
            AuthzService::Http(http) => &http.cluster,
            AuthzService::Grpc { cluster, .. } => cluster,
        }
    }
}

/// The service that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthzService {
    /// A request with the client's method and path; any status but 200 means that the request may not pass.
    Http(HttpAuthz),
    /// `envoy.service.auth.v3.Authorization/Check`; a status other than OK in the answer means that it may not.
    Grpc {
        /// Cluster name; spoken to in HTTP/2.
        cluster: Name,
        /// The `:authority` of calls; `None`: the name of the cluster.
        authority: Option<Name>,
    },
}

/// A service that speaks HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpAuthz {
    /// Cluster name.
    pub cluster: Name,
    /// `http://<host>:<port>`, for what is shown; requests keep the client's host.
    pub uri: Name,
    /// Put before the client's path; empty: nothing.
    pub path_prefix: Name,
    /// Headers of an answer that lets a request pass which the request is given, replacing its own; `None`: all but
    /// `host` and those of HTTP itself.
    pub allowed_response_headers: Option<Vec<StringMatch>>,
}
