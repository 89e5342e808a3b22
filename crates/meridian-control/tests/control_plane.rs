//! From objects in the store to configurations and conditions, without proxies and without HTTP.
#![allow(clippy::unwrap_used)]

use meridian_apiserver::Api;
use meridian_control::{Cluster, ConfigDir, ControlPlane, Discovery, ProxyFeed, SOURCE_ANNOTATION, standalone};
use meridian_ir::ProxyConfig;
use meridian_resources::yaml;
use meridian_store::{GroupResource, Key, Store};
use meridian_translate::ProxyNode;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(20);

struct Plane {
    api: Api,
    configs: watch::Receiver<Arc<ProxyConfig>>,
}

/// A control plane with one gateway over an empty store in memory.
async fn start() -> Plane {
    let store = Store::memory().unwrap();
    let api = Api::new(store).await.unwrap();
    let gateway = standalone::Gateway {
        name: "ingressgateway".into(),
        address: "0.0.0.0".parse().unwrap(),
        admin: "127.0.0.1:15000".parse().unwrap(),
        control_plane: "127.0.0.1:15014".parse().unwrap(),
    };
    standalone::prepare(&api, std::slice::from_ref(&gateway)).await.unwrap();
    let node = ProxyNode::gateway("ingressgateway", "istio-system", gateway.labels());
    let (sender, configs) = watch::channel(Arc::new(ProxyConfig::default()));
    tokio::spawn(
        ControlPlane::new(Cluster::embedded(&api), vec![ProxyFeed { node, sender }], Discovery::default()).run(),
    );
    Plane { api, configs }
}

impl Plane {
    async fn put(&self, text: &str) {
        for document in yaml::parse(text, "test.yaml") {
            let object = document.object.unwrap();
            self.api.put(object.kind, object.value).await.unwrap();
        }
    }

    /// Waits for a configuration of which `test` is true.
    async fn config(&mut self, test: impl Fn(&ProxyConfig) -> bool) -> Arc<ProxyConfig> {
        let config = tokio::time::timeout(PATIENCE, self.configs.wait_for(|config| test(config))).await;
        config.expect("a configuration in time").unwrap().clone()
    }

