//! Analyzers of VirtualServices.

use super::analyzed;

fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec:\n{spec}---\n")
}

const GATEWAY: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec:\n  servers:\n  - \
                       {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com', 'other/b.com']}\n---\n";

const HTTPBIN: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: httpbin}\nspec: {ports: [{name: http, port: \
                       8000}, {name: admin, port: 9000}]}\n---\n";

fn routed(destination: &str) -> String {
    let spec = format!("  hosts: [a.example.com]\n  http:\n  - route: [{{destination: {destination}}}]\n");
    format!("{HTTPBIN}{}", service("v", &spec))
}

#[test]
fn a_gateway_that_is_missing() {
    let found = analyzed("virtualservice.GatewayAnalyzer", &service("v", "  hosts: [a]\n  gateways: [none, mesh]\n"));
    assert_eq!(found[0], "Error [IST0101] (VirtualService default/v a.yaml:6) Referenced gateway not found: \"none\"");
    assert!(found[1].ends_with("not found in Gateway default/none."), "{found:?}");
}

#[test]
fn hosts_that_the_gateway_does_not_have() {
    let text = |host: &str| format!("{GATEWAY}{}", service("v", &format!("  hosts: [{host}]\n  gateways: [g]\n")));
    let found = analyzed("virtualservice.GatewayAnalyzer", &text("b.com"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("Warning [IST0132] "), "{found:?}");
    let rest = "one or more host [b.com] defined in VirtualService default/v not found in Gateway default/g.";
    assert!(found[0].ends_with(rest), "{found:?}");
    assert_eq!(analyzed("virtualservice.GatewayAnalyzer", &text("a.example.com")), Vec::<String>::new());
}

#[test]
fn destinations_that_do_not_exist() {
    let found = |destination: &str| analyzed("virtualservice.DestinationHostAnalyzer", &routed(destination));
    assert_eq!(found("{host: httpbin, port: {number: 8000}}"), Vec::<String>::new());
    let missing = found("{host: httpbim, port: {number: 8000}}");
    assert!(missing[0].ends_with("Referenced host not found: \"httpbim\""), "{missing:?}");
    let port = found("{host: httpbin, port: {number: 80}}");
    assert!(port[0].ends_with("Referenced host:port not found: \"httpbin:80\""), "{port:?}");
    let unsaid = found("{host: httpbin}");
    assert!(unsaid[0].contains("[IST0112]") && unsaid[0].contains("exposes multiple ports [8000 9000]"), "{unsaid:?}");
}

#[test]
fn subsets_that_no_rule_defines() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\nspec: {host: httpbin, \
                subsets: [{name: v1}]}\n---\n";
    let found = |subset: &str| {
        let text = format!("{rule}{}", routed(&format!("{{host: httpbin, subset: {subset}}}")));
        analyzed("virtualservice.DestinationRuleAnalyzer", &text)
    };
    assert_eq!(found("v1"), Vec::<String>::new());
    assert!(found("v2")[0].ends_with("Referenced host+subset in destinationrule not found: \"httpbin+v2\""));
}

#[test]
fn one_host_in_two_services_of_the_mesh() {
    let spec = "  hosts: [a.example.com]\n";
    let found = analyzed(
        "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
        &format!("{}{}", service("v", spec), service("w", spec)),
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("[IST0109]") && found[0].contains("default/v,default/w"), "{found:?}");
}

#[test]
fn rules_that_no_request_reaches() {
    let route = "route: [{destination: {host: a}}]";
    let spec = format!(
        "  hosts: [a]\n  http:\n  - match: [{{uri: {{prefix: /a}}}}]\n    {route}\n  - match: [{{uri: {{prefix: /a/b}}, \
         method: {{exact: GET}}}}]\n    {route}\n  - {route}\n  - {route}\n"
    );
    let found = analyzed("schema.ValidationAnalyzer", &service("v", &spec));
    assert_eq!(
        found,
        [
            "Warning [IST0130] (VirtualService default/v a.yaml:12) VirtualService rule #3 not used (only the last rule \
             can have no matches).",
            "Info [IST0131] (VirtualService default/v a.yaml:9) VirtualService rule #1 match #0 of prefix /a/b is not \
             used (duplicate/overlapping match in rule #0 of prefix /a on #0).",
        ]
    );
}

#[test]
fn what_the_schema_refuses() {
    let found = analyzed("schema.ValidationAnalyzer", &service("v", "  hosts: []\n"));
    assert!(
        found[0].starts_with("Error [IST0106] (VirtualService default/v a.yaml:4) Schema validation error: "),
        "{found:?}"
    );
}
