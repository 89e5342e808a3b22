//! What Kubernetes' API server answers to mistakes in Ingresses.

use serde_json::{Value, json};

use crate::networking::{ingress, ingress_class};

fn errors(spec: &Value) -> Vec<String> {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a"}, "spec": spec,
    });
    crate::validate(&ingress::KIND, &object).iter().map(ToString::to_string).collect()
}

fn with_path(path: &Value) -> Vec<String> {
    errors(&json!({"rules": [{"http": {"paths": [path]}}]}))
}

#[test]
fn paths_are_checked_as_kubernetes_does() {
    let backend = json!({"service": {"name": "b", "port": {"number": 80}}});
    let place = "spec.rules[0].http.paths[0]";
    for (path, type_, expected) in [
        ("/", "Prefix", None),
        ("", "ImplementationSpecific", None),
        ("/a/*", "ImplementationSpecific", None),
        ("/a//b", "ImplementationSpecific", None),
        ("a", "ImplementationSpecific", Some("path: Invalid value: \"a\": must be an absolute path")),
        ("", "Exact", Some("path: Invalid value: \"\": must be an absolute path")),
        ("/a//b", "Prefix", Some("path: Invalid value: \"/a//b\": must not contain '//'")),
        ("/a/..", "Exact", Some("path: Invalid value: \"/a/..\": cannot end with '/..'")),
        (
            "/",
            "Regex",
            Some(
                "pathType: Unsupported value: \"Regex\": supported values: \"Exact\", \"ImplementationSpecific\", \
                 \"Prefix\"",
            ),
        ),
    ] {
        let found = with_path(&json!({"path": path, "pathType": type_, "backend": backend}));
        let expected: Vec<String> = expected.into_iter().map(|text| format!("{place}.{text}")).collect();
        assert_eq!(found, expected, "{type_} {path}");
    }
    let found = with_path(&json!({"path": "/", "backend": backend}));
    assert_eq!(found, [format!("{place}.pathType: Required value: pathType must be specified")]);
}

#[test]
fn backends_are_a_service_with_a_port_or_a_resource() {
    let place = "spec.rules[0].http.paths[0].backend";
    for (backend, expected) in [
        (json!({}), ": Invalid value: \"\": resource or service backend is required"),
        (json!({"service": {"name": "b"}}), ": Required value: port name or number is required"),
        (
            json!({"service": {"name": "b", "port": {"name": "http", "number": 80}}}),
            ": Invalid value: \"\": cannot set both port name & port number",
        ),
        (
            json!({"service": {"name": "b", "port": {"number": 80}}, "resource": {"kind": "K", "name": "n"}}),
            ": Invalid value: \"\": cannot set both resource and service backends",
        ),
        (json!({"service": {"name": "", "port": {"number": 80}}}), ".service.name: Required value"),
        (
            json!({"service": {"name": "b", "port": {"number": 65536}}}),
            ".service.port.number: Invalid value: 65536: must be between 1 and 65535, inclusive",
        ),
    ] {
        let found = with_path(&json!({"path": "/", "pathType": "Prefix", "backend": backend}));
        assert_eq!(found, [format!("{place}{expected}")]);
    }
}

#[test]
fn hosts_are_names_or_wildcards() {
    let rule = |host: &str| errors(&json!({"rules": [{"host": host}]}));
    assert_eq!(rule("a.example.com"), Vec::<String>::new());
    assert_eq!(rule("*.example.com"), Vec::<String>::new());
    assert!(rule("*")[0].starts_with("spec.rules[0].host: Invalid value: \"*\": a wildcard DNS-1123 subdomain must"));
    assert!(rule("a.*.com")[0].contains("must start with '*.'"));
    assert!(rule("A.example.com")[0].contains("a lowercase RFC 1123 subdomain must consist of"));
    assert_eq!(
        rule("10.0.0.1"),
        ["spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address"]
    );
    let tls = errors(&json!({"rules": [{}], "tls": [{"hosts": ["*x.com"], "secretName": "A"}]}));
    assert!(tls[0].starts_with("spec.tls[0].hosts[0]: Invalid value"), "{tls:?}");
    assert!(tls[1].starts_with("spec.tls[0].secretName: Invalid value"), "{tls:?}");
}

#[test]
fn something_must_be_served() {
    assert_eq!(errors(&json!({})), ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]);
}

#[test]
fn the_class_is_said_once() {
    let object = |annotation: &str, name: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "a", "annotations": {"kubernetes.io/ingress.class": annotation}},
            "spec": {"ingressClassName": name, "rules": [{}]},
        })
    };
    assert_eq!(crate::validate(&ingress::KIND, &object("istio", json!("istio"))), []);
    let errors = crate::validate(&ingress::KIND, &object("istio", json!("nginx")));
    assert_eq!(
        errors[0].to_string(),
        "annotations.kubernetes.io/ingress.class: Invalid value: \"istio\": must match `ingressClassName` when both \
         are specified"
    );
    let warnings = crate::warnings(&ingress::KIND, &object("istio", Value::Null));
    assert!(warnings[0].to_string().ends_with("is deprecated, please use 'spec.ingressClassName' instead"));
}

#[test]
fn a_controller_has_a_domain() {
    let errors = |controller: &str| -> Vec<String> {
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "a"},
            "spec": {"controller": controller},
        });
        crate::validate(&ingress_class::KIND, &object).iter().map(ToString::to_string).collect()
    };
    assert_eq!(errors("istio.io/ingress-controller"), Vec::<String>::new());
    assert_eq!(errors(""), ["spec.controller: Required value"]);
    assert_eq!(
        errors("istio"),
        ["spec.controller: Invalid value: \"istio\": must be a domain-prefixed path (such as \"acme.io/foo\")"]
    );
}
