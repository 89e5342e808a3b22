//! Injection by a real API server: the real program's webhook, pods made by the real controllers, and what is read back.
#![allow(clippy::unwrap_used)]

mod kubernetes;

use kubernetes::Mesh;
use meridian_inject::webhook::{Options, Place, configuration};
use meridian_kubernetes::{Kubernetes, eventually};
use serde_json::{Value, json};

/// A pod's `spec`, with the account that the admission plugin for accounts would set.
fn spec(containers: Value) -> Value {
    json!({"serviceAccountName": "default", "containers": containers})
}

fn pod(namespace: &str, name: &str, labels: Value, annotations: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations},
        "spec": spec(json!([{"name": "app", "image": "app"}])),
    })
}

fn deployment(name: &str, annotations: Value, containers: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": spec(containers)},
        },
    })
}

fn names(pod: &Value, field: &str) -> Vec<String> {
    let items = pod["spec"][field].as_array().into_iter().flatten();
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// A control plane whose webhook the API server asks, and namespaces `shop` (in the mesh) and `plain`.
fn mesh() -> Option<Mesh> {
    let kubernetes = Kubernetes::start()?;
    for namespace in ["istio-system", "shop", "plain"] {
        kubernetes.kubectl(&["create", "namespace", namespace], "");
    }
    kubernetes.kubectl(&["label", "namespace", "shop", "istio-injection=enabled"], "");
    let mesh = Mesh::start(kubernetes);
    let options = Options { place: Place::Url(format!("https://{}", mesh.webhook)), ..Options::default() };
    mesh.apply(&configuration(&Default::default(), &options));
    // The control plane puts the authority of its certificate there.
    eventually(|| {
        let found = mesh.get("mutatingwebhookconfiguration", "istio-sidecar-injector", "");
        let hooks = found["webhooks"].as_array().unwrap().clone();
        let are_signed = hooks.iter().all(|hook| hook["clientConfig"]["caBundle"].is_string());
        are_signed.then_some(()).ok_or_else(|| format!("there is no authority in {found:#}"))
    });
    Some(mesh)
}

#[test]
fn pods_are_injected_as_their_namespaces_and_they_themselves_ask() {
    let Some(mesh) = mesh() else { return };
    let yes = json!({"sidecar.istio.io/inject": "true"});
    let mut host = pod("shop", "host", yes.clone(), json!({}));
    host["spec"]["hostNetwork"] = true.into();
    for (pod, expected) in [
        (pod("shop", "in", json!({}), json!({})), true),
        (pod("shop", "out", json!({"sidecar.istio.io/inject": "false"}), json!({})), false),
        (pod("plain", "none", json!({}), json!({})), false),
        (pod("plain", "asks", yes.clone(), json!({})), true),
        (pod("plain", "canary", json!({"istio.io/rev": "canary"}), json!({})), false),
        (pod("kube-system", "system", yes.clone(), json!({})), false),
        (host, false),
    ] {
        mesh.apply(&pod);
        let (namespace, name) =
            (pod["metadata"]["namespace"].as_str().unwrap(), pod["metadata"]["name"].as_str().unwrap());
        let made = mesh.get("pod", name, namespace);
        assert_eq!(names(&made, "initContainers").contains(&"istio-proxy".to_owned()), expected, "{namespace}/{name}");
    }
    // A pod that comes again, as one that was written with kube-inject, is not injected a second time.
    let made = mesh.get("pod", "in", "shop");
    let mut again = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "again"}});
    again["metadata"]["annotations"] = made["metadata"]["annotations"].clone();
    again["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
    again["spec"] = made["spec"].clone();
    mesh.apply(&again);
    let again = mesh.get("pod", "again", "shop");
    assert_eq!(again["spec"]["initContainers"], made["spec"]["initContainers"]);
    // A dry run shows the same.
    let text = pod("shop", "dry", json!({}), json!({})).to_string();
    let shown = mesh.kubectl(&["apply", "--dry-run=server", "-o", "json", "-f", "-"], &text);
    assert_eq!(names(&serde_json::from_str(&shown).unwrap(), "initContainers"), ["istio-init", "istio-proxy"]);
}

