//! The status assertions of the conformance suite (`conformance/utils/kubernetes/helpers.go`), on a translator.

use super::cluster::Cluster;
use serde_json::{Value, json};

/// Whether an assertion of the suite holds.
///
/// # Errors
/// What was found instead.
pub(crate) fn check(cluster: &Cluster, assertion: &Value) -> Result<(), String> {
    let name = assertion["assert"].as_str().unwrap();
    let args = assertion["args"].as_array().unwrap();
    let arg = |index: usize| args.get(index).unwrap_or(&Value::Null);
    let subject = || Named::of(arg(0));
    match name {
        "NamespacesMustBeReady" => strings(arg(0)).iter().try_for_each(|namespace| ready(cluster, namespace)),
        "GatewayMustHaveCondition" => has(conditions(cluster, "Gateway", &subject()), arg(1)),
        "ListenerSetMustHaveCondition" => has(conditions(cluster, "ListenerSet", &subject()), arg(1)),
        "GatewayMustHaveAttachedListeners" => {
            let found =
                cluster.status("Gateway", &subject().namespace, &subject().name)["attachedListenerSets"].clone();
            equal(found.as_i64().unwrap_or(0), arg(1).as_i64().unwrap())
        }
        "GatewayListenersMustHaveConditions" => listeners(cluster, "Gateway", &subject(), &args[2..], arg(1)),
        "ListenerSetListenersMustHaveConditions" => listeners(cluster, "ListenerSet", &subject(), &args[2..], arg(1)),
        "GatewayListenerMustHaveConditions" => listeners(cluster, "Gateway", &subject(), &args[1..2], arg(2)),
        "GatewayStatusMustHaveListeners" => listener_statuses(cluster, "Gateway", &subject(), arg(1)),
        "ListenerSetStatusMustHaveListeners" => listener_statuses(cluster, "ListenerSet", &subject(), arg(1)),
        "GatewayMustHaveZeroRoutes" => zero_routes(cluster, &subject()),
        "BackendTLSPolicyMustHaveCondition" => {
            of_parent(cluster, "BackendTLSPolicy", &subject(), &Named::of(arg(1)), arg(2))
        }
        "BackendTLSPolicyMustHaveAcceptedConditionTrue" => {
            let accepted = json!({"Type": "Accepted", "Status": "True", "Reason": "Accepted"});
            of_parent(cluster, "BackendTLSPolicy", &subject(), &Named::of(arg(1)), &accepted)
        }
        "GatewayAndHTTPRoutesMustBeAccepted" => accepted(cluster, "HTTPRoute", arg(1), &args[2..]),
        "GatewayAndTLSRoutesMustBeAccepted" => accepted(cluster, "TLSRoute", arg(1), &args[2..]),
        "GatewayAndTCPRoutesMustBeAccepted" => accepted(cluster, "TCPRoute", arg(1), &args[2..]),
        "GatewayAndUDPRoutesMustBeAccepted" => accepted(cluster, "UDPRoute", arg(1), &args[2..]),
        "GatewayAndRoutesMustBeAccepted" => accepted(cluster, "", arg(1), &args[4..]),
        "RoutesAndParentMustBeAccepted" => accepted(cluster, "", arg(1), &args[3..]),
        _ => of_route_kind(cluster, name, args),
    }
}

