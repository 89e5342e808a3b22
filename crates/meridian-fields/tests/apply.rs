//! Two managers and one object.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use meridian_fields::{Applied, ApplyError, Managed, Objects, Request, Set, TypeRef, apply, update};
use serde_json::{Value, json};

struct Services;

impl Objects for Services {
    fn type_of(&self, _: &str) -> Option<TypeRef> {
        let port = json!({"type": "object", "properties": {
            "name": {"type": "string"}, "port": {"type": "integer"}, "targetPort": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
        }});
        let strings = json!({"type": "object", "additionalProperties": {"type": "string"}});
        let schema = json!({"type": "object", "properties": {
            "apiVersion": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}, "labels": strings,
                "annotations": strings}},
            "spec": {"type": "object", "properties": {
                "type": {"type": "string"},
                "ports": {"type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"], "items": port},
            }},
        }});
        Some(TypeRef::from_openapi(&schema, &|_| None))
    }

    fn convert<'a>(&self, object: &'a Value, _: &str, _: &str) -> Cow<'a, Value> {
        Cow::Borrowed(object)
    }
}

/// An object in the hands of managers.
struct Lab {
    object: Value,
    managed: Managed,
}

impl Lab {
    fn new() -> Lab {
        Lab { object: json!({}), managed: Managed::default() }
    }

    fn with<T>(manager: &str, work: impl FnOnce(Request<'_>) -> T) -> T {
        work(Request {
            objects: &Services,
            api_version: "v1",
            manager,
            subresource: "",
            now: "2026-01-01T00:00:00Z",
            ignored: &Set::default(),
            empty: &json!({}),
        })
    }

    fn apply(&mut self, manager: &str, config: Value, force: bool) -> Result<(), ApplyError> {
        let outcome = Lab::with(manager, |request| apply(request, &self.object, &config, self.managed.clone(), force));
        let Applied { object, managed } = outcome?;
        (self.object, self.managed) = (object, managed);
        Ok(())
    }

    fn update(&mut self, manager: &str, object: Value) {
        let is_new = self.object == json!({});
        self.managed =
            Lab::with(manager, |request| update(request, &self.object, &object, self.managed.clone(), is_new));
        self.object = object;
    }

    fn managers(&self) -> Vec<String> {
        self.managed.entries().map(|(manager, _)| manager.name.clone()).collect()
    }
}

fn port(port: u16, target: u16) -> Value {
    json!({"port": port, "protocol": "TCP", "targetPort": target})
}

#[test]
fn fields_have_owners_and_conflicts_name_them() {
    let mut lab = Lab::new();
    lab.update("kubectl-create", json!({"spec": {"type": "ClusterIP", "ports": [port(80, 80)]}}));
    let error = lab.apply("one", json!({"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using v1: \
         .spec.ports[port=80,protocol=\"TCP\"].targetPort"
    );
    let both = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080}]}});
    assert_eq!(
        lab.apply("one", both.clone(), false).unwrap_err().to_string(),
        "Apply failed with 2 conflicts: conflicts with \"kubectl-create\" using v1:\n- .spec.type\n\
         - .spec.ports[port=80,protocol=\"TCP\"].targetPort"
    );
    lab.apply("one", both, true).unwrap();
    assert_eq!(lab.object["spec"], json!({"type": "NodePort", "ports": [port(80, 8080)]}));
}

#[test]
fn what_an_applier_drops_goes_and_what_others_set_stays() {
    let mut lab = Lab::new();
    lab.apply("one", json!({"spec": {"type": "ClusterIP", "ports": [port(80, 80), port(443, 443)]}}), false).unwrap();
    lab.apply("two", json!({"spec": {"ports": [port(80, 80), port(90, 90)]}}), false).unwrap();
    assert_eq!(lab.object["spec"]["ports"], json!([port(80, 80), port(443, 443), port(90, 90)]));
    lab.apply("one", json!({"spec": {"type": "ClusterIP"}}), false).unwrap();
    assert_eq!(lab.object["spec"]["ports"], json!([port(80, 80), port(90, 90)]));
    lab.apply("two", json!({}), false).unwrap();
    assert_eq!(lab.object["spec"], json!({"type": "ClusterIP"}));
    assert_eq!(lab.managers(), ["one"]);
}

