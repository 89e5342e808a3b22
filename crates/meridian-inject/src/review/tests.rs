use super::{Answer, Outcome, environment, review};
use crate::Settings;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

fn ask(pod: &Value, path: &str) -> Answer {
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u-1", "namespace": "shop", "object": pod}});
    review(body.to_string().as_bytes(), path, &Settings::default()).unwrap()
}

/// The pod as the API server makes it from the answer.
fn patched(pod: &Value, answer: &Answer) -> Value {
    let patch = answer.review["response"]["patch"].as_str().unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &patch).unwrap();
    pod
}

fn pod() -> Value {
    json!({"metadata": {"generateName": "web-", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "app"}]}})
}

#[test]
fn a_pod_is_patched_once() {
    let first = ask(&pod(), "/inject");
    assert_eq!((first.pod.as_str(), &first.outcome), ("shop/web-*", &Outcome::Injected));
    let response = &first.review["response"];
    assert_eq!(
        (&response["uid"], &response["allowed"], &response["patchType"]),
        (&"u-1".into(), &true.into(), &"JSONPatch".into())
    );
    let injected = patched(&pod(), &first);
    assert_eq!(injected["spec"]["initContainers"][1]["name"], "istio-proxy");
    let again = ask(&injected, "/inject");
    assert!(matches!(again.outcome, Outcome::Skipped(_)), "{:?}", again.outcome);
    assert!(again.review["response"].get("patch").is_none());
}

#[test]
fn the_path_sets_variables_of_the_proxy() {
    let answer = ask(&pod(), "/inject/cluster/east/net/n--slash--1/foo/bar/odd");
    let injected = patched(&pod(), &answer);
    let proxy = &injected["spec"]["initContainers"][1]["env"];
    for (name, value) in [("ISTIO_META_CLUSTER_ID", "east"), ("ISTIO_META_NETWORK", "n/1"), ("FOO", "bar")] {
        assert!(proxy.as_array().unwrap().contains(&json!({"name": name, "value": value})), "{name}");
    }
    assert!(environment("/inject").is_empty() && environment("/inject/").is_empty());
}

#[test]
fn a_wrong_pod_is_refused_and_a_doubtful_one_is_warned_of() {
    let mut wrong = pod();
    wrong["metadata"]["annotations"] = json!({"sidecar.istio.io/proxyMemory": "much"});
    let response = ask(&wrong, "/inject").review["response"].clone();
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&false.into(), &422.into()));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("annotation sidecar.istio.io/proxyMemory: found \"much\", allowed: a quantity"),
        "{message}"
    );
    let mut doubtful = pod();
    doubtful["metadata"]["annotations"] = json!({format!("sidecar.istio.io/{}", "x".repeat(400)): ""});
    let response = ask(&doubtful, "/inject").review["response"].clone();
    assert_eq!(response["allowed"], true);
    assert_eq!(response["warnings"][0].as_str().unwrap().chars().count(), 256);
}

#[test]
fn what_is_no_review_is_told() {
    for (body, told) in [
        ("{", "the body is no JSON"),
        ("{}", "found apiVersion \"\" and kind \"\""),
        (r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#, "the AdmissionReview has no request"),
    ] {
        let error = review(body.as_bytes(), "/inject", &Settings::default()).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
}
