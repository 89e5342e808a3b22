use super::*;
use crate::cluster::ClusterError;
use crate::managed::tests::gateway;
use meridian_resources::{ObjectRef, kind, yaml};
use std::time::Duration;

fn started() -> State {
    let mut state = State::new(Installation::default());
    state.take(Input::InStep);
    state
}

fn want(state: &mut State, gateway: Option<ManagedGateway>) {
    state.take(Input::Wanted("shop".into(), "edge".into(), gateway.map(Arc::new)));
}

fn put(state: &mut State, text: &str) {
    for document in yaml::parse(text, "test.yaml") {
        state.take(Input::Put(document.object.unwrap().decode().unwrap()));
    }
}

fn gone(state: &mut State, group: &str, name: &str, object: &str) {
    let kind = kind::by_group_kind(group, name).unwrap();
    state.take(Input::Gone(ObjectRef { kind, namespace: Some("shop".into()), name: object.into() }));
}

fn kinds(plan: &Plan) -> (String, String) {
    let applied: Vec<&str> = plan.apply.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let deleted: Vec<String> = plan.delete.iter().map(|id| format!("{} {}", id.kind, id.name)).collect();
    (applied.join(" "), deleted.join(", "))
}

/// Carries out what is to be done, if anything.
fn work(state: &mut State) -> Option<(String, String)> {
    let now = Instant::now();
    let (key, plan) = state.next_plan(now)?;
    let done = kinds(&plan);
    state.finished(&key, Outcome { applied: plan.apply, deleted: plan.delete, failure: None }, now);
    Some(done)
}

fn pair(applied: &str, deleted: &str) -> Option<(String, String)> {
    Some((applied.to_owned(), deleted.to_owned()))
}

const ALL: &str = "ServiceAccount Service Deployment";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata:
  name: edge-meridian
  namespace: shop
  labels: {gateway.networking.k8s.io/gateway-name: edge, gateway.istio.io/managed: meridian.dev-gateway-controller}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.5}]}}
";

const SLICE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: edge-meridian-x
  namespace: shop
  labels: {gateway.networking.k8s.io/gateway-name: edge, kubernetes.io/service-name: edge-meridian}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
";

#[tokio::test]
async fn only_what_is_different_is_applied() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    assert_eq!(work(&mut state), pair(ALL, ""));
    assert_eq!(work(&mut state), None);
    want(&mut state, Some(gateway()));
    assert_eq!(work(&mut state), None, "nothing is different");
    let mut other = gateway();
    other.ports.insert((8080, meridian_translate::Transport::Tcp));
    want(&mut state, Some(other));
    assert_eq!(work(&mut state), pair("Service", ""));
    put(&mut state, SERVICE);
    put(&mut state, SLICE);
    assert_eq!(work(&mut state), None, "what is seen is no news");
}

#[tokio::test]
async fn what_others_change_is_put_back() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    work(&mut state);
    put(&mut state, SERVICE);
    put(&mut state, &SERVICE.replace("203.0.113.5", "203.0.113.6"));
    assert_eq!(work(&mut state), None, "a status is the load balancer's");
    put(&mut state, &SERVICE.replace("LoadBalancer,", "ClusterIP,"));
    assert_eq!(work(&mut state), pair(ALL, ""));
    gone(&mut state, "", "Service", "edge-meridian");
    assert_eq!(work(&mut state), pair(ALL, ""));
    put(&mut state, SLICE);
    gone(&mut state, "discovery.k8s.io", "EndpointSlice", "edge-meridian-x");
    assert_eq!(work(&mut state), pair(ALL, ""), "its Deployment may be gone");
    gone(&mut state, "", "ServiceAccount", "other");
    assert_eq!(work(&mut state), None);
}

#[tokio::test]
async fn a_gateway_of_another_class_gets_other_objects() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    work(&mut state);
    want(&mut state, Some(ManagedGateway { class: "other".into(), ..gateway() }));
    let old = "Deployment edge-meridian, Service edge-meridian, ServiceAccount edge-meridian";
    assert_eq!(work(&mut state), pair(ALL, old));
    want(&mut state, None);
    assert_eq!(work(&mut state), pair("", &old.replace("meridian", "other")));
    assert_eq!(work(&mut state), None);
    assert!(state.gateways.is_empty());
}

