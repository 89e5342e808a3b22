//! Server-side apply in requests that `kubectl` does not make.

use serde_json::{Value, json};

use crate::http::{Answer, send};
use crate::support::Lab;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ROUTES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";

async fn patch(lab: &Lab, path: &str, media_type: &str, body: &str) -> Answer {
    let headers = format!("Content-Type: {media_type}\r\nUser-Agent: client/1.0 (linux)\r\n");
    send(lab.address, "PATCH", path, &headers, body).await
}

async fn apply(lab: &Lab, path: &str, body: &str) -> Answer {
    patch(lab, path, "application/apply-patch+yaml", body).await
}

fn object(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.body))
}

#[track_caller]
fn refused(answer: &Answer, code: u16, message: &str) {
    let status = object(answer);
    assert_eq!((answer.code, status["message"].as_str().unwrap_or_default()), (code, message), "{status}");
}

fn map(x: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": x}}).to_string()
}

#[tokio::test]
async fn an_apply_creates_and_then_changes() {
    let lab = Lab::new().await;
    let path = format!("{MAPS}/a?fieldManager=one");
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n";
    let dry = apply(&lab, &format!("{path}&dryRun=All"), yaml).await;
    assert_eq!((dry.code, send(lab.address, "GET", &format!("{MAPS}/a"), "", "").await.code), (201, 404));
    let created = apply(&lab, &path, yaml).await;
    assert_eq!(created.code, 201, "{}", created.body);
    let entry = object(&created)["metadata"]["managedFields"][0].clone();
    assert_eq!((&entry["manager"], &entry["operation"]), (&json!("one"), &json!("Apply")));
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:x": {}}}));
    let again = apply(&lab, &path, &map("1")).await;
    assert_eq!((again.code, object(&again)), (200, object(&created)), "the same again writes nothing");
    let changed = apply(&lab, &path, &map("2")).await;
    assert_eq!((changed.code, &object(&changed)["data"]["x"]), (200, &json!("2")));
}

#[tokio::test]
async fn requests_that_do_not_fit_are_refused() {
    let lab = Lab::new().await;
    let (path, one) = (format!("{MAPS}/a"), format!("{MAPS}/a?fieldManager=one"));
    refused(
        &apply(&lab, &path, &map("1")).await,
        422,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
    );
    let forced = patch(&lab, &format!("{one}&force=true"), "application/merge-patch+json", "{}").await;
    let forbidden =
        "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
    refused(&forced, 422, forbidden);
    assert_eq!(patch(&lab, &one, "application/apply-patch+cbor", "{}").await.code, 415);
    let secret = map("1").replace("ConfigMap", "Secret");
    refused(&apply(&lab, &one, &secret).await, 400, "invalid object type: /v1, Kind=Secret");
    let managed = map("1").replace("\"name\":\"a\"", "\"managedFields\":[],\"name\":\"a\"");
    refused(&apply(&lab, &one, &managed).await, 400, "metadata.managedFields must be nil");
    let other = map("1").replace("\"name\":\"a\"", "\"name\":\"b\"");
    let names = "the name of the object (b) does not match the name on the URL (a)";
    refused(&apply(&lab, &one, &other).await, 400, names);
    let unknown = map("1").replace("\"data\"", "\"dat\"");
    let typed = "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .dat: field not declared in schema";
    refused(&apply(&lab, &one, &unknown).await, 500, typed);
    assert_eq!(apply(&lab, &one, "a: [").await.code, 400);
    assert_eq!(apply(&lab, &one, "[]").await.code, 400);
    let uid = map("1").replace("\"name\":\"a\"", "\"name\":\"a\",\"uid\":\"x\"");
    let gone = "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid x, \
                and no existing object was found";
    refused(&apply(&lab, &one, &uid).await, 409, gone);
}

#[tokio::test]
async fn conflicts_have_causes() {
    let lab = Lab::new().await;
    let route = |host: &str| {
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {
            "hosts": [host], "http": [{"route": [{"destination": {"host": "a"}}]}]}})
        .to_string()
    };
    let created = apply(&lab, &format!("{ROUTES}/v?fieldManager=one"), &route("a.example.com")).await;
    assert_eq!(created.code, 201, "{}", created.body);
    let conflict = apply(&lab, &format!("{ROUTES}/v?fieldManager=two"), &route("b.example.com")).await;
    refused(&conflict, 409, "Apply failed with 1 conflict: conflict with \"one\": .spec.hosts");
    let status = object(&conflict);
    assert_eq!(status["reason"], "Conflict");
    let cause = json!({"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".spec.hosts"});
    assert_eq!(status["details"]["causes"], json!([cause]));
    let forced = apply(&lab, &format!("{ROUTES}/v?fieldManager=two&force=true"), &route("b.example.com")).await;
    assert_eq!(object(&forced)["spec"]["hosts"], json!(["b.example.com"]), "{}", forced.body);
}

#[tokio::test]
async fn who_names_no_manager_is_known_by_the_program() {
    let lab = Lab::new().await;
    let headers = "Content-Type: application/json\r\nUser-Agent: client/1.0 (linux)\r\n";
    let created = send(lab.address, "POST", MAPS, headers, &map("1")).await;
    let managers = |answer: &Answer| -> Vec<Value> {
        let entries = object(answer)["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["manager"].clone()).collect()
    };
    assert_eq!(managers(&created), ["client"]);
    let merge = "application/merge-patch+json";
    let reset = patch(&lab, &format!("{MAPS}/a"), merge, r#"{"metadata": {"managedFields": [{}]}}"#).await;
    assert_eq!(managers(&reset), Vec::<Value>::new());
    let changed = patch(&lab, &format!("{MAPS}/a"), merge, r#"{"data": {"y": "1"}}"#).await;
    assert_eq!(managers(&changed), Vec::<Value>::new(), "who is not tracked stays so until somebody applies");
    let applied = apply(&lab, &format!("{MAPS}/a?fieldManager=one"), &map("1")).await;
    assert_eq!(managers(&applied), ["one", "before-first-apply"]);
}

#[tokio::test]
async fn a_scale_is_applied_too() {
    const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
    let lab = Lab::new().await;
    let container = json!({"name": "a", "image": "a"});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec});
    let made = apply(&lab, &format!("{DEPLOYMENTS}/a?fieldManager=one"), &deployment.to_string()).await;
    assert_eq!(made.code, 201, "{}", made.body);
    let scale = |replicas: i64| {
        let metadata = json!({"name": "a", "namespace": "default"});
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": replicas}})
    };
    let path = format!("{DEPLOYMENTS}/a/scale?fieldManager=two");
    let conflict = apply(&lab, &path, &scale(3).to_string()).await;
    refused(&conflict, 409, "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
    let forced = apply(&lab, &format!("{path}&force=true"), &scale(3).to_string()).await;
    assert_eq!((forced.code, &object(&forced)["spec"]["replicas"]), (200, &json!(3)), "{}", forced.body);
    let read = object(&send(lab.address, "GET", &format!("{DEPLOYMENTS}/a"), "", "").await);
    let entries = read["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let of_two = entries.iter().find(|entry| entry["manager"] == "two").cloned().unwrap_or_default();
    assert_eq!(of_two["subresource"], "scale", "{of_two}");
    assert_eq!(of_two["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    let other = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
    assert_eq!(apply(&lab, &path, &other.to_string()).await.code, 400);
}