#[test]
fn deployments_get_what_their_annotations_say() {
    let Some(mesh) = mesh() else { return };
    let probes = json!([{
        "name": "app", "image": "app", "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}, "livenessProbe": {"grpc": {"port": 9000}},
    }]);
    mesh.apply(&deployment("web", json!({}), probes));
    let web = mesh.pod_of("web", "shop");
    assert_eq!(names(&web, "initContainers"), ["istio-init", "istio-proxy"]);
    let proxy = &web["spec"]["initContainers"][1];
    assert_eq!((&proxy["restartPolicy"], &proxy["securityContext"]["runAsUser"]), (&"Always".into(), &1337.into()));
    let app = &web["spec"]["containers"][0];
    let (ready, live) = (&app["readinessProbe"]["httpGet"], &app["livenessProbe"]["httpGet"]);
    assert_eq!((&ready["path"], &ready["port"]), (&"/app-health/app/readyz".into(), &15020.into()));
    assert_eq!((&live["path"], &live["port"]), (&"/app-health/app/livez".into(), &15020.into()));
    let variable =
        |name: &str| proxy["env"].as_array().unwrap().iter().find(|variable| variable["name"] == name).cloned();
    let probers: Value =
        serde_json::from_str(variable("ISTIO_KUBE_APP_PROBERS").unwrap()["value"].as_str().unwrap()).unwrap();
    assert_eq!(probers["/app-health/app/readyz"]["httpGet"]["port"], 8080);
    assert_eq!(probers["/app-health/app/livez"]["grpc"]["port"], 9000);
    let owner = "kubernetes://apis/apps/v1/namespaces/shop/deployments/web";
    assert_eq!(variable("ISTIO_META_OWNER").unwrap()["value"], owner);

    // Beside another gateway: nothing inbound is captured, and the proxy is one container among the others.
    let annotations =
        json!({"traffic.sidecar.istio.io/includeInboundPorts": "", "sidecar.istio.io/nativeSidecar": "false"});
    let containers = json!([{"name": "envoy", "image": "envoy"}, {"name": "shutdown-manager", "image": "manager"}]);
    mesh.apply(&deployment("edge", annotations, containers));
    let edge = mesh.pod_of("edge", "shop");
    assert_eq!(names(&edge, "initContainers"), ["istio-init"]);
    assert_eq!(names(&edge, "containers"), ["envoy", "shutdown-manager", "istio-proxy"]);
    let arguments = edge["spec"]["initContainers"][0]["args"].as_array().unwrap();
    let inbound = arguments.iter().position(|argument| argument == "-b").unwrap();
    assert_eq!(arguments[inbound + 1], "");

    // A container of the proxy's name with the image `auto` makes a gateway of the pod.
    let annotations = json!({"inject.istio.io/templates": "gateway"});
    mesh.apply(&deployment("own", annotations, json!([{"name": "istio-proxy", "image": "auto"}])));
    let own = mesh.pod_of("own", "shop");
    assert_eq!(own["spec"]["containers"][0]["args"][0], "gateway");
    assert!(!own["spec"]["containers"][0]["image"].as_str().unwrap().contains("auto"));
}

#[test]
fn what_is_wrong_is_refused_and_what_is_in_vain_is_told() {
    let Some(mesh) = mesh() else { return };
    let wrong = pod("shop", "wrong", json!({}), json!({"sidecar.istio.io/proxyCPU": "lots"}));
    let error = mesh.try_apply(&wrong).unwrap_err();
    let told = "annotation sidecar.istio.io/proxyCPU: found \"lots\", allowed: a quantity such as 100m or 128Mi";
    assert!(error.contains(told), "{error}");
    let vain = pod("shop", "vain", json!({}), json!({"sidecar.istio.io/statsInclusionPrefixes": "x"}));
    let warnings = mesh.try_apply(&vain).unwrap();
    assert!(
        warnings.contains("Warning: annotation sidecar.istio.io/statsInclusionPrefixes has no effect"),
        "{warnings}"
    );

    // Settings of the ConfigMap count from the next pod on.
    let values = json!({"global": {"hub": "registry.test", "tag": "7", "proxy": {"image": "meridian"}}}).to_string();
    mesh.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": {"values": values, "config": "policy: enabled"},
    }));
    let probe = pod("shop", "probe", json!({}), json!({})).to_string();
    eventually(|| {
        let shown = mesh.kubectl(&["apply", "--dry-run=server", "-o", "json", "-f", "-"], &probe);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let image = &shown["spec"]["initContainers"][1]["image"];
        if image == "registry.test/meridian:7" { Ok(()) } else { Err(format!("the image is {image}")) }
    });
}

#[test]
fn what_kube_inject_writes_is_what_the_api_server_takes() {
    let Some(mesh) = mesh() else { return };
    let written = deployment("files", json!({}), json!([{"name": "app", "image": "app"}])).to_string();
    let injected = mesh.meridian(&["kube-inject", "-f", "-"], &written);
    mesh.kubectl(&["apply", "-f", "-"], &injected);
    let pod = mesh.pod_of("files", "shop");
    assert_eq!(names(&pod, "initContainers"), ["istio-init", "istio-proxy"]);
    assert_eq!(names(&pod, "containers"), ["app"]);

    // With the settings of the cluster.
    mesh.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": {"values": "global: {hub: registry.test}"},
    }));
    let kubeconfig = mesh.kubeconfig();
    let injected = mesh.meridian(&["kube-inject", "-f", "-", "--kubeconfig", kubeconfig.to_str().unwrap()], &written);
    assert!(injected.contains("image: \"registry.test/meridian:"), "{injected}");
}
