//! Attachment: which listeners a route is served by, and why not by others (GEP-724, `AllowedRoutes`).

use super::GatewayApi;
use super::hostname;
use super::index::{Parent, gateway_of};
use super::listener::Effective;
use super::model::Route;
use super::reference::Problem;
use super::route::RouteKind;
use super::state::GatewayState;
use crate::key::Key;
use meridian_ir::Name;
use meridian_resources::gateway_api::common::ParentReference;

/// What became of one `parentRef` that leads to a Gateway of ours.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The Gateway.
    pub(crate) gateway: Key,
    /// Why no listener serves the route; `None`: at least one does.
    pub(crate) refused: Option<Problem>,
    /// The listeners, by their place in [`GatewayState::listeners`], and the hosts there.
    pub(crate) attached: Vec<(usize, Vec<Name>)>,
}

/// Judges one `parentRef` of a route. `None`: it does not lead to a Gateway of ours.
pub(crate) fn judge(api: &GatewayApi, route: &Route, reference: &ParentReference) -> Option<Verdict> {
    let namespace = &route.meta().namespace;
    let (gateway, set) = match Parent::of(reference, namespace)? {
        Parent::Gateway(key) => (key, None),
        Parent::ListenerSet(key) => (gateway_of(api.listener_sets.get(&key)?)?, Some(key)),
    };
    let state = api.states.get(&gateway)?;
    let (refused, attached) = match attach(api, state, route, reference, set.as_ref()) {
        Ok(attached) => (None, attached),
        Err(problem) => (Some(problem), Vec::new()),
    };
    Some(Verdict { gateway, refused, attached })
}

/// The gates, in their order: the section and port exist; kind, protocol and namespace are allowed; hosts intersect.
fn attach(
    api: &GatewayApi,
    state: &GatewayState,
    route: &Route,
    reference: &ParentReference,
    set: Option<&Key>,
) -> Result<Vec<(usize, Vec<Name>)>, Problem> {
    let known = match set {
        None => 0..state.own,
        Some(set) => match state.set_at.get(set).map(|at| &state.sets[*at]).filter(|known| known.allowed) {
            Some(known) => known.listeners.clone(),
            None => {
                let message = format!("the Gateway does not allow ListenerSet {set}; see its spec.allowedListeners");
                return Err(Problem::new("NotAllowedByListeners", message));
            }
        },
    };
    let of_parent = || known.clone().map(|at| (at, &state.listeners[at]));
    let named = |listener: &Effective| {
        reference.section_name.as_deref().is_none_or(|name| *name == *listener.name)
            && reference.port.is_none_or(|port| port == i32::from(listener.port))
    };
    let candidates: Vec<(usize, &Effective)> = of_parent().filter(|(_, listener)| named(listener)).collect();
    if candidates.is_empty() {
        let known = of_parent().map(|(_, listener)| format!("{} (port {})", listener.name, listener.port));
        let message =
            format!("no listener has {}; there is {}", wanted(reference), known.collect::<Vec<_>>().join(", "));
        return Err(Problem::new("NoMatchingParent", message));
    }
    let gates: Vec<(usize, &Effective, Option<String>)> =
        (candidates.iter()).map(|(at, listener)| (*at, *listener, not_allowed(api, listener, route))).collect();
    if gates.iter().all(|(_, _, obstacle)| obstacle.is_some()) {
        let obstacles = gates.iter().filter_map(|(_, listener, obstacle)| {
            obstacle.as_ref().map(|obstacle| format!("listener {}: {obstacle}", listener.name))
        });
        return Err(Problem::new("NotAllowedByListeners", few(obstacles)));
    }
    let allowed = gates.iter().filter(|(_, _, obstacle)| obstacle.is_none());
    let has_hosts = matches!(route.kind(), RouteKind::Http | RouteKind::Grpc | RouteKind::Tls);
    let attached: Vec<(usize, Vec<Name>)> = (allowed.clone())
        .filter_map(|(at, listener, _)| match has_hosts {
            true => Some((*at, hostname::intersection(listener.hostname.as_ref(), route.hostnames())?)),
            false => Some((*at, Vec::new())),
        })
        .collect();
    if attached.is_empty() {
        let hosts = allowed.map(|(_, listener, _)| {
            format!("listener {} has {}", listener.name, listener.hostname.as_deref().unwrap_or("all"))
        });
        let message = format!("spec.hostnames: {} are no hosts of any: {}", route.hostnames().join(", "), few(hosts));
        return Err(Problem::new("NoMatchingListenerHostname", message));
    }
    Ok(attached)
}

/// What a `parentRef` asks for.
fn wanted(reference: &ParentReference) -> String {
    match (&reference.section_name, reference.port) {
        (Some(name), Some(port)) => format!("name {name} and port {port}"),
        (Some(name), None) => format!("name {name}"),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => "any name".to_owned(),
    }
}

/// Why a listener does not let a route in, whatever its hosts.
fn not_allowed(api: &GatewayApi, listener: &Effective, route: &Route) -> Option<String> {
    if let Some(conflict) = &listener.conflict {
        return Some(format!("is in conflict: {}", conflict.message));
    }
    if !listener.kinds.contains(&route.kind()) {
        let kinds: Vec<&str> = listener.kinds.iter().map(|kind| kind.name()).collect();
        let kinds = if kinds.is_empty() { "no routes at all".to_owned() } else { kinds.join(" and ") };
        return Some(format!("takes {kinds}, not {}", route.kind().name()));
    }
    let namespace = &route.meta().namespace;
    if !listener.allows_namespace(api, namespace) {
        let from = listener.namespaces.from;
        return Some(format!("takes no routes of namespace {namespace} (allowedRoutes.namespaces.from: {from:?})"));
    }
    None
}

/// The first few of many lines; more would not be read.
fn few(lines: impl Iterator<Item = String>) -> String {
    const MOST: usize = 8;
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("; ")
}
