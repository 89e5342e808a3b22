use serde_json::{Value, json};

use crate::istio::virtual_service::KIND;

fn warnings(http: Value) -> Vec<String> {
    let route = json!([{"destination": {"host": "a"}}]);
    let mut http = http;
    for rule in http.as_array_mut().into_iter().flatten() {
        rule["route"] = route.clone();
    }
    let object = json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "a"},
        "spec": {"hosts": ["a"], "http": http}});
    assert_eq!(crate::validate(&KIND, &object), []);
    crate::warnings(&KIND, &object).iter().map(|warning| format!("{}: {}", warning.path, warning.message)).collect()
}

#[test]
fn rules_behind_one_without_matches_are_remarked() {
    let http =
        json!([{"match": [{"uri": {"exact": "/a"}}]}, {"name": "all"}, {"match": [{"uri": {"exact": "/b"}}]}, {}]);
    assert_eq!(
        warnings(http),
        [
            "spec.http[2]: virtualService rule #2 not used (route without matches defined before)",
            "spec.http[3]: virtualService rule #3 not used (only the last rule can have no matches)",
        ]
    );
}

#[test]
fn matches_that_an_earlier_rule_has_are_remarked() {
    let http = json!([
        {"name": "one", "match": [{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}]},
        {"match": [{"name": "again", "uri": {"exact": "/b"}}, {"uri": {"exact": "/c"}}]},
        {"match": [{"uri": {"exact": "/c"}}]},
    ]);
    assert_eq!(
        warnings(http),
        [
            "spec.http[1].match[0]: virtualService rule #1 match \"again\" is not used (duplicate/overlapping match in \
             rule \"one\")",
            "spec.http[2].match[0]: virtualService rule #2 match #0 is not used (duplicate/overlapping match in rule #1)",
            "spec.http[2]: virtualService rule #2 not used (all matches used by prior rules)",
        ]
    );
}

#[test]
fn longer_prefixes_behind_shorter_ones_are_remarked() {
    let http = json!([
        {"match": [{"uri": {"prefix": "/api"}, "method": {"exact": "GET"}}, {"uri": {"prefix": ""}}]},
        {"match": [{"uri": {"prefix": "/api/v1"}, "method": {"exact": "GET"}}, {"uri": {"prefix": "/api/v1"}}]},
        {"match": [{"uri": {"prefix": "/ap"}, "method": {"exact": "GET"}}, {"uri": {"exact": "/api/v1"}}]},
    ]);
    assert_eq!(
        warnings(http),
        [
            "spec.http[1].match[0]: virtualService rule #1 match #0 of prefix /api/v1 is not used (duplicate/overlapping \
          match in rule #0 of prefix /api on #0)"
        ]
    );
}
