//! What holds for any objects and any sets.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use meridian_fields::{
    Duplicates, Managed, Objects, Operation, Request, Set, TypeRef, apply, compare, fields_of, merge, remove, update,
    validate,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A kind with fields of every sort.
struct Kind(TypeRef);

impl Objects for Kind {
    fn type_of(&self, api_version: &str) -> Option<TypeRef> {
        (api_version == "v1").then(|| self.0.clone())
    }

    fn convert<'a>(&self, object: &'a Value, _: &str, _: &str) -> Cow<'a, Value> {
        Cow::Borrowed(object)
    }
}

fn kind() -> Kind {
    let item = json!({"type": "object", "properties": {
        "a": {"type": "string"}, "b": {"type": "integer", "default": 1}, "c": {"type": "string"},
        "d": {"type": "object", "additionalProperties": {"type": "string"}},
    }});
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "object", "additionalProperties": {"type": "string"}},
        "b": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"], "items": item},
        "c": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "d": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "e": {"type": "array", "items": item},
        "f": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "g": {"type": "integer"},
    }});
    Kind(TypeRef::from_openapi(&schema, &|_| None))
}

/// Any JSON, of few names, so that values meet.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3i64).prop_map(Value::from),
        Just(json!(1.0)),
        "[xyz]".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-g]", inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = Value> {
    "[xyz]".prop_map(Value::from)
}

fn texts() -> impl Strategy<Value = Value> {
    vec(("[p-s]", text()), 1..4).prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn item() -> impl Strategy<Value = Value> {
    (text(), 0..3i64, proptest::option::of(text()), proptest::option::of(texts())).prop_map(|(a, b, c, d)| {
        let mut item = json!({"a": a, "b": b});
        if let Some(c) = c {
            item["c"] = c;
        }
        if let Some(d) = d {
            item["d"] = d;
        }
        item
    })
}

fn distinct(items: Vec<Value>, key: fn(&Value) -> String) -> Value {
    let mut seen = std::collections::BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(key(item))).collect::<Vec<Value>>().into()
}

/// An object that fits the type and names no item twice.
fn fitting() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        texts().prop_map(|value| ("a", value)),
        vec(item(), 1..4).prop_map(|items| ("b", distinct(items, |item| format!("{}{}", item["a"], item["b"])))),
        vec(text(), 1..4).prop_map(|items| ("c", distinct(items, Value::to_string))),
        texts().prop_map(|value| ("d", value)),
        vec(item(), 1..4).prop_map(|items| ("e", items.into())),
        texts().prop_map(|value| ("f", value)),
        (0..3i64).prop_map(|value| ("g", value.into())),
    ];
    vec(field, 0..6).prop_map(|fields| {
        let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(fields)
    })
}

fn request<'a>(kind: &'a Kind, manager: &'a str, nothing: &'a Set, empty: &'a Value) -> Request<'a> {
    Request {
        objects: kind,
        api_version: "v1",
        manager,
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        ignored: nothing,
        empty,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_survives_its_json(value in fitting()) {
        let set = fields_of(&kind().0, &value);
        prop_assert_eq!(Set::from_json(&set.to_json()).unwrap(), set);
    }

    #[test]
    fn what_is_taken_apart_fits_together(a in fitting(), b in fitting()) {
        let type_ = kind().0;
        let (a, b) = (fields_of(&type_, &a), fields_of(&type_, &b));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert_eq!(a.clone().union(&b), b.clone().union(&a));
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert!(a.recursive_difference(&b).difference(&a).is_empty());
    }

    #[test]
    fn a_comparison_turns_around(a in fitting(), b in fitting()) {
        let type_ = kind().0;
        prop_assert!(compare(&type_, &a, &a).is_same());
        let (there, back) = (compare(&type_, &a, &b), compare(&type_, &b, &a));
        prop_assert_eq!(&there.added, &back.removed);
        prop_assert_eq!(&there.modified, &back.modified);
        prop_assert_eq!(there.is_same(), a == b);
    }

    #[test]
    fn merging_again_changes_nothing(live in fitting(), applied in fitting()) {
        let type_ = kind().0;
        let once = merge(&type_, &live, &applied).unwrap();
        prop_assert_eq!(merge(&type_, &once, &applied).unwrap(), once.clone());
        // What was applied is there.
        let lost = fields_of(&type_, &applied).difference(&fields_of(&type_, &once));
        prop_assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn what_is_removed_is_gone_and_nothing_else(value in fitting(), other in fitting()) {
        let type_ = kind().0;
        let all = fields_of(&type_, &value);
        let gone = all.intersection(&fields_of(&type_, &other));
        let left = fields_of(&type_, &remove(&type_, &value, &gone));
        prop_assert!(left.intersection(&gone).is_empty());
        let lost = all.difference(&left);
        let below = |path: &Vec<_>| gone.paths().iter().any(|gone| path.starts_with(gone));
        prop_assert!(lost.paths().iter().all(below));
    }

    #[test]
    fn a_forced_apply_wins(live in fitting(), first in fitting(), second in fitting()) {
        let (kind, nothing, empty) = (kind(), Set::default(), json!({}));
        let created = update(request(&kind, "creator", &nothing, &empty), &empty, &live, Managed::default(), true);
        let one = request(&kind, "one", &nothing, &empty);
        let once = apply(one, &live, &first, created, true).unwrap();
        let owned = |managed: &Managed| {
            let mut mine = managed.entries().filter(|(manager, _)| manager.operation == Operation::Apply);
            mine.next().map(|(_, entry)| entry.set.clone()).unwrap_or_default()
        };
        prop_assert_eq!(owned(&once.managed), fields_of(&kind.0, &first));
        // Every field that is set has the value that was applied.
        let merged = merge(&kind.0, &once.object, &first).unwrap();
        prop_assert!(compare(&kind.0, &once.object, &merged).is_same());
        // The same again changes nothing.
        let again = apply(one, &once.object, &first, once.managed.clone(), false).unwrap();
        prop_assert_eq!(&again.object, &once.object);
        prop_assert_eq!(&again.managed, &once.managed);
        // What is not applied any more goes, unless somebody else owns it.
        let twice = apply(one, &once.object, &second, once.managed, true).unwrap();
        let others = twice.managed.entries().filter(|(manager, _)| manager.operation == Operation::Update);
        let kept = others.fold(fields_of(&kind.0, &second), |kept, (_, entry)| kept.union(&entry.set));
        for path in fields_of(&kind.0, &first).difference(&kept).paths() {
            // What holds something that stays, stays.
            let holds = kept.paths().iter().any(|kept| kept.starts_with(&path));
            prop_assert!(holds || !fields_of(&kind.0, &twice.object).has(&path), "{:?} is left", path);
        }
        prop_assert_eq!(owned(&twice.managed), fields_of(&kind.0, &second));
    }

    #[test]
    fn nothing_panics(a in any_json(), b in any_json(), c in any_json()) {
        let (kind, nothing, empty) = (kind(), Set::default(), json!({}));
        for type_ in [kind.0.clone(), TypeRef::Deduced, TypeRef::Atomic] {
            let _ = validate(&type_, &a, Duplicates::Allowed);
            let _ = compare(&type_, &a, &b);
            let _ = merge(&type_, &a, &b);
            let _ = remove(&type_, &a, &fields_of(&type_, &b));
        }
        let _ = Managed::from_json(Some(&c));
        let _ = Set::from_json(&c);
        let one = request(&kind, "one", &nothing, &empty);
        let managed = update(one, &empty, &a, Managed::default(), true);
        let managed = update(one, &a, &b, managed, false);
        let _ = apply(one, &b, &c, managed, true);
    }
}
