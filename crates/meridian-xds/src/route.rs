//! `envoy.config.route.v3.Route`: match and action.

mod action;
mod matcher;

use crate::header;
use crate::json::Message;
use crate::metadata;
use meridian_ir::route::PathMatch;
use meridian_ir::{Action, Route};
use serde_json::{Value, json};

/// A route; `port` is that of its virtual host.
#[must_use]
pub fn route(route: &Route, port: &str) -> Value {
    let message = Message::default().set_used("name", &*route.name).set("match", matcher::route_match(&route.matcher));
    let message = match &route.action {
        Action::Forward(forward) => message.set("route", action::forward(forward)),
        Action::Redirect(redirect) => message.set("redirect", action::redirect(redirect)),
        Action::Direct(direct) => message.set("directResponse", action::direct(direct)),
    };
    message
        .set_some("metadata", route.origin.as_ref().map(metadata::of))
        .set("decorator", json!({"operation": operation(route, port)}))
        .merge(header::edits(&route.request_headers, &route.response_headers))
        .into()
}

/// What traces call the route: `host:port/path*`, with the VirtualService's name where there are several hosts.
fn operation(route: &Route, port: &str) -> String {
    let path = match &route.matcher.path {
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Prefix(prefix) => format!("{prefix}*"),
        PathMatch::Regex(regex) => regex.pattern().to_string(),
        PathMatch::PathSeparatedPrefix(_) => "/*".to_owned(),
    };
    if let Action::Forward(forward) = &route.action
        && let [only] = &forward.clusters[..]
    {
        let mut fields = only.cluster.splitn(4, '|').skip(1);
        if let (Some(port), Some(_), Some(host)) = (fields.next(), fields.next(), fields.next()) {
            return format!("{host}:{port}{path}");
        }
    }
    let name = route.origin.as_ref().map_or("", |origin| &origin.name);
    format!("{name}:{port}{path}")
}

#[cfg(test)]
pub(crate) mod tests;