#[test]
fn an_untracked_object_is_tracked_from_the_first_apply() {
    let mut lab = Lab { object: json!({"spec": {"type": "ClusterIP"}}), managed: Managed::default() };
    lab.update("put", json!({"spec": {"type": "NodePort"}}));
    assert!(lab.managed.is_empty());
    lab.apply("one", json!({"metadata": {"labels": {"a": "b"}}}), false).unwrap();
    assert_eq!(lab.managers(), ["before-first-apply", "one"]);
}

#[test]
fn the_oldest_updaters_share_an_entry() {
    let mut lab = Lab::new();
    for i in 0..12 {
        let mut object = lab.object.clone();
        object["metadata"]["labels"][format!("l{i}")] = "x".into();
        lab.update(&format!("m{i:02}"), object);
    }
    let managers = lab.managers();
    assert_eq!(managers.len(), 10, "{managers:?}");
    assert!(managers.contains(&"ancient-changes".to_owned()), "{managers:?}");
}

#[test]
fn kubectl_takes_over_what_it_applied_on_the_client_side() {
    let last = json!({"apiVersion": "v1", "spec": {"type": "ClusterIP"}}).to_string();
    let annotations = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    let object = json!({"apiVersion": "v1", "metadata": {"annotations": annotations}, "spec": {"type": "ClusterIP"}});
    let config = json!({"spec": {"type": "NodePort"}});
    let mut lab = Lab::new();
    lab.update("kubectl-client-side-apply", object.clone());
    assert!(matches!(lab.apply("other", config.clone(), false), Err(ApplyError::Conflicts(_))));
    lab.apply("kubectl", config, false).unwrap();
    let annotation = &lab.object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert_eq!(*annotation, "{\"spec\":{\"type\":\"NodePort\"}}\n");
}

#[test]
fn an_owner_of_a_part_owns_the_whole_when_it_does_not_split_any_more() {
    // Labels that were owned one by one are one field in this type.
    struct Atomic;
    impl Objects for Atomic {
        fn type_of(&self, _: &str) -> Option<TypeRef> {
            let labels = json!({"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}});
            Some(TypeRef::from_openapi(&json!({"type": "object", "properties": {"labels": labels}}), &|_| None))
        }

        fn convert<'a>(&self, object: &'a Value, _: &str, _: &str) -> Cow<'a, Value> {
            Cow::Borrowed(object)
        }
    }
    let entry = json!([{"manager": "one", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:labels": {".": {}, "f:a": {}}}}]);
    let managed = Managed::from_json(Some(&entry)).unwrap();
    let live = json!({"labels": {"a": "b"}});
    let changed = json!({"labels": {"a": "c"}});
    let request = Request {
        objects: &Atomic,
        api_version: "v1",
        manager: "two",
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        ignored: &Set::default(),
        empty: &json!({}),
    };
    let same = update(request, &live, &live, managed.clone(), false);
    assert_eq!(same.to_json().unwrap()[0]["fieldsV1"], json!({"f:labels": {}}));
    let error = apply(request, &live, &changed, managed, false).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .labels");
}

#[test]
fn managers_of_versions_that_are_gone_are_forgotten() {
    struct OnlyV1;
    impl Objects for OnlyV1 {
        fn type_of(&self, api_version: &str) -> Option<TypeRef> {
            (api_version == "v1").then_some(TypeRef::Deduced)
        }

        fn convert<'a>(&self, object: &'a Value, _: &str, _: &str) -> Cow<'a, Value> {
            Cow::Borrowed(object)
        }
    }
    let entry = |version: &str| {
        json!({"manager": version, "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {}}})
    };
    let managed = Managed::from_json(Some(&json!([entry("v1"), entry("v0")]))).unwrap();
    let request = Request {
        objects: &OnlyV1,
        api_version: "v1",
        manager: "one",
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        ignored: &Set::default(),
        empty: &json!({}),
    };
    let after = update(request, &json!({"spec": 1}), &json!({"spec": 1}), managed, false);
    let left: Vec<&str> = after.entries().map(|(manager, _)| manager.name.as_str()).collect();
    assert_eq!(left, ["v1"]);
}
