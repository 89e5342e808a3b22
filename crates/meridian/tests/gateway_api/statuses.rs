//! The suite's assertions about statuses.

use crate::meridian::{Meridian, eventually};
use crate::oracle::{Assertion, Case};
use serde_json::Value;

const GATEWAY: &str = "gateways.gateway.networking.k8s.io";

impl Case {
    /// The first Gateway that the case speaks of.
    pub(crate) fn gateway(&self) -> Option<String> {
        let of = |argument: &Value| argument["gateway"]["Name"].as_str().map(str::to_owned);
        self.status_assertions.iter().flat_map(|assertion| &assertion.args).find_map(of)
    }
}

/// Waits until all statuses of a case are as expected.
pub(crate) fn check(meridian: &Meridian, case: &Case) -> Result<(), String> {
    for assertion in &case.status_assertions {
        if assertion.args.iter().any(|argument| argument.to_string().contains("$expr")) {
            continue;
        }
        let expected = || format!("{} {}", assertion.assert, Value::from(assertion.args.clone()));
        eventually(|| holds(meridian, assertion)).map_err(|reason| format!("{}: {reason}", expected()))?;
    }
    Ok(())
}

/// An object by a kind's resource and what the suite calls `NamespacedName`.
fn object(meridian: &Meridian, resource: &str, named: &Value) -> Result<Value, String> {
    let (namespace, name) =
        (named["Namespace"].as_str().unwrap_or_default(), named["Name"].as_str().unwrap_or_default());
    meridian.get(resource, namespace, name).ok_or_else(|| format!("there is no {resource} {namespace}/{name}"))
}

