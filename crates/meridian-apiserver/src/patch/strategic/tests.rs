use serde_json::{Value, json};

use super::apply;
use crate::resource::by_plural;

fn patched(plural: &str, object: Value, patch: Value) -> Result<Value, String> {
    apply(by_plural("", plural).expect("a served resource"), object, &patch)
}

#[test]
fn objects_and_lists_merge_as_kubernetes_does() {
    let service = json!({"metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]}, "spec": {
        "selector": {"app": "web"},
        "externalIPs": ["1.1.1.1", "2.2.2.2"],
        "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}],
    }});
    let cases: Vec<(&str, Value, &str, Value)> = vec![
        ("a field is set", json!({"spec": {"type": "NodePort"}}), "/spec/type", json!("NodePort")),
        ("a field goes with null", json!({"metadata": {"labels": {"a": null}}}), "/metadata/labels", json!({"b": "2"})),
        ("maps merge", json!({"spec": {"selector": {"v": "1"}}}), "/spec/selector", json!({"app": "web", "v": "1"})),
        (
            "a map is replaced on demand",
            json!({"spec": {"selector": {"$patch": "replace", "v": "1"}}}),
            "/spec/selector",
            json!({"v": "1"}),
        ),
        (
            "an item is merged by its key",
            json!({"spec": {"ports": [{"port": 443, "targetPort": 8443}]}}),
            "/spec/ports",
            json!([{"name": "http", "port": 80}, {"name": "https", "port": 443, "targetPort": 8443}]),
        ),
        (
            "an item goes by its key",
            json!({"spec": {"ports": [{"port": 80, "$patch": "delete"}]}}),
            "/spec/ports",
            json!([{"name": "https", "port": 443}]),
        ),
        (
            "a new item comes first, as it has no place on the server",
            json!({"spec": {"ports": [{"port": 8080}]}}),
            "/spec/ports",
            json!([{"port": 8080}, {"name": "http", "port": 80}, {"name": "https", "port": 443}]),
        ),
        (
            "the order is given",
            json!({"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 8080}, {"port": 80}],
                "ports": [{"port": 8080}]}}),
            "/spec/ports",
            json!([{"name": "https", "port": 443}, {"port": 8080}, {"name": "http", "port": 80}]),
        ),
        (
            "the order alone is given",
            json!({"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}]}}),
            "/spec/ports",
            json!([{"name": "https", "port": 443}, {"name": "http", "port": 80}]),
        ),
        (
            "a merged list is replaced on demand",
            json!({"spec": {"ports": [{"port": 1}, {"$patch": "replace"}]}}),
            "/spec/ports",
            json!([{"port": 1}]),
        ),
        (
            "another list is replaced",
            json!({"spec": {"externalIPs": ["3.3.3.3"]}}),
            "/spec/externalIPs",
            json!(["3.3.3.3"]),
        ),
        (
            "a set grows",
            json!({"metadata": {"finalizers": ["z", "x"]}}),
            "/metadata/finalizers",
            json!(["z", "x", "y"]),
        ),
        (
            "a set shrinks",
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}}),
            "/metadata/finalizers",
            json!(["y"]),
        ),
        ("other keys go", json!({"spec": {"$retainKeys": ["selector"]}}), "/spec", json!({"selector": {"app": "web"}})),
        (
            "a new object has no directives",
            json!({"spec": {"sessionAffinityConfig": {"$patch": "replace", "clientIP": {"timeoutSeconds": 1, "x": null}}}}),
            "/spec/sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 1}}),
        ),
    ];
    for (what, patch, pointer, expected) in cases {
        let result = patched("services", service.clone(), patch).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(result.pointer(pointer), Some(&expected), "{what}");
    }
}

#[test]
fn nested_lists_merge_too() {
    let pod = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}});
    let patch = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]}});
    let result = patched("pods", pod, patch).expect("merged");
    assert_eq!(
        result["spec"]["containers"][0]["env"],
        json!([{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}])
    );
    assert_eq!(result["spec"]["containers"][1], json!({"name": "b"}));
}

#[test]
fn broken_patches_say_what_is_wrong() {
    let service = json!({"spec": {"ports": [{"port": 80}]}});
    let cases = [
        (json!({"spec": {"ports": [{"name": "x"}]}}), "spec.ports: an item does not contain the field \"port\""),
        (json!({"spec": {"ports": [1]}}), "spec.ports: found an item that is not an object"),
        (json!({"spec": {"$patch": "explode"}}), "spec: found $patch: \"explode\", allowed: \"merge\""),
        (json!({"spec": {"$retainKeys": ["a"], "b": 1}}), "spec.b: $retainKeys does not name"),
    ];
    for (patch, message) in cases {
        let error = patched("services", service.clone(), patch.clone()).expect_err("broken");
        assert!(error.starts_with(message), "{patch}: {error}");
    }
}
