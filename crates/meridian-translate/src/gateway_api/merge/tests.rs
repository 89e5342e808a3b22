use super::*;
use meridian_resources::gateway_api::{backend_tls_policy, gateway, http_route};

const OURS: &str = "meridian.dev/gateway-controller";
const NOW: &str = "2026-01-02T00:00:00Z";
const THEN: &str = "2026-01-01T00:00:00Z";

fn condition(type_: &str, status: &str, generation: i64) -> Value {
    json!({"type": type_, "status": status, "reason": type_, "message": "", "observedGeneration": generation})
}

fn at(mut condition: Value, time: &str) -> Value {
    condition["lastTransitionTime"] = json!(time);
    condition
}

fn parent(controller: &str, name: &str, conditions: Vec<Value>) -> Value {
    let reference = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name});
    json!({"parentRef": reference, "controllerName": controller, "conditions": conditions})
}

#[test]
fn entries_of_other_controllers_stay_in_their_places() {
    let theirs = parent("example.com/other", "theirs", vec![at(condition("Accepted", "True", 1), THEN)]);
    let before = json!({"parents": [
        parent(OURS, "gone", vec![at(condition("Accepted", "True", 1), THEN)]),
        theirs,
        parent(OURS, "kept", vec![
            at(condition("Accepted", "True", 1), THEN),
            at(condition("PartiallyInvalid", "True", 1), THEN),
        ]),
    ]});
    let wanted = json!({"parents": [
        parent(OURS, "new", vec![condition("Accepted", "False", 2)]),
        parent(OURS, "kept", vec![condition("Accepted", "True", 2), condition("ResolvedRefs", "True", 2)]),
    ]});
    let merged = merge_gateway_api_status(&http_route::KIND, Some(&before), &wanted, OURS, NOW);
    let expected = json!({"parents": [
        theirs,
        parent(OURS, "kept", vec![
            at(condition("Accepted", "True", 2), THEN),
            at(condition("ResolvedRefs", "True", 2), NOW),
        ]),
        parent(OURS, "new", vec![at(condition("Accepted", "False", 2), NOW)]),
    ]});
    assert_eq!(merged, Some(expected.clone()));
    assert_eq!(merge_gateway_api_status(&http_route::KIND, Some(&expected), &wanted, OURS, "later"), None);

    // Nothing is said any more: only the other controller's entry is left.
    let nothing = json!({"parents": []});
    let left = merge_gateway_api_status(&http_route::KIND, Some(&expected), &nothing, OURS, NOW);
    assert_eq!(left, Some(json!({"parents": [theirs]})));
    assert_eq!(merge_gateway_api_status(&http_route::KIND, None, &nothing, OURS, NOW), None);
}

#[test]
fn a_gateway_keeps_conditions_of_other_types_and_loses_its_own_that_are_not_said() {
    let foreign = at(condition("example.com/Billed", "True", 1), THEN);
    let before = json!({
        "addresses": [{"type": "IPAddress", "value": "10.0.0.1"}],
        "conditions": [
            at(condition("Accepted", "Unknown", 1), THEN),
            foreign,
            at(condition("InsecureFrontendValidationMode", "True", 1), THEN),
        ],
        "listeners": [{"name": "http", "attachedRoutes": 0, "supportedKinds": [], "conditions": [
            at(condition("Accepted", "True", 1), THEN), at(condition("OverlappingTLSConfig", "True", 1), THEN),
        ]}],
    });
    let wanted = json!({
        "conditions": [condition("Accepted", "True", 2)],
        "listeners": [{"name": "http", "attachedRoutes": 3, "supportedKinds": [], "conditions": [
            condition("Accepted", "True", 2),
        ]}],
    });
    let expected = json!({
        "conditions": [at(condition("Accepted", "True", 2), NOW), foreign],
        "listeners": [{"name": "http", "attachedRoutes": 3, "supportedKinds": [], "conditions": [
            at(condition("Accepted", "True", 2), THEN),
        ]}],
    });
    let merged = merge_gateway_api_status(&gateway::KIND, Some(&before), &wanted, OURS, NOW);
    assert_eq!(merged, Some(expected.clone()));
    assert_eq!(merge_gateway_api_status(&gateway::KIND, Some(&expected), &wanted, OURS, "later"), None);
}

#[test]
fn a_policy_has_at_most_sixteen_ancestors() {
    let ancestor = |controller: &str, name: String| json!({"ancestorRef": {"name": name}, "controllerName": controller, "conditions": []});
    let before = json!({"ancestors": [ancestor("example.com/other", "theirs".to_owned())]});
    let wanted: Vec<Value> = (0..20).map(|i| ancestor(OURS, format!("g{i}"))).collect();
    let wanted = json!({"ancestors": wanted});
    let merged = merge_gateway_api_status(&backend_tls_policy::KIND, Some(&before), &wanted, OURS, NOW).unwrap();
    let names: Vec<_> = items(&merged["ancestors"]).iter().map(|entry| entry["ancestorRef"]["name"].clone()).collect();
    assert_eq!(names.len(), 16);
    assert_eq!((&names[0], &names[15]), (&json!("theirs"), &json!("g14")));
    let again = merge_gateway_api_status(&backend_tls_policy::KIND, Some(&merged), &wanted, OURS, NOW);
    assert_eq!(again, None);
}
