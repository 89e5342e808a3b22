//! What is said while objects change.

use super::certificate;
use super::cluster::Cluster;
use serde_json::{Value, json};

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway, namespace: default}
spec:
  gatewayClassName: meridian
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: default}
spec: {ports: [{name: http, port: 80}]}
";

fn route(name: &str, gateway: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {gateway}}}]
  rules: [{{backendRefs: [{{name: httpbin, port: 80}}]}}]
---
"
    )
}

fn reason(entry: &Value, type_: &str) -> String {
    let found = entry["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == type_);
    found.map_or("none".to_owned(), |one| {
        format!("{}/{}", one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
    })
}

#[test]
fn a_grant_that_is_taken_back_is_missed_at_once() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: far, namespace: other}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: '', kind: Service, name: far}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: default}
spec:
  parentRefs: [{name: gateway}]
  rules: [{backendRefs: [{name: far, namespace: other, port: 80}]}]
",
    );
    cluster.settle();
    let parent = |cluster: &Cluster| cluster.status("HTTPRoute", "default", "route")["parents"][0].clone();
    assert_eq!(reason(&parent(&cluster), "ResolvedRefs"), "True/ResolvedRefs");
    cluster.delete("ReferenceGrant", "other", "grant");
    cluster.settle();
    assert_eq!(reason(&parent(&cluster), "ResolvedRefs"), "False/RefNotPermitted");
    assert_eq!(reason(&parent(&cluster), "Accepted"), "True/Accepted");
    cluster.delete("Service", "other", "far");
    cluster.apply(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: again, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: '', kind: Service}]
",
    );
    cluster.settle();
    assert_eq!(reason(&parent(&cluster), "ResolvedRefs"), "False/BackendNotFound");
}

#[test]
fn only_what_is_concerned_is_said_again() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    for index in 0..50 {
        cluster.apply(&route(&format!("route-{index}"), "gateway"));
    }
    cluster.settle();
    assert_eq!(cluster.status("Gateway", "default", "gateway")["listeners"][0]["attachedRoutes"], 50);
    let told = cluster.told;
    cluster.change("HTTPRoute", "default", "route-7", |route| route["spec"]["hostnames"] = json!(["a.example.com"]));
    cluster.settle();
    assert_eq!(cluster.told, told + 1, "the route's own status");
    // A change of labels concerns nobody.
    cluster.change("HTTPRoute", "default", "route-7", |route| route["metadata"]["labels"] = json!({"a": "b"}));
    cluster.settle();
    assert_eq!(cluster.told, told + 1);
    cluster.delete("HTTPRoute", "default", "route-7");
    cluster.settle();
    assert_eq!(cluster.told, told + 2, "the number of routes of the Gateway");
}

#[test]
fn entries_are_taken_away_with_their_parents() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(&route("route", "gateway"));
    cluster.settle();
    let parents = |cluster: &Cluster| cluster.status("HTTPRoute", "default", "route")["parents"].clone();
    assert_eq!(parents(&cluster).as_array().unwrap().len(), 1);
    cluster.change("HTTPRoute", "default", "route", |route| {
        route["spec"]["parentRefs"] = json!([{"kind": "Service", "group": "", "name": "httpbin"}]);
    });
    cluster.settle();
    assert_eq!(parents(&cluster), json!([]));
    cluster.change("HTTPRoute", "default", "route", |route| {
        route["spec"]["parentRefs"] = json!([{"name": "gateway"}, {"name": "not-ours"}]);
    });
    cluster.settle();
    assert_eq!(parents(&cluster).as_array().unwrap().len(), 1);
    cluster.delete("Gateway", "default", "gateway");
    cluster.settle();
    assert_eq!(parents(&cluster), json!([]));
    assert!(cluster.managed.is_empty());
}

#[test]
fn an_authority_that_appears_makes_its_policy_usable() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(&route("route", "gateway"));
    cluster.apply(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: policy, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: httpbin}]
  validation: {hostname: httpbin.example.com, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}
",
    );
    cluster.settle();
    let said = |cluster: &Cluster| {
        let ancestor = cluster.status("BackendTLSPolicy", "default", "policy")["ancestors"][0].clone();
        assert_eq!(ancestor["ancestorRef"]["name"], "gateway");
        (reason(&ancestor, "Accepted"), reason(&ancestor, "ResolvedRefs"))
    };
    let bad = ("False/NoValidCACertificate".to_owned(), "False/InvalidCACertificateRef".to_owned());
    let good = ("True/Accepted".to_owned(), "True/ResolvedRefs".to_owned());
    assert_eq!(said(&cluster), bad);
    let map = |text: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"},
               "data": {"ca.crt": text}})
    };
    let (authority, _) = certificate();
    for (text, expected) in [(&*authority, &good), ("", &bad), (&*authority, &good)] {
        cluster.apply_object(map(text));
        cluster.settle();
        assert_eq!(said(&cluster), *expected);
    }
    // Without a route nothing is said through any Gateway.
    cluster.delete("HTTPRoute", "default", "route");
    cluster.settle();
    assert_eq!(cluster.status("BackendTLSPolicy", "default", "policy")["ancestors"], json!([]));
}

