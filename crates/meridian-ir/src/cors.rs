//! Cross-origin resource sharing (the Fetch standard, as Envoy's CORS filter answers it).

use crate::Name;
use crate::string_match::StringMatch;

/// The policy of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins that may; compared with their case.
    pub allow_origins: Vec<StringMatch>,
    /// `access-control-allow-methods`, joined by bare commas.
    pub allow_methods: Option<Name>,
    /// `access-control-allow-headers`
    pub allow_headers: Option<Name>,
    /// `access-control-expose-headers`
    pub expose_headers: Option<Name>,
    /// `access-control-max-age`, in seconds.
    pub max_age: Option<Name>,
    /// `access-control-allow-credentials: true`
    pub allow_credentials: bool,
    /// Preflight requests of other origins go to the upstream (`FORWARD`, the default); otherwise they are answered
    /// with an empty 200.
    pub forward_unmatched_preflights: bool,
}
