//! Service accounts and their tokens, as `kubectl create token` and `TokenReview` have them.

use meridian_apiserver::Tokens;
use meridian_identity::TokenReviewer;
use meridian_identity::token::TokenError;
use meridian_resources::core::{pod, secret, service_account};
use serde_json::{Value, json};

use crate::http::send;
use crate::support::{Lab, have_kubectl};

const JSON: &str = "Content-Type: application/json\r\n";

/// Sends a `TokenReview`, and returns its status.
async fn review(lab: &Lab, token: &str, audiences: &[&str]) -> Value {
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences},
    });
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let answer = send(lab.address, "POST", path, JSON, &body.to_string()).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
    serde_json::from_str::<Value>(&answer.body).expect("JSON")["status"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_makes_tokens_that_count() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    assert_eq!(lab.ok("create serviceaccount client").await, "serviceaccount/client created\n");
    assert_eq!(lab.ok("get sa -o name").await, "serviceaccount/client\nserviceaccount/default\n");
    let token = lab.ok("create token client --audience istio-ca --duration 15m").await;
    let status = review(&lab, token.trim(), &["vault", "istio-ca"]).await;
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["user"]["username"], "system:serviceaccount:default:client");
    assert_eq!(status["audiences"], json!(["istio-ca"]));
    let other = review(&lab, token.trim(), &[]).await;
    assert!(
        other["authenticated"].is_null() && other["error"].as_str().expect("a text").contains("--audience"),
        "{other}"
    );
    // The audience of the API itself is the default.
    let own = lab.ok("create token default").await;
    assert_eq!(review(&lab, own.trim(), &[]).await["authenticated"], true);

    let missing = lab.fails("create token nobody").await;
    assert!(missing.contains("serviceaccounts \"nobody\" not found"), "{missing}");
    let short = lab.fails("create token client --duration 10s").await;
    assert!(short.contains("may not specify a duration less than 10 minutes"), "{short}");

    lab.ok("delete sa client").await;
    lab.ok("create sa client").await;
    let gone = review(&lab, token.trim(), &["istio-ca"]).await;
    let expected = "[invalid bearer token, the token's ServiceAccount default/client does not exist any more]";
    assert_eq!(gone["error"], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_with_what_it_is_bound_to() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let pod = |account: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
            "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]},
        })
    };
    lab.api.put(&pod::KIND, pod("default")).await.expect("it works");
    let token = lab.ok("create token default --audience istio-ca --bound-object-kind Pod --bound-object-name p").await;
    let tokens = Tokens::new(lab.api.clone());
    let subject = tokens.review(token.trim(), &["istio-ca"]).await.expect("it works");
    assert_eq!(subject.pod.map(|pod| pod.name), Some("p".to_owned()));
    lab.api.remove(&pod::KIND, "default", "p").await.expect("it works");
    let ended = tokens.review(token.trim(), &["istio-ca"]).await;
    assert_eq!(ended, Err(TokenError::Gone("Pod default/p".into())));
    let missing =
        lab.fails("create token default --bound-object-kind Pod --bound-object-name p --bound-object-uid 1").await;
    assert!(missing.contains("pods \"p\" not found"), "{missing}");
    lab.api.put(&pod::KIND, pod("other")).await.expect("it works");
    let foreign = lab.fails("create token default --bound-object-kind Pod --bound-object-name p").await;
    assert!(foreign.contains("running with different serviceaccount name"), "{foreign}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_kept_and_a_new_one_ends_all_tokens() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let tokens = Tokens::new(lab.api.clone());
    let token = lab.ok("create token default --audience istio-ca").await;
    assert!(tokens.review(token.trim(), &["istio-ca"]).await.is_ok());
    // Another handle on the same store has the same key.
    let again = Tokens::new(meridian_apiserver::Api::new(lab.api.store().clone()).await.expect("it works"));
    assert!(again.review(token.trim(), &["istio-ca"]).await.is_ok());
    lab.api.remove(&secret::KIND, "kube-system", "service-account-key").await.expect("it works");
    assert!(matches!(tokens.review(token.trim(), &["istio-ca"]).await, Err(TokenError::Invalid(_))));
    let fresh = lab.ok("create token default --audience istio-ca").await;
    assert!(tokens.review(fresh.trim(), &["istio-ca"]).await.is_ok());
    assert!(matches!(tokens.review(token.trim(), &["istio-ca"]).await, Err(TokenError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_namespace_has_a_service_account() {
    let lab = Lab::new().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    lab.api.put(&meridian_resources::core::namespace::KIND, namespace).await.expect("it works");
    let collection = meridian_store::GroupResource::of(&service_account::KIND);
    let names = |namespace| {
        let list = lab.api.store().list(&collection, Some(namespace)).objects;
        list.iter().map(|object| object.key().name.to_string()).collect::<Vec<_>>()
    };
    for namespace in ["shop", "default", "istio-system"] {
        assert_eq!(names(namespace), ["default"], "{namespace}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_refused() {
    let lab = Lab::new().await;
    let path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    for (body, status, expected) in [
        (json!({"spec": {"audiences": "istio-ca"}}), 400, "spec.audiences: found \\\"istio-ca\\\", allowed: a list"),
        (json!({"spec": {"expirationSeconds": "1h"}}), 400, "spec.expirationSeconds: found \\\"1h\\\", allowed"),
        (json!({"spec": {"expirationSeconds": 8_589_934_592_u64}}), 422, "larger than 2^32 seconds"),
        (json!({"spec": {"boundObjectRef": {"kind": "Node", "name": "n"}}}), 400, "allowed: a Pod or a Secret"),
    ] {
        let answer = send(lab.address, "POST", path, JSON, &body.to_string()).await;
        assert!(answer.code == status && answer.body.contains(expected), "{body}: {} {}", answer.code, answer.body);
    }
    assert_eq!(send(lab.address, "GET", path, "", "").await.code, 405);
    let elsewhere = "/api/v1/namespaces/default/pods/p/token";
    assert_eq!(send(lab.address, "POST", elsewhere, JSON, "{}").await.code, 404);
}