#[test]
fn addresses_that_cannot_be_used_are_told() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    let addresses = json!([{"type": "test/fake", "value": "x"}, {"value": "192.0.2.1"}, {"value": "10.0.0.9"}]);
    cluster.change("Gateway", "default", "gateway", |gateway| gateway["spec"]["addresses"] = addresses);
    cluster.settle();
    let accepted = |cluster: &Cluster| reason(cluster.status("Gateway", "default", "gateway"), "Accepted");
    assert_eq!(accepted(&cluster), "False/UnsupportedAddress");
    assert!(!cluster.managed.is_empty(), "what is there stays");
    cluster.change("Gateway", "default", "gateway", |gateway| {
        gateway["spec"]["addresses"] = json!([{"value": "10.0.0.9"}]);
    });
    cluster.settle();
    assert_eq!(accepted(&cluster), "True/Accepted");
    let status = cluster.status("Gateway", "default", "gateway");
    assert_eq!(status["addresses"], json!([{"type": "IPAddress", "value": "10.0.0.9"}]));
}

#[test]
fn rules_that_cannot_be_served_are_named() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(&route("route", "gateway"));
    let rules = |values: &[&str]| {
        let one = |value: &&str| json!({"matches": [{"path": {"type": "RegularExpression", "value": value}}]});
        values.iter().map(one).collect::<Vec<Value>>()
    };
    cluster
        .change("HTTPRoute", "default", "route", |route| route["spec"]["rules"] = json!(rules(&["/a.*", "/(", "/b"])));
    cluster.settle();
    let parent = |cluster: &Cluster| cluster.status("HTTPRoute", "default", "route")["parents"][0].clone();
    let attached =
        |cluster: &Cluster| cluster.status("Gateway", "default", "gateway")["listeners"][0]["attachedRoutes"].clone();
    assert_eq!(reason(&parent(&cluster), "Accepted"), "True/Accepted");
    assert_eq!(reason(&parent(&cluster), "PartiallyInvalid"), "True/UnsupportedValue");
    let text = parent(&cluster).to_string();
    assert!(text.contains("Dropped Rule") && text.contains("spec.rules[1].matches[0].path.value"), "{text}");
    assert_eq!(attached(&cluster), 1);
    cluster.change("HTTPRoute", "default", "route", |route| route["spec"]["rules"] = json!(rules(&["/(", "/["])));
    cluster.settle();
    assert_eq!(reason(&parent(&cluster), "Accepted"), "False/UnsupportedValue");
    assert_eq!(reason(&parent(&cluster), "PartiallyInvalid"), "none");
    assert_eq!(attached(&cluster), 0);
}

#[test]
fn a_policy_that_is_not_supported_says_so_and_leaves_nothing_open() {
    let mut cluster = Cluster::new();
    cluster.translator.add_proxy(super::proxy_of("gateway"));
    cluster.apply(GATEWAY);
    cluster.apply(&route("route", "gateway"));
    cluster.settle();
    assert!(!cluster.answers_500("default.route.0"));
    cluster.apply(
        "
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: login, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}]
  oidc: {clientID: me}
",
    );
    cluster.settle();
    let ancestor = cluster.status("SecurityPolicy", "default", "login")["ancestors"][0].clone();
    assert_eq!(reason(&ancestor, "Accepted"), "False/Invalid");
    let text = ancestor.to_string();
    assert!(text.contains("spec.oidc: not supported; spec.oidc comes next"), "{text}");
    assert!(cluster.answers_500("default.route.0"));
    cluster.delete("SecurityPolicy", "default", "login");
    cluster.settle();
    assert!(!cluster.answers_500("default.route.0"));
}

#[test]
fn parameters_must_exist() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    let parameters = json!({"parametersRef": {"group": "", "kind": "ConfigMap", "name": "settings"}});
    cluster.change("Gateway", "default", "gateway", |gateway| gateway["spec"]["infrastructure"] = parameters);
    cluster.settle();
    let accepted = |cluster: &Cluster| reason(cluster.status("Gateway", "default", "gateway"), "Accepted");
    assert_eq!(accepted(&cluster), "False/InvalidParameters");
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {}\n");
    cluster.settle();
    assert_eq!(accepted(&cluster), "True/Accepted");
}

