use serde_json::{Value, json};

use crate::networking::ingress::KIND;
use crate::object::Resource;
use crate::{unknown_fields, validate};

fn legacy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1beta1",
        "kind": "Ingress",
        "metadata": {"name": "legacy", "annotations": {"kubernetes.io/ingress.class": "istio"}},
        "spec": {
            "backend": {"serviceName": "rest", "servicePort": "web"},
            "rules": [{"host": "a.example.com", "http": {"paths": [
                {"path": "/status/*", "backend": {"serviceName": "httpbin", "servicePort": 8000}},
                {"path": "/x", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
            ]}}],
            "tls": [{"hosts": ["a.example.com"], "secretName": "certificate"}],
        },
    })
}

#[test]
fn both_forms_say_the_same() {
    let mut object = legacy();
    assert_eq!(unknown_fields(&KIND, &object), []);
    assert_eq!(validate(&KIND, &object), []);
    crate::kind::converted::convert(&KIND, &mut object, "v1");
    assert_eq!(object["apiVersion"], "networking.k8s.io/v1");
    let paths = &object["spec"]["rules"][0]["http"]["paths"];
    assert_eq!(paths[0]["backend"], json!({"service": {"name": "httpbin", "port": {"number": 8000}}}));
    assert_eq!((&paths[0]["pathType"], &paths[1]["pathType"]), (&json!("ImplementationSpecific"), &json!("Exact")));
    assert_eq!(object["spec"]["defaultBackend"], json!({"service": {"name": "rest", "port": {"name": "web"}}}));
    assert_eq!(unknown_fields(&KIND, &object), []);
    assert_eq!(validate(&KIND, &object), []);
    crate::kind::converted::convert(&KIND, &mut object, "v1beta1");
    let mut expected = legacy();
    expected["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = json!("ImplementationSpecific");
    assert_eq!(object, expected);
}

#[test]
fn it_decodes_as_the_newer_form() {
    let Resource::Ingress(ingress) = crate::decode(&KIND, &legacy()).expect("decodes") else { panic!("an Ingress") };
    let backend = &ingress.spec.rules[0].http.as_ref().expect("paths").paths[0].backend;
    assert_eq!(backend.service.as_ref().map(|service| service.port.number), Some(8000));
}

#[test]
fn mistakes_are_told_in_its_own_words() {
    let mut object = legacy();
    object["spec"]["rules"][0]["http"]["paths"][0]["backend"] = json!({"serviceName": "A", "servicePort": 70000});
    let errors: Vec<String> = validate(&KIND, &object).iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("spec.rules[0].http.paths[0].backend.serviceName: Invalid value: \"A\": "));
    assert!(errors[1].starts_with("spec.rules[0].http.paths[0].backend.servicePort: Invalid value: 70000: "));
    object["spec"]["rules"][0]["http"]["paths"][0]["backend"] = json!({"service": {"name": "a"}});
    let unknown: Vec<String> = unknown_fields(&KIND, &object).iter().map(|error| error.path.clone()).collect();
    assert_eq!(unknown, ["spec.rules[0].http.paths[0].backend.service"]);
}
