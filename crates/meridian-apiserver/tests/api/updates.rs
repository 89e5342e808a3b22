//! Updates that create, owners, and amounts: what client libraries rely on and `kubectl` does not show.

use serde_json::{Value, json};

use crate::http::send;
use crate::support::Lab;

const NAMESPACE: &str = "/api/v1/namespaces/default";

async fn put(lab: &Lab, path: &str, object: &Value) -> (u16, Value) {
    let answer = send(lab.address, "PUT", path, "Content-Type: application/json\r\n", &object.to_string()).await;
    (answer.code, serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body)))
}

async fn post(lab: &Lab, path: &str, object: &Value) -> (u16, Value) {
    let answer = send(lab.address, "POST", path, "Content-Type: application/json\r\n", &object.to_string()).await;
    (answer.code, serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body)))
}

#[tokio::test]
async fn an_update_creates_objects_of_some_kinds() {
    let lab = Lab::new().await;
    let service = |port: u16| {
        let metadata = json!({"name": "web", "resourceVersion": "1"});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": port}]}})
    };
    let path = format!("{NAMESPACE}/services/web");
    let (code, dry) = put(&lab, &format!("{path}?dryRun=All"), &service(80)).await;
    assert_eq!((code, &dry["spec"]["ports"][0]["port"]), (201, &json!(80)), "{dry}");
    let (code, made) = put(&lab, &path, &service(80)).await;
    assert_eq!((code, &made["spec"]["type"]), (201, &json!("ClusterIP")), "{made}");
    let (code, conflict) = put(&lab, &path, &service(81)).await;
    assert_eq!(code, 409, "it is an update now: {conflict}");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let (code, missing) = put(&lab, &format!("{NAMESPACE}/configmaps/a"), &map).await;
    assert_eq!((code, &missing["message"]), (404, &json!("configmaps \"a\" not found")));
    let claimed = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", "uid": "u"}});
    let (code, refused) = put(&lab, &format!("{NAMESPACE}/services/b"), &claimed).await;
    assert_eq!(code, 409, "{refused}");
}

#[tokio::test]
async fn an_object_has_one_controller() {
    let lab = Lab::new().await;
    let owner =
        |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "u", "controller": true});
    let metadata = json!({"name": "a", "ownerReferences": [owner("b"), owner("c")]});
    for (path, object) in [
        (format!("{NAMESPACE}/configmaps"), json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})),
        (
            "/apis/coordination.k8s.io/v1/namespaces/default/leases".to_owned(),
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}),
        ),
    ] {
        let (code, status) = post(&lab, &path, &object).await;
        let message = status["message"].as_str().unwrap_or_default();
        assert_eq!(code, 422, "{status}");
        assert!(
            message.ends_with(
                "Only one reference can have Controller set to true. Found \"true\" in references for ConfigMap/b and \
                 ConfigMap/c"
            ),
            "{message}"
        );
    }
}

#[tokio::test]
async fn amounts_are_stored_as_kubernetes_writes_them() {
    let lab = Lab::new().await;
    let resources =
        json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5, "memory": "0.5Gi"}});
    let spec = json!({"containers": [{"name": "a", "image": "a", "resources": resources}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec});
    let (code, made) = post(&lab, &format!("{NAMESPACE}/pods"), &pod).await;
    let expected = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "512Mi"}});
    assert_eq!((code, &made["spec"]["containers"][0]["resources"]), (201, &expected), "{made}");
}