#[tokio::test]
async fn a_gateway_that_is_made_again_gets_its_objects_again() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    work(&mut state);
    want(&mut state, Some(ManagedGateway { uid: "5678".into(), ..gateway() }));
    assert_eq!(work(&mut state), pair(ALL, ""));
}

#[tokio::test]
async fn nothing_is_done_before_everything_is_known() {
    let mut state = State::new(Installation::default());
    put(&mut state, SERVICE);
    assert_eq!(work(&mut state), None);
    assert_eq!(state.provisions(), []);
    state.take(Input::InStep);
    let left = "Deployment edge-meridian, Service edge-meridian, ServiceAccount edge-meridian";
    assert_eq!(work(&mut state), pair("", left), "an earlier life has made it for a Gateway that is gone");
}

#[tokio::test]
async fn failures_are_told_and_tried_again_later() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    let now = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let due = state.next_retry().unwrap_or(now);
        waits.push(due.duration_since(now));
        let (key, _) = state.next_plan(due).unwrap();
        let failure = Some(ClusterError::Refused("quota exceeded".to_owned()));
        state.finished(&key, Outcome { failure, ..Outcome::default() }, due);
        assert_eq!(state.next_plan(due), None);
    }
    assert_eq!(waits[1], Duration::from_millis(500));
    assert_eq!(waits[7] - waits[6], Duration::from_secs(30));
    let told = state.provisions().remove(0).provision.problem.unwrap();
    assert_eq!((told.condition, told.reason), ("Programmed", "NoResources"));
    assert!(told.message.contains("quota exceeded"), "{}", told.message);
    want(&mut state, Some(gateway()));
    assert_eq!(work(&mut state), pair(ALL, ""), "something else is wanted: tried at once");
    assert_eq!(state.next_retry(), None);
}

#[tokio::test]
async fn what_became_of_it_is_told_once() {
    let mut state = started();
    want(&mut state, Some(gateway()));
    work(&mut state);
    let told = |state: &mut State| -> Vec<String> {
        let reason = |told: Provisioned| told.provision.problem.map_or("ready", |problem| problem.reason).to_owned();
        state.provisions().into_iter().map(reason).collect()
    };
    assert_eq!(told(&mut state), ["Pending"]);
    put(&mut state, SERVICE);
    assert_eq!(told(&mut state), ["Pending"], "for another reason");
    put(&mut state, SLICE);
    assert_eq!(told(&mut state), ["ready"]);
    put(&mut state, SLICE);
    assert_eq!(told(&mut state), [""; 0]);
    put(&mut state, &SLICE.replace("ready: true", "ready: false"));
    assert_eq!(told(&mut state), ["Pending"]);
}

#[tokio::test]
async fn settings_are_followed() {
    let mut state = started();
    let reference = |kind: &str| meridian_resources::gateway_api::common::ObjectReference {
        group: String::new(),
        kind: kind.to_owned(),
        name: "own".to_owned(),
        namespace: None,
    };
    want(&mut state, Some(ManagedGateway { parameters: Some(reference("ConfigMap")), ..gateway() }));
    assert_eq!(work(&mut state), None);
    let told = state.provisions().remove(0).provision.problem.unwrap();
    assert_eq!((told.condition, told.reason), ("Accepted", "InvalidParameters"));
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: shop}\ndata: {service: 'spec: {type: ClusterIP}'}\n";
    put(&mut state, map);
    assert_eq!(work(&mut state), pair(ALL, ""));
    put(&mut state, &map.replace("ClusterIP", "NodePort"));
    assert_eq!(work(&mut state), pair("Service", ""));
    assert_eq!(state.provisions().remove(0).provision.problem.unwrap().reason, "Pending");
    gone(&mut state, "", "ConfigMap", "own");
    assert_eq!(work(&mut state), None, "what there is stays");
    assert_eq!(state.provisions().remove(0).provision.problem.unwrap().reason, "InvalidParameters");
}

#[tokio::test]
async fn a_name_that_no_label_can_have_is_refused() {
    let mut state = started();
    let name = "x".repeat(64);
    let gateway = ManagedGateway { name: name.as_str().into(), ..gateway() };
    state.take(Input::Wanted("shop".into(), name.as_str().into(), Some(Arc::new(gateway))));
    assert_eq!(work(&mut state), None);
    let told = state.provisions().remove(0).provision.problem.unwrap();
    assert!(told.message.contains("at most 63 characters"), "{}", told.message);
}