fn holds(meridian: &Meridian, assertion: &Assertion) -> Result<(), String> {
    let args = &assertion.args;
    let resource = match assertion.assert.as_str() {
        name if name.starts_with("HTTPRoute") || name.contains("HTTPRoutes") => "httproutes",
        name if name.starts_with("TLSRoute") || name.contains("TLSRoutes") => "tlsroutes",
        name if name.starts_with("TCPRoute") || name.contains("TCPRoutes") => "tcproutes",
        name if name.starts_with("UDPRoute") || name.contains("UDPRoutes") => "udproutes",
        name if name.starts_with("BackendTLSPolicy") => "backendtlspolicies",
        name if name.starts_with("ListenerSet") => "listenersets",
        _ => GATEWAY,
    };
    match assertion.assert.as_str() {
        "NamespacesMustBeReady" => Ok(()),
        "GatewayAndHTTPRoutesMustBeAccepted"
        | "GatewayAndTLSRoutesMustBeAccepted"
        | "GatewayAndTCPRoutesMustBeAccepted"
        | "GatewayAndUDPRoutesMustBeAccepted" => {
            programmed(&object(meridian, GATEWAY, &args[1]["gateway"])?)?;
            routes(args).try_for_each(|route| accepted(&object(meridian, resource, route)?, &args[1]["gateway"]))
        }
        "GatewayAndRoutesMustBeAccepted" | "RoutesAndParentMustBeAccepted" => {
            let parent = if args[1]["gateway"].is_null() { &args[1]["ref"] } else { &args[1]["gateway"] };
            routes(args).try_for_each(|route| {
                let kinds = ["httproutes", "grpcroutes", "tlsroutes"];
                let found = kinds.iter().find_map(|kind| object(meridian, kind, route).ok());
                accepted(&found.ok_or_else(|| format!("there is no route {route}"))?, parent)
            })
        }
        "GatewayMustHaveLatestConditions" => latest(&object(meridian, GATEWAY, &args[0])?),
        "GatewayMustHaveCondition" | "ListenerSetMustHaveCondition" => {
            has(&object(meridian, resource, &args[0])?["status"]["conditions"], &args[1])
        }
        "GatewayMustHaveAttachedListeners" => {
            let found = object(meridian, GATEWAY, &args[0])?["status"]["attachedListenerSets"].as_i64().unwrap_or(0);
            let expected = args[1].as_i64().unwrap_or(0);
            if found == expected { Ok(()) } else { Err(format!("attachedListenerSets is {found}")) }
        }
        "GatewayMustHaveZeroRoutes" => {
            let gateway = object(meridian, GATEWAY, &args[0])?;
            let listeners = gateway["status"]["listeners"].as_array().ok_or("it has no listeners yet")?;
            let attached = listeners.iter().any(|listener| listener["attachedRoutes"] != 0);
            if attached { Err(format!("routes are attached: {}", gateway["status"]["listeners"])) } else { Ok(()) }
        }
        "GatewayStatusMustHaveListeners" | "ListenerSetStatusMustHaveListeners" => {
            let found = object(meridian, resource, &args[0])?["status"]["listeners"].clone();
            listeners(&found, &args[1])
        }
        "GatewayListenerMustHaveConditions" => {
            let gateway = object(meridian, GATEWAY, &args[0])?;
            of_listener(&gateway, &args[1], &args[2])
        }
        "GatewayListenersMustHaveConditions" | "ListenerSetListenersMustHaveConditions" => {
            let parent = object(meridian, resource, &args[0])?;
            args[2..].iter().try_for_each(|name| of_listener(&parent, name, &args[1]))
        }
        "BackendTLSPolicyMustHaveCondition" => {
            let policy = object(meridian, resource, &args[0])?;
            has(&of_parent(&policy["status"]["ancestors"], "ancestorRef", &args[1])?["conditions"], &args[2])
        }
        "HTTPRouteMustHaveCondition"
        | "TLSRouteMustHaveCondition"
        | "TCPRouteMustHaveCondition"
        | "UDPRouteMustHaveCondition" => {
            let route = object(meridian, resource, &args[0])?;
            has(&of_parent(&route["status"]["parents"], "parentRef", &args[1])?["conditions"], &args[2])
        }
        "HTTPRouteMustHaveResolvedRefsConditionsTrue" | "TLSRouteMustHaveResolvedRefsConditionsTrue" => {
            let route = object(meridian, resource, &args[0])?;
            let conditions = &of_parent(&route["status"]["parents"], "parentRef", &args[1])?["conditions"];
            has(conditions, &serde_json::json!({"Type": "ResolvedRefs", "Status": "True"}))
        }
        "HTTPRouteMustHaveNoAcceptedParents" | "TLSRouteMustHaveNoAcceptedParents" => {
            let route = object(meridian, resource, &args[0])?;
            let parents = route["status"]["parents"].as_array().ok_or("it has no parents yet")?;
            let is_accepted = |parent: &Value| {
                parent["conditions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|c| c["type"] == "Accepted" && c["status"] == "True")
            };
            if parents.iter().any(is_accepted) { Err(format!("a parent accepts: {parents:?}")) } else { Ok(()) }
        }
        "HTTPRouteMustHaveParents" | "TCPRouteMustHaveParents" | "UDPRouteMustHaveParents" => {
            let route = object(meridian, resource, &args[0])?;
            let expected = args[1].as_array().into_iter().flatten();
            expected.into_iter().try_for_each(|parent| {
                let found = of_parent(&route["status"]["parents"], "parentRef", &parent["ParentRef"])?;
                let conditions = parent["Conditions"].as_array();
                conditions.into_iter().flatten().try_for_each(|condition| has(&found["conditions"], condition))
            })
        }
        other => Err(format!("the assertion {other} is not known here")),
    }
}

/// The routes among the arguments: everything after the parent that has a name.
fn routes(args: &[Value]) -> impl Iterator<Item = &Value> {
    let each = |argument: &'_ Value| argument.as_array().is_some();
    let lists =
        args[2..].iter().filter(move |argument| each(argument)).flat_map(|list| list.as_array().into_iter().flatten());
    args[2..].iter().filter(|argument| argument["Name"].is_string()).chain(lists)
}

fn programmed(gateway: &Value) -> Result<(), String> {
    let conditions = &gateway["status"]["conditions"];
    for type_ in ["Accepted", "Programmed"] {
        has(conditions, &serde_json::json!({"Type": type_, "Status": "True"}))?;
    }
    latest(gateway)
}

fn accepted(route: &Value, parent: &Value) -> Result<(), String> {
    let conditions = &of_parent(&route["status"]["parents"], "parentRef", parent)?["conditions"];
    has(conditions, &serde_json::json!({"Type": "Accepted", "Status": "True"}))
}

/// The entry of a parent or ancestor.
fn of_parent<'v>(entries: &'v Value, field: &str, named: &Value) -> Result<&'v Value, String> {
    let entries = entries.as_array().ok_or("it has no entries yet")?;
    let is_meant = |entry: &&Value| {
        let reference = &entry[field];
        reference["name"] == named["Name"]
            && (reference["namespace"].is_null() || reference["namespace"] == named["Namespace"])
    };
    entries.iter().find(is_meant).ok_or_else(|| format!("there is no entry of {named} in {entries:?}"))
}