#[test]
fn classes_of_others_are_left_alone() {
    let mut cluster = Cluster::new();
    cluster.apply(&GATEWAY.replace("meridian", "theirs"));
    cluster.apply(&route("route", "gateway"));
    cluster.apply(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: theirs}\n\
         spec: {controllerName: example.com/other}\n",
    );
    cluster.settle();
    assert_eq!(cluster.status("Gateway", "default", "gateway"), &Value::Null);
    assert_eq!(cluster.status("HTTPRoute", "default", "route"), &Value::Null);
    assert_eq!(cluster.status("GatewayClass", "", "theirs"), &Value::Null);
    let ours = cluster.status("GatewayClass", "", "meridian");
    assert_eq!(reason(ours, "Accepted"), "True/Accepted");
    assert_eq!(reason(ours, "SupportedVersion"), "none");
    cluster.translator.set_gateway_api_version(Some("v1.7.0".to_owned()));
    cluster.settle();
    assert_eq!(reason(cluster.status("GatewayClass", "", "meridian"), "SupportedVersion"), "False/UnsupportedVersion");
}

#[test]
fn backends_outside_say_through_which_gateways_they_are_used() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(
        "
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: outside, namespace: default}
spec:
  type: ExternalHostname
  port: {port: 443}
  externalHostname: {hostname: example.com}
  tls:
    mode: ServerOnly
    validation: {hostname: example.com, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: budget, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: httpbin}]
  retryConstraint: {}
",
    );
    cluster.settle();
    assert_eq!(cluster.status("XBackend", "default", "outside"), &Value::Null);
    cluster.apply(&route("plain", "gateway"));
    cluster.apply(&route("route", "gateway"));
    cluster.change("HTTPRoute", "default", "route", |route| {
        let reference = json!({"group": "gateway.networking.x-k8s.io", "kind": "XBackend", "name": "outside"});
        route["spec"]["rules"] = json!([{"backendRefs": [reference]}]);
    });
    cluster.settle();
    let said = |cluster: &Cluster| {
        let parent = cluster.status("XBackend", "default", "outside")["parents"][0].clone();
        assert_eq!(parent["parentRef"]["name"], "gateway");
        (reason(&parent, "Accepted"), reason(&parent, "ResolvedRefs"))
    };
    let bad = ("False/NoValidCACertificate".to_owned(), "False/InvalidCACertificateRef".to_owned());
    assert_eq!(said(&cluster), bad);
    let (authority, _) = certificate();
    cluster.apply_object(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"},
        "data": {"ca.crt": authority},
    }));
    cluster.settle();
    assert_eq!(said(&cluster), ("True/Accepted".to_owned(), "True/ResolvedRefs".to_owned()));
    let policy = cluster.status("XBackendTrafficPolicy", "default", "budget")["ancestors"][0].clone();
    assert_eq!(reason(&policy, "Accepted"), "False/Invalid");
    cluster.delete("HTTPRoute", "default", "route");
    cluster.settle();
    assert_eq!(cluster.status("XBackend", "default", "outside")["parents"], json!([]));
}

#[test]
fn default_gateways_take_the_routes_that_ask_for_them() {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    cluster.apply(&route("route", "elsewhere"));
    cluster.change("HTTPRoute", "default", "route", |route| route["spec"]["useDefaultGateways"] = json!("All"));
    cluster.settle();
    assert_eq!(cluster.status("HTTPRoute", "default", "route"), &Value::Null);
    cluster.change("Gateway", "default", "gateway", |gateway| gateway["spec"]["defaultScope"] = json!("All"));
    cluster.settle();
    let parents = cluster.status("HTTPRoute", "default", "route")["parents"].clone();
    assert_eq!(parents[0]["parentRef"]["name"], "gateway");
    assert_eq!(reason(&parents[0], "Accepted"), "True/Accepted");
    assert_eq!(cluster.status("Gateway", "default", "gateway")["listeners"][0]["attachedRoutes"], 1);
    cluster.change("Gateway", "default", "gateway", |gateway| gateway["spec"]["defaultScope"] = json!("None"));
    cluster.settle();
    assert_eq!(cluster.status("HTTPRoute", "default", "route")["parents"], json!([]));
    assert_eq!(cluster.status("Gateway", "default", "gateway")["listeners"][0]["attachedRoutes"], 0);
}
