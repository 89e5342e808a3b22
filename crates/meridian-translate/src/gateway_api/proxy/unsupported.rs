//! What of a route cannot be served as it is written. Statuses say it, and the rule answers with an error meanwhile.

use super::matches;
use crate::pool::Pool;
use meridian_resources::gateway_api::filter::{FilterType, HttpRouteFilter};
use meridian_resources::gateway_api::{GrpcRoute, HttpRoute};

/// A rule that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsupported {
    /// Its position.
    pub(crate) rule: usize,
    /// Field, what was found, and what to do.
    pub(crate) message: String,
}

/// The rules of an HTTPRoute that cannot be served, and why.
pub(crate) fn http(route: &HttpRoute, pool: &mut Pool) -> Vec<Unsupported> {
    let mut found = Vec::new();
    for (index, rule) in route.rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        let mut say = |message: String| found.push(Unsupported { rule: index, message });
        for (position, one) in rule.matches.iter().enumerate() {
            if let Err(message) = matches::http(one, pool) {
                say(format!("{path}.matches[{position}].{message}"));
            }
        }
        of_filters(&rule.filters, &path, false, &mut say);
        for (position, backend) in rule.backend_refs.iter().enumerate() {
            of_filters(&backend.filters, &format!("{path}.backendRefs[{position}]"), true, &mut say);
        }
    }
    found
}

/// The rules of a GRPCRoute that cannot be served, and why.
pub(crate) fn grpc(route: &GrpcRoute, pool: &mut Pool) -> Vec<Unsupported> {
    let mut found = Vec::new();
    for (index, rule) in route.rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        let mut say = |message: String| found.push(Unsupported { rule: index, message });
        for (position, one) in rule.matches.iter().enumerate() {
            if let Err(message) = matches::grpc(Some(one), pool) {
                say(format!("{path}.matches[{position}].{message}"));
            }
        }
        of_filters(&rule.filters, &path, false, &mut say);
        for (position, backend) in rule.backend_refs.iter().enumerate() {
            of_filters(&backend.filters, &format!("{path}.backendRefs[{position}]"), true, &mut say);
        }
    }
    found
}

fn of_filters(filters: &[HttpRouteFilter], path: &str, of_backend: bool, say: &mut impl FnMut(String)) {
    for (position, filter) in filters.iter().enumerate() {
        let path = format!("{path}.filters[{position}]");
        match filter.type_ {
            FilterType::RequestHeaderModifier | FilterType::ResponseHeaderModifier => {}
            FilterType::UrlRewrite if of_backend && filter.url_rewrite.as_ref().is_some_and(|f| f.path.is_none()) => {}
            FilterType::ExtensionRef => {
                let named = filter.extension_ref.as_ref();
                let kind = named.map_or(String::new(), |named| format!("{} of {:?}", named.kind, named.group));
                say(format!("{path}.extensionRef: filters of kind {kind} are not supported; remove it"));
            }
            FilterType::RequestMirror
            | FilterType::RequestRedirect
            | FilterType::UrlRewrite
            | FilterType::Cors
            | FilterType::ExternalAuth
                if of_backend =>
            {
                let type_ = filter.type_;
                say(format!("{path}: {type_:?} is supported for whole rules only; move it to the filters of the rule"));
            }
            FilterType::RequestMirror
            | FilterType::RequestRedirect
            | FilterType::UrlRewrite
            | FilterType::Cors
            | FilterType::ExternalAuth => {}
        }
    }
}