fn of_listener(parent: &Value, name: &Value, conditions: &Value) -> Result<(), String> {
    let mut listeners = parent["status"]["listeners"].as_array().into_iter().flatten();
    let found = listeners.find(|listener| listener["name"] == *name);
    let found = found.ok_or_else(|| format!("listener {name} has no status: {}", parent["status"]))?;
    let expected = conditions.as_array().into_iter().flatten();
    expected.into_iter().try_for_each(|condition| has(&found["conditions"], condition))
}

fn has(conditions: &Value, expected: &Value) -> Result<(), String> {
    let (type_, status) = (&expected["Type"], &expected["Status"]);
    let reason = expected["Reason"].as_str().unwrap_or_default();
    let is_meant = |found: &Value| {
        found["type"] == *type_ && found["status"] == *status && (reason.is_empty() || found["reason"] == reason)
    };
    let found = conditions.as_array().is_some_and(|conditions| conditions.iter().any(is_meant));
    if found { Ok(()) } else { Err(format!("{expected} is not in {conditions}")) }
}

/// All conditions are about the newest generation.
fn latest(object: &Value) -> Result<(), String> {
    let generation = &object["metadata"]["generation"];
    let conditions = object["status"]["conditions"].as_array().ok_or("it has no conditions yet")?;
    match conditions.iter().find(|condition| condition["observedGeneration"] != *generation) {
        Some(stale) => Err(format!("generation {generation}, and {stale}")),
        None => Ok(()),
    }
}

/// Listeners by name: attached routes, kinds, and conditions.
fn listeners(found: &Value, expected: &Value) -> Result<(), String> {
    let (found, expected) = (found.as_array().ok_or("there are none yet")?, expected.as_array().into_iter().flatten());
    let mut count = 0;
    for listener in expected {
        count += 1;
        let own = found.iter().find(|own| own["name"] == listener["Name"]);
        let own = own.ok_or_else(|| format!("there is no listener {} in {found:?}", listener["Name"]))?;
        let kinds = |kinds: &Value, kind: &str| -> Vec<String> {
            let mut all: Vec<_> = kinds.as_array().into_iter().flatten().map(|one| one[kind].to_string()).collect();
            all.sort();
            all
        };
        // More kinds than the suite knows are fine, but not where it wants none.
        let (wanted, supported) = (kinds(&listener["SupportedKinds"], "Kind"), kinds(&own["supportedKinds"], "kind"));
        if wanted.is_empty() != supported.is_empty() || !wanted.iter().all(|kind| supported.contains(kind)) {
            return Err(format!("kinds of {} are {}", listener["Name"], own["supportedKinds"]));
        }
        if listener["AttachedRoutes"].as_i64().unwrap_or(0) != own["attachedRoutes"].as_i64().unwrap_or(-1) {
            return Err(format!("{} has {} routes", listener["Name"], own["attachedRoutes"]));
        }
        let mut conditions = listener["Conditions"].as_array().into_iter().flatten();
        conditions.try_for_each(|condition| has(&own["conditions"], condition))?;
    }
    if found.len() == count { Ok(()) } else { Err(format!("there are {} listeners", found.len())) }
}
