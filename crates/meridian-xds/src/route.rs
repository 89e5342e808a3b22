//! `envoy.config.route.v3.Route`

use crate::header_value_option::edits;
use crate::message::Message;
use crate::metadata;
use crate::route_action::{direct_response_action, redirect_action, route_action};
use crate::route_match::route_match;
use meridian_ir::route::PathMatch;
use meridian_ir::{Action, Route};
use serde_json::{Value, json};

/// One route of the virtual host of that name.
pub fn route(route: &Route, virtual_host: &str) -> Value {
    let message = Message::new().with_text("name", &route.name).with("match", route_match(&route.matcher));
    let message = match &route.action {
        Action::Forward(forward) => message.with("route", route_action(forward, &route.matcher.path)),
        Action::Redirect(redirect) => message.with("redirect", redirect_action(redirect)),
        Action::Direct(response) => message.with("directResponse", direct_response_action(response)),
    };
    let operation = operation(route, virtual_host);
    edits(message, &route.request_headers, &route.response_headers)
        .with_some("metadata", metadata::of_origin(route.origin.as_ref()))
        .with_some("decorator", operation.map(|operation| json!({"operation": operation})))
        .into()
}

/// What Istio calls a route in traces: `host:port/path*` of its destination, or, where there is not one, the name of
/// the VirtualService in the place of the host.
fn operation(route: &Route, virtual_host: &str) -> Option<String> {
    let path = match &route.matcher.path {
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Prefix(prefix) => format!("{prefix}*"),
        PathMatch::PathSeparatedPrefix(_) => "/*".to_owned(),
        PathMatch::Regex(regex) => regex.pattern().to_string(),
    };
    if let Action::Forward(forward) = &route.action
        && let [only] = &forward.clusters[..]
        && let [_, port, _, host] = only.cluster.splitn(4, '|').collect::<Vec<_>>()[..]
    {
        return Some(format!("{host}:{port}{path}"));
    }
    let (_, port) = virtual_host.rsplit_once(':')?;
    Some(format!("{}:{port}{path}", route.origin.as_ref()?.name))
}

#[cfg(test)]
mod tests;
