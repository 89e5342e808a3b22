//! `envoy.extensions.filters.http.cors.v3.CorsPolicy`

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::string_matcher::{self, string_matcher};
use crate::type_url;
use meridian_ir::cors::Cors;
use serde_json::{Value, json};

/// Name of the filter, and key of its configuration in a route.
pub(crate) const FILTER: &str = "envoy.filters.http.cors";

/// The policy of a route.
pub(crate) fn cors(cors: &Cors) -> Value {
    Message::any(type_url::CORS_POLICY)
        .with_list("allowOriginStringMatch", cors.allow_origins.iter().map(string_matcher))
        .with_some("allowMethods", cors.allow_methods.as_deref())
        .with_some("allowHeaders", cors.allow_headers.as_deref())
        .with_some("exposeHeaders", cors.expose_headers.as_deref())
        .with_some("maxAge", cors.max_age.as_deref())
        .with_flag("allowCredentials", cors.allow_credentials)
        .with("filterEnabled", enabled())
        .with_some("forwardNotMatchingPreflights", (!cors.forward_unmatched_preflights).then_some(false))
        .into()
}

/// For every request.
fn enabled() -> Value {
    json!({"defaultValue": {"numerator": 100}})
}

/// Reads the policy that a route has in its `typedPerFilterConfig`.
pub(crate) fn read(per_filter: &Fields<'_>) -> Result<Option<Cors>, ReadError> {
    if per_filter.get(FILTER).is_none() {
        return Ok(None);
    }
    per_filter.any(FILTER, type_url::CORS_POLICY)?.message(|fields| {
        fields.known("filterEnabled", &enabled());
        Ok(Some(Cors {
            allow_origins: fields.each("allowOriginStringMatch", string_matcher::read)?,
            allow_methods: fields.some_name("allowMethods")?,
            allow_headers: fields.some_name("allowHeaders")?,
            expose_headers: fields.some_name("exposeHeaders")?,
            max_age: fields.some_name("maxAge")?,
            allow_credentials: fields.flag("allowCredentials")?,
            forward_unmatched_preflights: fields.some("forwardNotMatchingPreflights", Node::flag)?.unwrap_or(true),
        }))
    })
}
