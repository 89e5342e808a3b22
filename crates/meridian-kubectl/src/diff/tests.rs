use super::*;
use crate::discovery::Resource;

fn merge(original: Value, modified: Value, current: Value) -> Value {
    three_way(&original, &modified, &current, None)
}

#[test]
fn what_is_not_said_any_more_goes_and_what_others_said_stays() {
    let patch = merge(
        json!({"spec": {"a": 1, "gone": 2}}),
        json!({"spec": {"a": 3}}),
        json!({"spec": {"a": 1, "gone": 2, "other": 4}, "status": {}}),
    );
    assert_eq!(patch, json!({"spec": {"a": 3, "gone": null}}));
}

#[test]
fn an_object_that_says_the_same_is_left() {
    let object = json!({"spec": {"a": [1, {"b": 2}], "n": 1}});
    assert_eq!(merge(object.clone(), object.clone(), object.clone()), json!({}));
    assert_eq!(merge(Value::Null, object, json!({"spec": {"a": [1, {"b": 2}], "n": 1.0}, "more": 1})), json!({}));
}

#[test]
fn lists_are_replaced_without_a_schema() {
    let patch = merge(json!({"a": [1, 2]}), json!({"a": [2]}), json!({"a": [1, 2, 3]}));
    assert_eq!(patch, json!({"a": [2]}));
}

#[test]
fn null_takes_nothing_away_in_a_merge_patch() {
    assert_eq!(merge(json!({}), json!({"a": null}), json!({"a": 1})), json!({}));
    assert_eq!(merge(json!({"a": 1}), json!({"a": null}), json!({"a": 1})), json!({"a": null}));
}

fn document() -> Value {
    let list = |key: &str| {
        json!({"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": key,
            "items": {"$ref": "#/components/schemas/Port"}})
    };
    json!({"components": {"schemas": {
        "Port": {"properties": {"port": {}, "name": {}}},
        "Spec": {"properties": {
            "ports": list("port"),
            "set": {"type": "array", "x-kubernetes-patch-strategy": "merge"},
            "strategy": {"allOf": [{"$ref": "#/components/schemas/Port"}], "x-kubernetes-patch-strategy": "retainKeys"},
        }},
        "Service": {
            "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Service"}],
            "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}]}},
        },
    }}})
}

fn strategic(original: Value, modified: Value, current: Value) -> Value {
    let resource = Resource {
        group: String::new(),
        version: "v1".into(),
        kind: "Service".into(),
        plural: "services".into(),
        singular: "service".into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: Vec::new(),
        subresources: Vec::new(),
    };
    let document = document();
    let [original, modified, current] = [original, modified, current].map(|spec| json!({"spec": spec}));
    let patch = three_way(&original, &modified, &current, Some(Schema::of(&document, &resource)));
    patch.get("spec").cloned().unwrap_or_else(|| json!({}))
}

#[test]
fn items_are_compared_by_their_key() {
    let patch = strategic(
        json!({"ports": [{"port": 80, "name": "a"}, {"port": 81}]}),
        json!({"ports": [{"port": 80, "name": "b"}, {"port": 82}]}),
        json!({"ports": [{"port": 80, "name": "a", "nodePort": 1}, {"port": 81}, {"port": 90}]}),
    );
    let expected = json!({
        "$setElementOrder/ports": [{"port": 80}, {"port": 82}],
        "ports": [{"port": 80, "name": "b"}, {"port": 82}, {"$patch": "delete", "port": 81}],
    });
    assert_eq!(patch, expected);
    let same = json!({"ports": [{"port": 80, "name": "a"}]});
    let current = json!({"ports": [{"port": 80, "name": "a", "protocol": "TCP"}]});
    assert_eq!(strategic(same.clone(), same, current), json!({}));
}

#[test]
fn sets_lose_what_was_applied_and_is_not_any_more() {
    let patch = strategic(json!({"set": ["a", "b"]}), json!({"set": ["b", "c"]}), json!({"set": ["a", "b", "x"]}));
    let expected = json!({
        "$setElementOrder/set": ["b", "c"], "set": ["c"], "$deleteFromPrimitiveList/set": ["a"],
    });
    assert_eq!(patch, expected);
}

#[test]
fn a_union_keeps_only_what_is_given() {
    let patch = strategic(json!({}), json!({"strategy": {"port": 1}}), json!({"strategy": {"name": "x"}}));
    assert_eq!(patch, json!({"strategy": {"port": 1, "$retainKeys": ["port"]}}));
}

#[test]
fn null_takes_a_default_away() {
    assert_eq!(strategic(json!({}), json!({"a": null}), json!({"a": 1})), json!({"a": null}));
}