    /// Waits until `test` is true.
    async fn until(&self, test: impl Fn(&Plane) -> bool) {
        let look = async {
            while !test(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("in time");
    }

    /// Waits until the condition of an object has this status; its message.
    async fn condition(&self, plural: &str, name: &str, condition: &str, status: &str) -> String {
        let key = Key::new(GroupResource::new("networking.istio.io", plural), "default", name);
        let look = async {
            loop {
                let object = self.api.store().get(&key).map(|object| object.to_value("", ""));
                let conditions = object.as_ref().and_then(|object| object["status"]["conditions"].as_array());
                let found = |c: &&Value| c["type"] == condition && c["status"] == status;
                if let Some(condition) = conditions.and_then(|conditions| conditions.iter().find(found)) {
                    return condition["message"].as_str().unwrap().to_owned();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{condition}={status} of {plural}/{name}"))
    }
}

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web.example.com]
  gateways: [edge]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
";

fn serves(config: &ProxyConfig, host: &str) -> bool {
    config.routes.get("http.8080").is_some_and(|routes| {
        routes.virtual_host(host.as_bytes()).is_some_and(|found| found.domains.iter().any(|domain| &**domain == host))
    })
}

#[tokio::test]
async fn objects_become_listeners_routes_and_conditions_and_go_again() {
    let mut plane = start().await;
    plane.put(EDGE).await;
    let config = plane.config(|config| serves(config, "web.example.com")).await;
    assert!(config.listeners.contains_key("0.0.0.0_8080"), "{:?}", config.listeners.keys());
    let message = plane.condition("virtualservices", "web", "ResolvedRefs", "False").await;
    assert!(message.contains("web.default.svc.cluster.local"), "{message}");
    plane.condition("gateways", "edge", "Programmed", "True").await;

    plane
        .put(
            "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 192.0.2.1}]
",
        )
        .await;
    let cluster = "outbound|80||web.default.svc.cluster.local";
    plane.config(|config| config.clusters.contains_key(cluster)).await;
    plane.condition("virtualservices", "web", "ResolvedRefs", "True").await;

    let kind = meridian_resources::by_group_kind("networking.istio.io", "VirtualService").unwrap();
    plane.api.remove(kind, "default", "web").await.unwrap();
    let config = plane.config(|config| !serves(config, "web.example.com")).await;
    assert!(!config.clusters.contains_key(cluster), "a gateway has only the clusters that its routes can reach");
}

#[tokio::test]
async fn the_mesh_configuration_is_live() {
    let mut plane = start().await;
    plane.put(EDGE).await;
    let logs =
        |config: &ProxyConfig| config.listeners.values().next().is_some_and(|listener| !listener.access_log.is_empty());
    plane.config(logs).await;
    plane
        .put("{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: ''}}")
        .await;
    plane.config(|config| !config.listeners.is_empty() && !logs(config)).await;
}

const INGRESS: &str = "
apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata: {name: web, annotations: {kubernetes.io/ingress.class: istio}}
spec:
  rules:
  - {host: web.example.com, http: {paths: [{path: /*, backend: {serviceName: web, servicePort: 80}}]}}
";

#[tokio::test]
async fn ingresses_are_served_and_told_where_and_what_is_wrong() {
    let mut plane = start().await;
    plane.put(INGRESS).await;
    plane.config(|config| serves(config, "web.example.com")).await;
    let key = Key::new(GroupResource::new("networking.k8s.io", "ingresses"), "default", "web");
    let value = |plane: &Plane, key: &Key| plane.api.store().get(key).map(|object| object.to_value("", ""));
    let event = Key::new(GroupResource::new("", "events"), "default", "web.ingresses.resolvedrefs");
    plane.until(|plane| value(plane, &event).is_some()).await;
    let told = value(&plane, &event).unwrap();
    assert_eq!((&told["reason"], &told["type"]), (&"BackendNotFound".into(), &"Warning".into()));
    assert_eq!(told["involvedObject"]["name"], "web");
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("spec.rules[0].http.paths[0].backend.service.name: "), "{message}");
    let ingress = value(&plane, &key).unwrap();
    assert_eq!(ingress["status"]["loadBalancer"], serde_json::json!({"ingress": [{"ip": "127.0.0.1"}]}));

    plane.put("{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}").await;
    plane.until(|plane| value(plane, &event).is_none()).await;
    // The gateway's Service is given an address.
    let service = Key::new(GroupResource::new("", "services"), "istio-system", "istio-ingressgateway");
    let status = serde_json::json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    plane.api.store().update_status(&service, status.clone()).await.unwrap();
    plane.until(|plane| value(plane, &key).unwrap()["status"]["loadBalancer"] == status["loadBalancer"]).await;
    // Another controller's: nothing of ours stays.
    plane.put(&INGRESS.replace("ingress.class: istio", "ingress.class: nginx")).await;
    plane.config(|config| !serves(config, "web.example.com")).await;
    plane.until(|plane| value(plane, &key).unwrap()["status"] == serde_json::json!({"loadBalancer": {}})).await;
}

#[tokio::test]
async fn a_folder_is_followed_and_names_the_line_of_each_object() {
    let mut plane = start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    std::fs::write(&file, EDGE).unwrap();
    let mut followed = ConfigDir::open(folder.path(), plane.api.clone()).unwrap();
    followed.sync().await;
    tokio::spawn(followed.follow());
    plane.config(|config| serves(config, "web.example.com")).await;
    let key = Key::new(GroupResource::new("networking.istio.io", "virtualservices"), "default", "web");
    let annotations = plane.api.store().get(&key).unwrap().metadata().annotations;
    assert_eq!(annotations[SOURCE_ANNOTATION], "edge.yaml:10");

    std::fs::write(&file, EDGE.replace("web.example.com", "new.example.com")).unwrap();
    plane.config(|config| serves(config, "new.example.com") && !serves(config, "web.example.com")).await;
    std::fs::remove_file(&file).unwrap();
    plane.config(|config| config.listeners.is_empty()).await;
}

#[tokio::test]
async fn hosts_without_addresses_get_some_and_lose_them_when_they_have_their_own() {
    const ENTRY: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.example.com]
  resolution: DNS
  ports: [{number: 3306, name: tcp, protocol: TCP}]
";
    let plane = start().await;
    plane.put(ENTRY).await;
    let key = Key::new(GroupResource::new("networking.istio.io", "serviceentries"), "default", "db");
    let allocated = |plane: &Plane| {
        let object = plane.api.store().get(&key).map(|object| object.to_value("", ""));
        object.and_then(|object| object["status"]["addresses"].as_array().cloned()).unwrap_or_default()
    };
    plane.until(|plane| !allocated(plane).is_empty()).await;
    let first = allocated(&plane);
    assert!(first[0]["value"].as_str().unwrap().starts_with("240.240."), "{first:?}");
    assert!(first[1]["value"].as_str().unwrap().starts_with("2001:2::"), "{first:?}");
    assert!(first.iter().all(|address| address["host"] == "db.example.com"), "{first:?}");
    plane.put(&format!("{ENTRY}  addresses: [10.9.8.7]\n")).await;
    plane.until(|plane| allocated(plane).is_empty()).await;
}
