//! Requests of which `kubectl` shows too little.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use meridian_store::Store;
use serde_json::{Value, json};

use crate::support::Lab;

const ROUTES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// An answer: status code, headers as they came, and the body.
pub(crate) struct Answer {
    pub(crate) code: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// One request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let exchange = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    });
    let answer = exchange.await.expect("a thread");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") { dechunk(body) } else { body.to_owned() };
    Answer { code, head: head.to_owned(), body }
}

fn dechunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        body.push_str(&rest[..size]);
        text = &rest[size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}

async fn get(lab: &Lab, path: &str) -> Answer {
    send(lab.address, "GET", path, "", "").await
}

async fn write(lab: &Lab, method: &str, path: &str, body: &Value) -> Answer {
    send(lab.address, method, path, "Content-Type: application/json\r\n", &body.to_string()).await
}

fn route(name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name},
        "spec": {"hosts": ["a.example.com"], "http": [{"route": [{"destination": {"host": "a"}}]}]},
    })
}

async fn map(lab: &Lab, name: &str) -> Value {
    let answer = write(lab, "POST", MAPS, &json!({"metadata": {"name": name}})).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_status_objects() {
    let lab = Lab::new().await;
    let mut existing = route("there");
    assert_eq!(write(&lab, "POST", ROUTES, &existing).await.code, 201);
    let details = json!({"name": "nope", "group": "networking.istio.io", "kind": "virtualservices"});
    let missing = get(&lab, &format!("{ROUTES}/nope")).await.json();
    let expected = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
        "message": "virtualservices.networking.istio.io \"nope\" not found", "details": details,
    });
    assert_eq!(missing, expected);

    existing["spec"]["hosts"] = json!("a");
    existing["spec"]["http"][0]["timeout"] = json!(3);
    let invalid = write(&lab, "POST", ROUTES, &existing).await.json();
    assert_eq!((&invalid["reason"], &invalid["code"]), (&json!("Invalid"), &json!(422)));
    let fields: Vec<&Value> =
        invalid["details"]["causes"].as_array().expect("causes").iter().map(|c| &c["field"]).collect();
    assert!(fields.contains(&&json!("spec.hosts")) && fields.contains(&&json!("spec.http[0].timeout")), "{invalid}");

    let cases: Vec<(&str, String, Value, u16, &str, &str)> = vec![
        ("POST", ROUTES.into(), route("there"), 409, "AlreadyExists", "\"there\" already exists"),
        (
            "PUT",
            format!("{ROUTES}/there"),
            route("there"),
            422,
            "Invalid",
            "metadata.resourceVersion: Invalid value: 0: must be specified for an update",
        ),
        (
            "PUT",
            format!("{ROUTES}/there"),
            route("other"),
            400,
            "BadRequest",
            "the name of the object (other) does not match the name on the URL (there)",
        ),
        ("PUT", ROUTES.into(), route("there"), 405, "MethodNotAllowed", "does not allow this method"),
        (
            "POST",
            ROUTES.into(),
            json!({"kind": "VirtualService"}),
            400,
            "BadRequest",
            "Object 'apiVersion' is missing in",
        ),
        (
            "POST",
            ROUTES.into(),
            json!({"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService"}),
            400,
            "BadRequest",
            "does not match the expected API version (networking.istio.io/v1)",
        ),
        (
            "POST",
            ROUTES.into(),
            json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway"}),
            422,
            "Invalid",
            "kind: Invalid value: \"Gateway\": must be VirtualService",
        ),
        (
            "POST",
            ROUTES.into(),
            json!([]),
            400,
            "BadRequest",
            "json: cannot unmarshal array into Go value of type struct",
        ),
        (
            "POST",
            MAPS.replace("default", "nope"),
            json!({"metadata": {"name": "a"}}),
            404,
            "NotFound",
            "namespaces \"nope\" not found",
        ),
        (
            "POST",
            MAPS.into(),
            json!({"metadata": {"name": "a", "namespace": "b"}}),
            400,
            "BadRequest",
            "does not match the namespace sent on the request",
        ),
        ("POST", MAPS.into(), json!({"metadata": {}}), 422, "Invalid", "metadata.name: Required value"),
        (
            "POST",
            MAPS.into(),
            json!({"metadata": {"name": "a", "resourceVersion": "3"}}),
            400,
            "BadRequest",
            "resourceVersion should not be set",
        ),
        (
            "POST",
            "/api/v1/configmaps".into(),
            json!({"metadata": {"name": "a"}}),
            405,
            "MethodNotAllowed",
            "does not allow this method",
        ),
        ("POST", "/api/v1".into(), json!({}), 405, "MethodNotAllowed", "does not allow this method"),
        ("DELETE", "/api/v1/namespaces".into(), json!({}), 405, "MethodNotAllowed", "does not allow this method"),
        (
            "DELETE",
            format!("{ROUTES}/there"),
            json!({"preconditions": {"uid": "x"}}),
            409,
            "Conflict",
            "the UID in the precondition (x) does not match",
        ),
        ("POST", format!("{MAPS}?dryRun=Some"), json!({}), 422, "Invalid", "dryRun: Unsupported value: [\"Some\"]"),
    ];
    for (method, path, body, code, reason, message) in cases {
        let answer = write(&lab, method, &path, &body).await;
        let status = answer.json();
        let said = status["message"].as_str().unwrap_or_default();
        assert_eq!((answer.code, status["reason"].as_str()), (code, Some(reason)), "{method} {path} {body}: {status}");
        assert!(said.contains(message), "{method} {path} {body}: {said}");
    }
    assert_eq!(get(&lab, &format!("{ROUTES}/there")).await.code, 200, "nothing else was hurt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_and_answers_are_negotiated() {
    let lab = Lab::new().await;
    let text = send(lab.address, "POST", MAPS, "Content-Type: text/plain\r\n", "{}").await;
    assert_eq!((text.code, text.json()["reason"].as_str()), (415, Some("UnsupportedMediaType")));
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: b\n";
    let created = send(lab.address, "POST", MAPS, "Content-Type: application/yaml\r\n", yaml).await;
    assert_eq!((created.code, &created.json()["data"]), (201, &json!({"a": "b"})), "{}", created.body);
    let plain = send(lab.address, "GET", MAPS, "Accept: text/plain\r\n", "").await;
    assert_eq!((plain.code, plain.json()["reason"].as_str()), (406, Some("NotAcceptable")));
    let large = json!({"metadata": {"name": "large"}, "data": {"a": "x".repeat(4 << 20)}});
    let refused = write(&lab, "POST", MAPS, &large).await;
    assert_eq!((refused.code, refused.json()["reason"].as_str()), (413, Some("RequestEntityTooLarge")));
    for path in ["/nothing", "/apis/unknown.example.com/v1", "/api/v1/namespaces/default/nopes", "/api/v1/configmaps/a"]
    {
        assert_eq!(get(&lab, path).await.code, 404, "{path}");
    }
    for path in ["/healthz", "/livez", "/readyz?verbose"] {
        assert_eq!(get(&lab, path).await.body, "ok", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_show_one_state() {
    let lab = Lab::new().await;
    for i in 0..10 {
        map(&lab, &format!("m{i}")).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items");
        items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    let first = get(&lab, &format!("{MAPS}?limit=4")).await.json();
    assert_eq!(names(&first), ["m0", "m1", "m2", "m3"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 6);
    // What happens between two pages is not in the second.
    map(&lab, "m5a").await;
    write(&lab, "DELETE", &format!("{MAPS}/m6"), &json!({})).await;
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let second = get(&lab, &format!("{MAPS}?limit=4&continue={token}")).await.json();
    assert_eq!(names(&second), ["m4", "m5", "m6", "m7"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().expect("a token");
    let third = get(&lab, &format!("{MAPS}?limit=4&continue={token}")).await.json();
    assert_eq!((names(&third), third["metadata"].get("continue")), (vec!["m8".to_owned(), "m9".to_owned()], None));
    let broken = get(&lab, &format!("{MAPS}?continue=abc")).await;
    assert!(broken.code == 400 && broken.body.contains("invalid continue token"), "{}", broken.body);
    let exact = first["metadata"]["resourceVersion"].as_str().expect("a revision");
    let then = get(&lab, &format!("{MAPS}?resourceVersion={exact}&resourceVersionMatch=Exact")).await.json();
    assert_eq!(names(&then).len(), 10);
    let future = get(&lab, &format!("{MAPS}?resourceVersion=100000")).await;
    assert_eq!(
        (future.code, future.json()["details"]["causes"][0]["reason"].as_str()),
        (504, Some("ResourceVersionTooLarge"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_pages_expire() {
    let lab = Lab::over(Store::memory_with_history(5).expect("a store")).await;
    for i in 0..4 {
        map(&lab, &format!("m{i}")).await;
    }
    let first = get(&lab, &format!("{MAPS}?limit=2")).await.json();
    for i in 4..12 {
        map(&lab, &format!("m{i}")).await;
    }
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let late = get(&lab, &format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!((late.code, late.json()["reason"].as_str()), (410, Some("Expired")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_is_written_apart() {
    let lab = Lab::new().await;
    let mut sent = route("r");
    sent["status"] = json!({"conditions": [{"type": "A", "status": "True"}]});
    let created = write(&lab, "POST", ROUTES, &sent).await.json();
    assert!(created.get("status").is_none(), "a new object has no status: {created}");
    let path = format!("{ROUTES}/r");
    let mut with_status = created.clone();
    with_status["status"] = sent["status"].clone();
    with_status["spec"]["hosts"] = json!(["other.example.com"]);
    let reported = write(&lab, "PUT", &format!("{path}/status"), &with_status).await.json();
    assert_eq!((&reported["status"], &reported["spec"]), (&sent["status"], &created["spec"]));
    assert_eq!(reported["metadata"]["generation"], 1);
    with_status["status"] = json!({});
    with_status["metadata"]["resourceVersion"] = reported["metadata"]["resourceVersion"].clone();
    let changed = write(&lab, "PUT", &path, &with_status).await.json();
    assert_eq!((&changed["status"], &changed["metadata"]["generation"]), (&sent["status"], &json!(2)));
    assert_eq!(changed["spec"]["hosts"], json!(["other.example.com"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dry_runs_change_nothing() {
    let lab = Lab::new().await;
    let before = lab.api.store().revision();
    let services = "/api/v1/namespaces/default/services";
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let dry = write(&lab, "POST", &format!("{services}?dryRun=All"), &service).await;
    assert_eq!((dry.code, dry.json()["metadata"].get("resourceVersion").is_some()), (201, false), "{}", dry.body);
    let created = write(&lab, "POST", services, &service).await.json();
    assert_eq!(created["spec"]["clusterIP"], dry.json()["spec"]["clusterIP"], "the address was given back");
    write(&lab, "DELETE", &format!("{services}/s?dryRun=All"), &json!({})).await;
    assert_eq!(get(&lab, &format!("{services}/s")).await.code, 200);
    assert_eq!(lab.api.store().revision(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_keep_their_addresses_and_share_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let lab = Lab::over(Store::open(dir.path()).expect("a store")).await;
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let mut addresses = std::collections::BTreeSet::new();
    for i in 0..50 {
        let made =
            write(&lab, "POST", services, &service(&format!("s{i}"), json!({"ports": [{"port": 80}]}))).await.json();
        let address = made["spec"]["clusterIP"].as_str().expect("an address").to_owned();
        assert!(address.starts_with("10.96.") && addresses.insert(address), "{made}");
    }
    let asked = json!({"clusterIP": "10.96.7.7", "type": "NodePort", "ports": [{"port": 80}, {"name": "b", "port": 81, "nodePort": 30001}]});
    let made = write(&lab, "POST", services, &service("asked", asked.clone())).await;
    // Ports need names when there are several; the refusal gives the address back.
    assert_eq!(made.code, 422, "{}", made.body);
    let mut named = asked;
    named["ports"][0]["name"] = json!("a");
    let made = write(&lab, "POST", services, &service("asked", named.clone())).await.json();
    assert_eq!(
        (&made["spec"]["clusterIP"], &made["spec"]["ports"][1]["nodePort"]),
        (&json!("10.96.7.7"), &json!(30001))
    );
    let node_port = made["spec"]["ports"][0]["nodePort"].as_u64().expect("a node port");
    assert!((30_000..32_768).contains(&node_port) && node_port != 30_001, "{made}");
    for (field, spec) in [
        ("spec.clusterIPs", json!({"clusterIP": "10.96.7.7", "ports": [{"port": 80}]})),
        ("spec.clusterIPs", json!({"clusterIP": "10.97.7.7", "ports": [{"port": 80}]})),
        ("spec.ports[0].nodePort", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]})),
    ] {
        let refused = write(&lab, "POST", services, &service("double", spec)).await.json();
        assert_eq!(refused["details"]["causes"][0]["field"], field, "{refused}");
    }
    let headless =
        write(&lab, "POST", services, &service("headless", json!({"clusterIP": "None", "ports": [{"port": 80}]})))
            .await
            .json();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    // A replacement that says nothing of addresses keeps them; another address is refused.
    let kept = write(
        &lab,
        "PUT",
        &format!("{services}/asked"),
        &service("asked", json!({"type": "NodePort", "ports": named["ports"]})),
    )
    .await
    .json();
    assert_eq!(
        (&kept["spec"]["clusterIP"], &kept["spec"]["ports"][0]["nodePort"]),
        (&json!("10.96.7.7"), &json!(node_port))
    );
    let moved = write(
        &lab,
        "PUT",
        &format!("{services}/asked"),
        &service("asked", json!({"clusterIP": "10.96.7.8", "ports": [{"port": 80}]})),
    )
    .await
    .json();
    assert_eq!(moved["details"]["causes"][0]["field"], "spec.clusterIPs[0]", "{moved}");
    lab.stop().await;

    let lab = Lab::over(Store::open(dir.path()).expect("the store opens again")).await;
    let double = json!({"clusterIP": "10.96.7.7", "ports": [{"port": 80}]});
    assert_eq!(
        write(&lab, "POST", services, &service("double", double.clone())).await.code,
        422,
        "still taken after a restart"
    );
    write(&lab, "DELETE", &format!("{services}/asked"), &json!({})).await;
    assert_eq!(write(&lab, "POST", services, &service("double", double)).await.code, 201, "free after the deletion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_and_openapi_agree_with_each_other() {
    let lab = Lab::new().await;
    let aggregated =
        "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json\r\n";
    let mut documents = 0;
    for path in ["/api", "/apis"] {
        let answer = send(lab.address, "GET", path, aggregated, "").await;
        assert!(answer.head.contains("as=APIGroupDiscoveryList"), "{}", answer.head);
        for group in answer.json()["items"].as_array().expect("groups") {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            for version in group["versions"].as_array().expect("versions") {
                let number = version["version"].as_str().expect("a version");
                let root = if name.is_empty() { format!("/api/{number}") } else { format!("/apis/{name}/{number}") };
                let legacy = get(&lab, &root).await.json();
                let names = |list: &Value, field: &str| -> Vec<String> {
                    let entries = list["resources"].as_array().expect("resources");
                    let names = entries.iter().map(|entry| entry[field].as_str().expect("a name").to_owned());
                    names.filter(|name| !name.contains('/')).collect()
                };
                assert_eq!(names(&legacy, "name"), names(version, "resource"), "{root}");
                let document = get(&lab, &format!("/openapi/v3{root}")).await.json();
                for resource in version["resources"].as_array().expect("resources") {
                    let kind = &resource["responseKind"];
                    if resource["verbs"] == json!(["create"]) {
                        continue;
                    }
                    documents += 1;
                    let schemas = document["components"]["schemas"].as_object().expect("schemas");
                    let own = |schema: &&Value| schema["x-kubernetes-group-version-kind"][0] == *kind;
                    let schema = schemas.values().find(own).unwrap_or_else(|| panic!("no schema of {kind}"));
                    assert_eq!(schema["type"], "object");
                    let paths = document["paths"].as_object().expect("paths");
                    let patch = paths
                        .values()
                        .map(|path| &path["patch"])
                        .find(|patch| patch["x-kubernetes-group-version-kind"] == *kind);
                    let parameters = patch.expect("a patch operation")["parameters"].to_string();
                    assert!(parameters.contains("fieldValidation") && parameters.contains("dryRun"), "{kind}");
                }
            }
        }
    }
    assert!(documents > 10, "{documents} kinds");
    let index = get(&lab, "/openapi/v3").await.json();
    let url = index["paths"]["apis/networking.istio.io/v1"]["serverRelativeURL"].as_str().expect("a URL").to_owned();
    assert_eq!(get(&lab, &url).await.json()["openapi"], "3.0.0");
    let v2 = get(&lab, "/openapi/v2").await.json();
    assert_eq!(v2["swagger"], "2.0");
    assert!(!v2.to_string().contains("#/components/"), "references are those of Swagger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_changes_its_type_sheds_what_the_old_one_needed() {
    let lab = Lab::new().await;
    let services = "/api/v1/namespaces/default/services";
    let ports = json!([{"port": 80}]);
    let body = json!({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": ports}});
    let balanced = write(&lab, "POST", services, &body).await.json();
    assert_eq!(balanced["spec"]["externalTrafficPolicy"], "Cluster");
    assert_eq!(balanced["spec"]["allocateLoadBalancerNodePorts"], true);
    let patch = |body: Value| {
        let address = lab.address;
        async move {
            let headers = "Content-Type: application/merge-patch+json\r\n";
            send(address, "PATCH", &format!("{services}/s"), headers, &body.to_string()).await
        }
    };
    let inner = patch(json!({"spec": {"type": "ClusterIP"}})).await.json();
    for field in ["externalTrafficPolicy", "allocateLoadBalancerNodePorts"] {
        assert!(inner["spec"].get(field).is_none(), "{field}: {inner}");
    }
    assert!(inner["spec"]["ports"][0].get("nodePort").is_none(), "{inner}");
    assert_eq!(inner["spec"]["clusterIP"], balanced["spec"]["clusterIP"]);
    let external = patch(json!({"spec": {"type": "ExternalName", "externalName": "x.example.com"}})).await.json();
    for field in ["clusterIP", "clusterIPs", "internalTrafficPolicy", "ipFamilies"] {
        assert!(external["spec"].get(field).is_none(), "{field}: {external}");
    }
    let refused = patch(json!({"spec": {"clusterIP": "10.96.3.3"}})).await;
    assert!(refused.body.contains("may not be set for ExternalName services"), "{}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_frozen_stays() {
    let lab = Lab::new().await;
    let mut frozen = json!({"metadata": {"name": "f"}, "data": {"a": "b"}, "immutable": true});
    assert_eq!(write(&lab, "POST", MAPS, &frozen).await.code, 201);
    frozen["data"]["a"] = json!("c");
    let refused = write(&lab, "PUT", &format!("{MAPS}/f"), &frozen).await;
    assert!(refused.body.contains("data: Forbidden: field is immutable when `immutable` is set"), "{}", refused.body);
    let secrets = MAPS.replace("configmaps", "secrets");
    assert_eq!(write(&lab, "POST", &secrets, &json!({"metadata": {"name": "s"}})).await.code, 201);
    let other = json!({"metadata": {"name": "s"}, "type": "example.com/other"});
    let refused = write(&lab, "PUT", &format!("{secrets}/s"), &other).await;
    assert!(refused.body.contains("type: Invalid value"), "{}", refused.body);
}

/// Every part of an object, replaced by everything that it should not be: the server answers, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_objects_are_answered() {
    let lab = Lab::new().await;
    let metadata = json!({"name": "x", "labels": {"a": "b"}, "finalizers": [], "annotations": {}});
    let port = json!({"name": "a", "port": 80, "targetPort": 80, "nodePort": 30100});
    let objects = [
        (MAPS.to_owned(), json!({"metadata": metadata, "data": {"a": "b"}, "immutable": false})),
        (
            MAPS.replace("configmaps", "secrets"),
            json!({"metadata": metadata, "type": "Opaque", "stringData": {"a": "b"}}),
        ),
        (
            MAPS.replace("configmaps", "services"),
            json!({"metadata": metadata, "spec": {"type": "NodePort", "clusterIP": "10.96.9.9", "ports": [port]}}),
        ),
        (
            MAPS.replace("configmaps", "pods"),
            json!({"metadata": metadata, "spec": {"containers": [{"name": "a", "image": "b"}]}, "status": {"phase": "Running"}}),
        ),
        (
            "/api/v1/namespaces".to_owned(),
            json!({"metadata": metadata, "spec": {"finalizers": []}, "status": {"phase": "Active"}}),
        ),
        (ROUTES.to_owned(), route("x")),
        (
            "/api/v1/namespaces/default/events".to_owned(),
            json!({"metadata": metadata, "involvedObject": {"name": "a"}}),
        ),
    ];
    let junk = [
        Value::Null,
        json!("text"),
        json!(-1),
        json!(true),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": {"b": 1}}),
    ];
    let mut answered = 0;
    for (path, valid) in &objects {
        for pointer in pointers(valid) {
            for value in &junk {
                let mut broken = valid.clone();
                *broken.pointer_mut(&pointer).expect("a part") = value.clone();
                let created = write(&lab, "POST", path, &broken).await;
                assert!([200, 201, 400, 409, 422].contains(&created.code), "POST {path} {broken}: {}", created.body);
                let replaced = write(&lab, "PUT", &format!("{path}/x"), &broken).await;
                // Services and Events are created by it.
                let expected = [200, 201, 400, 404, 409, 422].contains(&replaced.code);
                assert!(expected, "PUT {path} {broken}: {}", replaced.body);
                answered += 2;
                if created.code == 201 {
                    let name = created.json()["metadata"]["name"].as_str().expect("a name").to_owned();
                    let one = format!("{path}/{name}");
                    write(&lab, "PATCH", &one, &json!({})).await;
                    send(
                        lab.address,
                        "PATCH",
                        &one,
                        "Content-Type: application/merge-patch+json\r\n",
                        r#"{"metadata":{"finalizers":null}}"#,
                    )
                    .await;
                    write(&lab, "DELETE", &one, &json!({})).await;
                    assert_eq!(get(&lab, &one).await.code, 404, "{one}");
                }
            }
        }
    }
    assert!(answered > 500, "{answered}");
    assert_eq!(get(&lab, "/readyz").await.code, 200);
}

/// The place of every part of a value.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = children
        .into_iter()
        .flat_map(|(name, child)| pointers(child).into_iter().map(move |rest| format!("/{name}{rest}")));
    std::iter::once(String::new()).chain(below).collect()
}
