use super::*;
use crate::values::{Profile, Values};
use std::collections::BTreeSet;

fn all(profile: Profile, settings: &[&str]) -> Vec<Value> {
    let settings: Vec<_> = settings.iter().map(|text| text.parse().unwrap()).collect();
    manifests(&Values::new(profile, "istio-system", &[], &settings).unwrap())
}

fn find<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    all.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
}

#[test]
fn every_object_is_ours_of_a_known_kind_and_there_once() {
    let all = all(Profile::Default, &["replicas=2"]);
    let mut seen = BTreeSet::new();
    for object in &all {
        let (_, kind) = kinds::of(object).unwrap();
        let api_version = if kind.group.is_empty() { "v1".into() } else { format!("{}/{}", kind.group, kind.version) };
        assert_eq!(object["apiVersion"], api_version, "{object}");
        assert_eq!(object["metadata"]["labels"][OWNER], "istio-system", "{object}");
        let namespace = object["metadata"]["namespace"].as_str();
        assert_eq!(namespace, kind.namespaced.then_some("istio-system"), "{object}");
        assert!(seen.insert(crate::called(object)), "{object}");
    }
    let places: Vec<_> = all.iter().map(|object| kinds::of(object).unwrap().0).collect();
    assert!(places.is_sorted());
}

#[test]
fn the_minimal_profile_is_the_control_plane_alone() {
    let all = all(Profile::Minimal, &[]);
    let deployments: Vec<_> = all.iter().filter(|object| object["kind"] == "Deployment").map(crate::called).collect();
    assert_eq!(deployments, ["Deployment istio-system/istiod"]);
    let injecting = |all: &[Value]| all.iter().any(|object| object["kind"] == "MutatingWebhookConfiguration");
    assert!(injecting(&all), "Istio's minimal profile injects too");
    let all = self::all(Profile::Minimal, &["sidecarInjector.enabled=false"]);
    assert!(!injecting(&all));
    let ports = &find(&all, "Service", "istiod")["spec"]["ports"];
    assert!(!ports.to_string().contains("15017"), "{ports}");
}

#[test]
fn pods_are_injected_where_that_is_wanted() {
    let all = all(Profile::Default, &[]);
    let webhook = find(&all, "MutatingWebhookConfiguration", "istio-sidecar-injector");
    let service = &webhook["webhooks"][0]["clientConfig"]["service"];
    let ports = find(&all, "Service", service["name"].as_str().unwrap())["spec"]["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["port"] == service["port"]).unwrap();
    let container = &find(&all, "Deployment", "istiod")["spec"]["template"]["spec"]["containers"][0];
    let listens = format!("--injection=0.0.0.0:{}", port["targetPort"]);
    assert!(container["args"].as_array().unwrap().contains(&listens.into()), "{container}");
}

#[test]
fn the_mesh_configuration_is_yaml_in_a_config_map() {
    let all = all(Profile::Minimal, &["meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY"]);
    let mesh = find(&all, "ConfigMap", "istio")["data"]["mesh"].as_str().unwrap();
    assert_eq!(mesh, "outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n");
}

#[test]
fn pods_get_what_the_values_say_of_them() {
    let all = all(
        Profile::Default,
        &[
            "pod.podAnnotations.team=edge",
            "pod.env.GOMAXPROCS=two",
            "gateways.istio-ingressgateway.pod.nodeSelector.disk=ssd",
        ],
    );
    let template = |name: &str| &find(&all, "Deployment", name)["spec"]["template"];
    let istiod = template("istiod");
    assert_eq!(istiod["metadata"]["annotations"]["team"], "edge");
    assert_eq!(istiod["spec"]["containers"][0]["env"][2], json!({"name": "GOMAXPROCS", "value": "two"}));
    assert_eq!(template("istio-ingressgateway")["spec"]["nodeSelector"], json!({"disk": "ssd"}));
}

#[test]
fn the_control_plane_writes_secrets_in_its_own_namespace_alone() {
    let all = all(Profile::Default, &[]);
    let role = find(&all, "ClusterRole", "istiod-istio-system");
    for rule in role["rules"].as_array().unwrap() {
        let has = |field: &str, word: &str| rule[field].as_array().unwrap().iter().any(|item| item == word);
        assert!(!has("verbs", "*") && !has("resources", "*") && !has("apiGroups", "*"), "{rule}");
        if has("resources", "secrets") {
            assert_eq!(rule["verbs"], json!(["get", "list", "watch"]));
        }
    }
}