/// Assertions whose names begin with the kind of the route.
fn of_route_kind(cluster: &Cluster, name: &str, args: &[Value]) -> Result<(), String> {
    let kinds = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];
    let kind = kinds.into_iter().find(|kind| name.starts_with(kind)).unwrap_or_else(|| panic!("unknown: {name}"));
    let route = Named::of(&args[0]);
    match &name[kind.len()..] {
        "MustHaveCondition" => of_parent(cluster, kind, &route, &Named::of(&args[1]), &args[2]),
        "MustHaveResolvedRefsConditionsTrue" => {
            let resolved = json!({"Type": "ResolvedRefs", "Status": "True", "Reason": "ResolvedRefs"});
            of_parent(cluster, kind, &route, &Named::of(&args[1]), &resolved)
        }
        "MustHaveNoAcceptedParents" => {
            let parents = &cluster.status(kind, &route.namespace, &route.name)["parents"];
            let parents = parents.as_array().map_or(&[][..], Vec::as_slice);
            match parents {
                [] => Ok(()),
                [one] => has(one["conditions"].clone(), &json!({"Type": "Accepted", "Status": "False"})),
                more => Err(format!("{} parents", more.len())),
            }
        }
        "MustHaveParents" => args[1].as_array().unwrap().iter().try_for_each(|wanted| {
            let parents = &cluster.status(kind, &route.namespace, &route.name)["parents"];
            let reference = |parent: &Value, field: &str| parent["parentRef"][field].clone();
            let wanted_reference = |field: &str| wanted["ParentRef"][field].clone();
            let found = parents.as_array().into_iter().flatten().find(|parent| {
                reference(parent, "name") == wanted_reference("Name")
                    && (wanted_reference("Kind").is_null() || reference(parent, "kind") == wanted_reference("Kind"))
            });
            let found = found.ok_or_else(|| format!("no such parent in {parents}"))?;
            equal(found["controllerName"].clone(), json!("meridian.dev/gateway-controller"))?;
            all(found["conditions"].clone(), &wanted["Conditions"])
        }),
        other => panic!("unknown assertion: {kind}{other}"),
    }
}

/// A namespace and a name as the suite writes them.
struct Named {
    namespace: String,
    name: String,
}

