use super::merge;
use serde_json::{Value, json};

fn merged(mut target: Value, patch: Value) -> Value {
    merge(&mut target, &patch);
    target
}

#[test]
fn lists_of_named_things_are_merged_by_name() {
    let below = json!({"containers": [
        {"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["1", "2"]},
        {"name": "b"},
    ]});
    let patch = json!({"containers": [
        {"name": "p"},
        {"name": "a", "env": [{"name": "Y", "value": "3"}], "args": ["9"]},
    ]});
    let expected = json!({"containers": [
        {"name": "p"},
        {"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}], "args": ["9"]},
        {"name": "b"},
    ]});
    assert_eq!(merged(below, patch), expected);
}

#[test]
fn what_only_the_patch_has_goes_first() {
    let below = json!({"volumes": [{"name": "own"}]});
    let patch = json!({"volumes": [{"name": "x"}, {"name": "y"}]});
    assert_eq!(merged(below, patch), json!({"volumes": [{"name": "x"}, {"name": "y"}, {"name": "own"}]}));
}

#[test]
fn null_takes_a_field_away_and_the_rest_is_replaced() {
    let below = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"});
    assert_eq!(
        merged(below, json!({"a": {"b": null, "c": [3]}, "d": {"e": 1}})),
        json!({"a": {"c": [3]}, "d": {"e": 1}})
    );
    assert_eq!(merged(Value::Null, json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
}
