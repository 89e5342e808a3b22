//! `envoy.config.route.v3.Route`

use crate::answer_action::{direct_response_action, read_direct_response, read_redirect, redirect_action};
use crate::header_value_option::{edits, read_edits};
use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::route_action::{self, route_action};
use crate::route_match::{self, route_match};
use crate::{cors, ext_authz, fault, metadata, stateful_session};
use meridian_ir::cors::Cors;
use meridian_ir::fault::Fault;
use meridian_ir::route::PathMatch;
use meridian_ir::{Action, ExtAuthz, Route, SessionPersistence};
use serde_json::{Value, json};
use std::sync::Arc;

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
        .with_some("typedPerFilterConfig", per_filter(route))
        .with_some("metadata", metadata::of_route(route))
        .with_some("decorator", operation.map(|operation| json!({"operation": operation})))
        .into()
}

fn per_filter(route: &Route) -> Option<Message> {
    let session = match &route.action {
        Action::Forward(forward) => forward.session.as_deref(),
        Action::Redirect(_) | Action::Direct(_) => None,
    };
    let has_any = route.fault.is_some() || route.cors.is_some() || route.ext_authz.is_some() || session.is_some();
    has_any.then(|| {
        Message::new()
            .with_some(fault::FILTER, route.fault.as_deref().map(fault::fault))
            .with_some(cors::FILTER, route.cors.as_deref().map(cors::cors))
            .with_some(ext_authz::FILTER, route.ext_authz.as_deref().map(ext_authz::ext_authz))
            .with_some(stateful_session::FILTER, session.map(stateful_session::session))
    })
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

/// One route of the virtual host of that name.
pub(crate) fn read(node: &Node<'_>, virtual_host: &str) -> Result<Route, ReadError> {
    node.message(|fields| {
        let matcher = route_match::read(&fields.need("match")?)?;
        let mut action = read_action(fields, &matcher.path)?;
        let (request_headers, response_headers) = read_edits(fields)?;
        let PerFilter { fault, cors, mut ext_authz, session } =
            fields.some("typedPerFilterConfig", |node| node.message(read_per_filter))?.unwrap_or_default();
        if let Action::Forward(forward) = &mut action {
            forward.session = session.map(Arc::new);
        }
        let route = Route {
            name: fields.name("name")?,
            matcher,
            action,
            request_headers,
            response_headers,
            fault: fault.map(Into::into),
            cors: cors.map(Into::into),
            origin: metadata::read_of_route(fields, ext_authz.as_mut())?,
            ext_authz: ext_authz.map(Into::into),
        };
        if let Some(operation) = operation(&route, virtual_host) {
            fields.known("decorator", &json!({"operation": operation}));
        }
        Ok(route)
    })
}

/// What a route configures of filters.
#[derive(Default)]
struct PerFilter {
    fault: Option<Fault>,
    cors: Option<Cors>,
    ext_authz: Option<ExtAuthz>,
    session: Option<SessionPersistence>,
}

fn read_per_filter(filters: &Fields<'_>) -> Result<PerFilter, ReadError> {
    Ok(PerFilter {
        fault: fault::read(filters)?,
        cors: cors::read(filters)?,
        ext_authz: ext_authz::read(filters)?,
        session: stateful_session::read(filters)?,
    })
}

fn read_action(fields: &Fields<'_>, matched: &PathMatch) -> Result<Action, ReadError> {
    if let Some(forward) = fields.get("route") {
        return Ok(Action::Forward(route_action::read(&forward, matched)?));
    }
    if let Some(redirect) = fields.get("redirect") {
        return Ok(Action::Redirect(read_redirect(&redirect)?));
    }
    match fields.get("directResponse") {
        Some(response) => Ok(Action::Direct(read_direct_response(&response)?)),
        None => Err(fields.error("a route with route, redirect or directResponse")),
    }
}

#[cfg(test)]
mod tests;