impl Named {
    fn of(value: &Value) -> Self {
        let text = |field: &str| value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned();
        Self { namespace: text("Namespace"), name: text("Name") }
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
}

fn conditions(cluster: &Cluster, kind: &str, named: &Named) -> Value {
    cluster.status(kind, &named.namespace, &named.name)["conditions"].clone()
}

/// Whether one of the conditions is as wanted; an empty reason is any.
fn has(conditions: Value, wanted: &Value) -> Result<(), String> {
    let text = |field: &str| wanted[field].as_str().unwrap_or_default();
    let fits = |found: &Value, field: &str| field.is_empty() || *found == *field;
    let found = conditions.as_array().into_iter().flatten().any(|found| {
        found["type"] == text("Type")
            && fits(&found["status"], text("Status"))
            && fits(&found["reason"], text("Reason"))
    });
    if found { Ok(()) } else { Err(format!("{wanted} is not in {conditions}")) }
}

fn all(conditions: Value, wanted: &Value) -> Result<(), String> {
    wanted.as_array().unwrap().iter().try_for_each(|wanted| has(conditions.clone(), wanted))
}

/// Every Gateway of a namespace is accepted and programmed, unless it says that it is not to be looked at.
fn ready(cluster: &Cluster, namespace: &str) -> Result<(), String> {
    cluster.objects("Gateway", namespace).try_for_each(|gateway| {
        if gateway["metadata"]["annotations"]["gateway-api/skip-this-for-readiness"] == "true" {
            return Ok(());
        }
        let named =
            Named { namespace: namespace.to_owned(), name: gateway["metadata"]["name"].as_str().unwrap().into() };
        ["Accepted", "Programmed"].iter().try_for_each(|type_| {
            has(conditions(cluster, "Gateway", &named), &json!({"Type": type_, "Status": "True"}))
                .map_err(|error| format!("Gateway {}: {error}", named.name))
        })
    })
}

fn listeners(cluster: &Cluster, kind: &str, named: &Named, names: &[Value], wanted: &Value) -> Result<(), String> {
    let status = cluster.status(kind, &named.namespace, &named.name);
    let of_names = |listener: &&Value| names.is_empty() || names.contains(&listener["name"]);
    let found: Vec<&Value> = status["listeners"].as_array().into_iter().flatten().filter(of_names).collect();
    if found.is_empty() {
        return Err(format!("no listener {names:?} in {status}"));
    }
    found.iter().try_for_each(|listener| all(listener["conditions"].clone(), wanted))
}

fn listener_statuses(cluster: &Cluster, kind: &str, named: &Named, wanted: &Value) -> Result<(), String> {
    let found = &cluster.status(kind, &named.namespace, &named.name)["listeners"];
    let found = found.as_array().map_or(&[][..], Vec::as_slice);
    let wanted = wanted.as_array().unwrap();
    equal(found.len(), wanted.len())?;
    for wanted in wanted {
        let one = found.iter().find(|one| one["name"] == wanted["Name"]).ok_or(format!("no {wanted}"))?;
        equal(one["attachedRoutes"].clone(), wanted["AttachedRoutes"].clone())?;
        all(one["conditions"].clone(), &wanted["Conditions"])?;
        let kinds = |value: &Value, field: &str| -> Vec<Value> {
            value.as_array().into_iter().flatten().map(|kind| kind[field].clone()).collect()
        };
        let (has, wants) = (kinds(&one["supportedKinds"], "kind"), kinds(&wanted["SupportedKinds"], "Kind"));
        if (wants.is_empty() && !has.is_empty()) || !wants.iter().all(|kind| has.contains(kind)) {
            return Err(format!("supports {has:?} instead of {wants:?}"));
        }
    }
    Ok(())
}

fn zero_routes(cluster: &Cluster, named: &Named) -> Result<(), String> {
    let listeners = cluster.status("Gateway", &named.namespace, &named.name)["listeners"].clone();
    match listeners.as_array().map(Vec::as_slice) {
        Some([one]) if one["attachedRoutes"] == 0 => Ok(()),
        _ => Err(format!("not one listener without routes: {listeners}")),
    }
}

/// What is said of a route or policy for one Gateway.
fn of_parent(cluster: &Cluster, kind: &str, named: &Named, gateway: &Named, wanted: &Value) -> Result<(), String> {
    let status = cluster.status(kind, &named.namespace, &named.name);
    let (list, reference) =
        if kind.ends_with("Route") { ("parents", "parentRef") } else { ("ancestors", "ancestorRef") };
    let mut found = status[list].as_array().into_iter().flatten().filter(|entry| {
        let namespace = &entry[reference]["namespace"];
        entry[reference]["name"] == gateway.name && (namespace.is_null() || *namespace == gateway.namespace)
    });
    found
        .find_map(|entry| has(entry["conditions"].clone(), wanted).ok())
        .ok_or_else(|| format!("{wanted} is not in {status} for {}", gateway.name))
}

/// Routes are accepted by a Gateway or ListenerSet, whose listeners are all well.
fn accepted(cluster: &Cluster, kind: &str, parent: &Value, routes: &[Value]) -> Result<(), String> {
    let (parent_kind, parent) = match &parent["gateway"] {
        Value::Null => ("ListenerSet", Named::of(&parent["ref"])),
        gateway => ("Gateway", Named::of(gateway)),
    };
    let well = json!([
        {"Type": "Accepted", "Status": "True"},
        {"Type": "ResolvedRefs", "Status": "True"},
        {"Type": "Programmed", "Status": "True"},
    ]);
    if kind != "TLSRoute" {
        listeners(cluster, parent_kind, &parent, &[], &well)?;
    }
    let status = cluster.status(parent_kind, &parent.namespace, &parent.name);
    if parent_kind == "Gateway" && status["addresses"][0]["value"].is_null() {
        return Err("no address".to_owned());
    }
    let flat = routes.iter().flat_map(|one| one.as_array().map_or(std::slice::from_ref(one), Vec::as_slice));
    for route in flat.filter(|route| route["Name"].is_string()) {
        let route = Named::of(route);
        let kinds = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];
        let exists = |kind: &&str| {
            cluster.objects(kind, &route.namespace).any(|object| object["metadata"]["name"] == route.name)
        };
        let kind = if kind.is_empty() { kinds.into_iter().find(exists).ok_or("no such route")? } else { kind };
        let wanted = json!({"Type": "Accepted", "Status": "True", "Reason": "Accepted"});
        of_parent(cluster, kind, &route, &parent, &wanted)?;
    }
    Ok(())
}
