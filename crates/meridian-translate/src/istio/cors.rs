//! Cross-origin policies of HTTP rules (`http[].corsPolicy`).

use crate::condition::{Finding, Topic};
use crate::pool::Pool;
use meridian_ir::cors::Cors;
use meridian_ir::{Name, StringMatch};
use meridian_resources::istio;
use meridian_resources::istio::virtual_service::{CorsPolicy, UnmatchedPreflights};
use std::sync::Arc;

/// The policy of the rule at `path`. The deprecated `allowOrigin` counts where there is no `allowOrigins`.
pub(crate) fn compile(policy: &CorsPolicy, path: &str, pool: &mut Pool, refused: &mut Vec<Finding>) -> Arc<Cors> {
    let path = format!("{path}.corsPolicy");
    let mut allow_origins = Vec::new();
    if policy.allow_origins.is_empty() {
        allow_origins.extend(policy.allow_origin.iter().map(|origin| StringMatch::Exact(pool.name(origin))));
    }
    for (index, origin) in policy.allow_origins.iter().enumerate() {
        match origin {
            istio::StringMatch::Present => {}
            istio::StringMatch::Exact(whole) => allow_origins.push(StringMatch::Exact(pool.name(whole))),
            istio::StringMatch::Prefix(prefix) => allow_origins.push(StringMatch::Prefix(pool.name(prefix))),
            istio::StringMatch::Regex(pattern) => match pool.regex(pattern) {
                Ok(regex) => allow_origins.push(StringMatch::Regex(regex)),
                Err(error) => {
                    let message = format!("is not a regular expression in RE2 syntax: {error}");
                    let path = format!("{path}.allowOrigins[{index}].regex");
                    refused.push(Finding::at(Topic::Unsupported, &path, message));
                }
            },
        }
    }
    Arc::new(Cors {
        allow_origins,
        allow_methods: joined(&policy.allow_methods),
        allow_headers: joined(&policy.allow_headers),
        expose_headers: joined(&policy.expose_headers),
        max_age: policy.max_age.map(|age| age.to_std().as_secs().to_string().into()),
        allow_credentials: policy.allow_credentials == Some(true),
        forward_unmatched_preflights: policy.unmatched_preflights != UnmatchedPreflights::Ignore,
    })
}

fn joined(values: &[String]) -> Option<Name> {
    (!values.is_empty()).then(|| values.join(",").into())
}
