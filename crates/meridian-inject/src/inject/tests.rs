use super::{Injected, Request, inject};
use crate::workload::Workload;
use crate::{Settings, pod};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn workload() -> Workload {
    let text = |text: &str| text.to_owned();
    Workload { api_version: text("apps/v1"), kind: text("Deployment"), name: text("web"), namespace: text("shop") }
}

fn run(pod: &Value, settings: &Settings) -> Result<Injected, String> {
    let workload = workload();
    let request = Request { pod, workload: &workload, settings, environment: &BTreeMap::new() };
    inject(request).map_err(|error| error.to_string())
}

fn injected(pod: &Value) -> Value {
    run(pod, &Settings::default()).unwrap().pod
}

fn app(annotations: Value) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "web:1", "ports": [{"containerPort": 80}]}]},
    })
}

fn names(pod: &Value, field: &str) -> Vec<String> {
    pod::list(pod, field).iter().map(|item| pod::name(item).to_owned()).collect()
}

fn arguments(pod: &Value, container: &str) -> Vec<String> {
    let arguments = pod::container(pod, container).unwrap()["args"].as_array().unwrap();
    arguments.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

/// The value after an option of the init container.
fn option(pod: &Value, name: &str) -> Option<String> {
    let arguments = arguments(pod, "istio-init");
    let index = arguments.iter().position(|argument| argument == name)?;
    arguments.get(index + 1).cloned()
}

fn variable(pod: &Value, name: &str) -> Option<String> {
    let proxy = pod::container(pod, "istio-proxy").unwrap();
    let found = proxy["env"].as_array().unwrap().iter().find(|variable| pod::name(variable) == name)?;
    found["value"].as_str().map(str::to_owned)
}

#[test]
fn a_pod_gets_rules_a_proxy_and_what_they_need() {
    let pod = injected(&app(json!({})));
    assert_eq!(names(&pod, "containers"), ["app"]);
    assert_eq!(names(&pod, "initContainers"), ["istio-init", "istio-proxy"]);
    let volumes = [
        "workload-socket",
        "credential-socket",
        "workload-certs",
        "istio-data",
        "istio-envoy",
        "istio-podinfo",
        "istio-token",
        "istiod-ca-cert",
    ];
    assert_eq!(names(&pod, "volumes"), volumes);
    assert_eq!(
        arguments(&pod, "istio-init").join(" "),
        "redirect apply -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020"
    );
    let proxy = pod::container(&pod, "istio-proxy").unwrap();
    assert_eq!(proxy["restartPolicy"], "Always");
    assert_eq!(proxy["securityContext"]["runAsUser"], 1337);
    assert_eq!(proxy["readinessProbe"]["httpGet"], json!({"path": "/healthz/ready", "port": 15021}));
    assert_eq!(proxy["startupProbe"]["failureThreshold"], 600);
    assert_eq!(variable(&pod, "DISCOVERY_ADDRESS").unwrap(), "istiod.istio-system.svc:15012");
    assert_eq!(
        variable(&pod, "ISTIO_META_OWNER").unwrap(),
        "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"
    );
    let labels = &pod["metadata"]["labels"];
    assert_eq!(labels["service.istio.io/canonical-name"], "web");
    assert_eq!(labels["security.istio.io/tlsMode"], "istio");
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(annotations["kubectl.kubernetes.io/default-container"], "app");
    assert_eq!(annotations["prometheus.io/port"], "15020");
    let status: Value = serde_json::from_str(annotations["sidecar.istio.io/status"].as_str().unwrap()).unwrap();
    assert_eq!(status["initContainers"], json!(["istio-init", "istio-proxy"]));
    assert_eq!(status["revision"], "default");
}

#[test]
fn beside_another_gateways_containers() {
    let mut pod =
        app(json!({"traffic.sidecar.istio.io/includeInboundPorts": "", "sidecar.istio.io/nativeSidecar": "false"}));
    pod["spec"]["containers"] = json!([{"name": "envoy"}, {"name": "shutdown-manager"}]);
    pod["spec"]["initContainers"] = json!([{"name": "own"}]);
    let pod = injected(&pod);
    assert_eq!(names(&pod, "containers"), ["envoy", "shutdown-manager", "istio-proxy"]);
    // The rules come last, so that the pod's own init containers are not cut off.
    assert_eq!(names(&pod, "initContainers"), ["own", "istio-init"]);
    assert_eq!(option(&pod, "-b").as_deref(), Some(""));
    assert!(pod::container(&pod, "istio-proxy").unwrap().get("restartPolicy").is_none());
}

#[test]
fn traffic_annotations_are_the_options_of_the_rules() {
    let prefix = "traffic.sidecar.istio.io/";
    for (name, flag, value) in [
        ("includeInboundPorts", "-b", "80,8000-8010"),
        ("includeOutboundIPRanges", "-i", "10.0.0.0/8"),
        ("includeOutboundIPRanges", "-i", ""),
        ("excludeOutboundIPRanges", "-x", "10.1.0.0/16,fd00::/8"),
        ("includeOutboundPorts", "-q", "443"),
        ("excludeOutboundPorts", "-o", "25,587"),
        ("kubevirtInterfaces", "-k", "net1"),
        ("excludeInterfaces", "-c", "eth1"),
    ] {
        let pod = injected(&app(json!({format!("{prefix}{name}"): value})));
        assert_eq!(option(&pod, flag).as_deref(), Some(value), "{name}");
    }
    for (ports, expected) in
        [("8080", "15090,15021,8080,15020"), ("15020", "15090,15021,15020"), ("", "15090,15021,15020")]
    {
        let pod = injected(&app(json!({format!("{prefix}excludeInboundPorts"): ports})));
        assert_eq!(option(&pod, "-d").as_deref(), Some(expected));
    }
    let dns = injected(&app(json!({"proxy.istio.io/config": "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}"})));
    assert!(arguments(&dns, "istio-init").contains(&"--redirect-dns".to_owned()));
    assert_eq!(variable(&dns, "ISTIO_META_DNS_CAPTURE").as_deref(), Some("true"));
    let none = injected(&app(json!({"sidecar.istio.io/interceptionMode": "NONE"})));
    assert_eq!(names(&none, "initContainers"), ["istio-proxy"]);
}

#[test]
fn a_workload_waits_for_its_proxy() {
    let hold = "holdApplicationUntilProxyStarts: true";
    let classic = app(json!({"proxy.istio.io/config": hold, "sidecar.istio.io/nativeSidecar": "false"}));
    let pod = injected(&classic);
    assert_eq!(names(&pod, "containers"), ["istio-proxy", "app"]);
    let hook = &pod::container(&pod, "istio-proxy").unwrap()["lifecycle"]["postStart"]["exec"]["command"];
    assert_eq!(*hook, json!(["meridian", "wait"]));
    // An init container is ready before the workload begins anyhow.
    let pod = injected(&app(json!({"proxy.istio.io/config": hold})));
    assert!(pod::container(&pod, "istio-proxy").unwrap().get("lifecycle").is_none());
}

#[test]
fn resources_images_and_volumes_are_the_annotations() {
    let pod = injected(&app(json!({
        "sidecar.istio.io/proxyCPU": "50m",
        "sidecar.istio.io/proxyMemoryLimit": "1Gi",
        "sidecar.istio.io/proxyImage": "registry.test/meridian:2",
        "sidecar.istio.io/logLevel": "warning",
        "sidecar.istio.io/userVolume": r#"{"extra": {"emptyDir": {}}}"#,
        "sidecar.istio.io/userVolumeMount": r#"{"extra": {"mountPath": "/extra", "readOnly": true}}"#,
        "proxy.istio.io/config": "concurrency: 3\nterminationDrainDuration: 30s\ndiscoveryAddress: cp.test:15012",
    })));
    for container in ["istio-init", "istio-proxy"] {
        let container = pod::container(&pod, container).unwrap();
        assert_eq!(container["image"], "registry.test/meridian:2");
        assert_eq!(container["resources"], json!({"requests": {"cpu": "50m"}, "limits": {"memory": "1Gi"}}));
    }
    let arguments = arguments(&pod, "istio-proxy");
    for argument in ["--log-level=warn", "--threads=3", "--drain-time=30"] {
        assert!(arguments.contains(&argument.to_owned()), "{arguments:?}");
    }
    assert_eq!(variable(&pod, "DISCOVERY_ADDRESS").as_deref(), Some("cp.test:15012"));
    assert!(pod::find(&pod, "volumes", "extra").is_some());
    let mounts = pod::container(&pod, "istio-proxy").unwrap()["volumeMounts"].as_array().unwrap().clone();
    assert!(mounts.contains(&json!({"name": "extra", "mountPath": "/extra", "readOnly": true})));
}

#[test]
fn a_users_own_proxy_container_is_customised() {
    let mut pod = app(json!({}));
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({
        "name": "istio-proxy", "image": "auto", "resources": {"requests": {"cpu": "7m"}},
        "env": [{"name": "MINE", "value": "1"}], "securityContext": {"runAsUser": 2000},
    }));
    let pod = injected(&pod);
    assert_eq!(names(&pod, "containers"), ["app"]);
    let proxy = pod::container(&pod, "istio-proxy").unwrap();
    assert_eq!(proxy["image"], concat!("meridian:", env!("CARGO_PKG_VERSION")));
    assert_eq!(proxy["resources"]["requests"], json!({"cpu": "7m", "memory": "128Mi"}));
    assert_eq!(proxy["securityContext"]["runAsUser"], 2000);
    assert_eq!(variable(&pod, "MINE").as_deref(), Some("1"));
    // The rules know the proxy by its user.
    assert_eq!(option(&pod, "-u").as_deref(), Some("2000"));
    let kept = pod["metadata"]["annotations"]["proxy.istio.io/overrides"].as_str().unwrap();
    let kept: Value = serde_json::from_str(kept).unwrap();
    assert_eq!(kept["initContainers"][0]["securityContext"]["runAsUser"], 2000);
    assert!(kept["initContainers"][0].get("image").is_none());
}

#[test]
fn a_deployment_becomes_a_gateway() {
    let pod = json!({
        "metadata": {"labels": {"istio": "edge"}, "annotations": {"inject.istio.io/templates": "gateway"}},
        "spec": {"containers": [{"name": "istio-proxy", "image": "auto", "ports": [{"containerPort": 443}]}]},
    });
    let pod = injected(&pod);
    assert_eq!(names(&pod, "containers"), ["istio-proxy"]);
    assert!(names(&pod, "initContainers").is_empty());
    assert_eq!(arguments(&pod, "istio-proxy")[0], "gateway");
    assert_eq!(
        pod["spec"]["securityContext"]["sysctls"],
        json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}])
    );
    let proxy = pod::container(&pod, "istio-proxy").unwrap();
    let ports: Vec<u64> =
        proxy["ports"].as_array().unwrap().iter().filter_map(|port| port["containerPort"].as_u64()).collect();
    assert_eq!(ports, [15090, 443]);
    assert_eq!(pod["metadata"]["annotations"]["prometheus.io/port"], "15090");
    assert!(pod["metadata"]["labels"].get("security.istio.io/tlsMode").is_none());
}

#[test]
fn metrics_of_the_workload_are_served_by_its_sidecar() {
    let pod = injected(&app(
        json!({"prometheus.io/port": "9090", "prometheus.io/path": "/m", "prometheus_io_scrape": "true"}),
    ));
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(
        (&annotations["prometheus.io/port"], &annotations["prometheus.io/path"]),
        (&"15020".into(), &"/stats/prometheus".into())
    );
    assert!(annotations.get("prometheus_io_scrape").is_none());
    let kept: Value = serde_json::from_str(&variable(&pod, "ISTIO_PROMETHEUS_ANNOTATIONS").unwrap()).unwrap();
    assert_eq!(kept, json!({"scrape": "true", "port": "9090", "path": "/m"}));
    let not = injected(&app(json!({"prometheus.io/scrape": "false"})));
    assert!(not["metadata"]["annotations"].get("prometheus.io/port").is_none());
    let error = run(&app(json!({"prometheus.io/port": "15090"})), &Settings::default()).unwrap_err();
    assert!(error.starts_with("annotation prometheus.io/port: found \"15090\""), "{error}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let error = run(
        &app(json!({
            "sidecar.istio.io/proxyCPU": "lots",
            "traffic.sidecar.istio.io/excludeOutboundPorts": "80,http",
            "traffic.sidecar.istio.io/includePorts": "80",
            "sidecar.istio.io/interceptionMode": "TPROXY",
            "inject.istio.io/templates": "grpc-agent",
            "proxy.istio.io/config": "concurrency: many",
            "proxy.istio.io/overrides": "{",
        })),
        &Settings::default(),
    )
    .unwrap_err();
    for part in [
        "annotation sidecar.istio.io/proxyCPU: found \"lots\", allowed: a quantity",
        "annotation traffic.sidecar.istio.io/excludeOutboundPorts: found \"http\", allowed: a port",
        "annotation traffic.sidecar.istio.io/includePorts does not exist",
        "annotation sidecar.istio.io/interceptionMode: found \"TPROXY\", allowed: REDIRECT, NONE",
        "annotation inject.istio.io/templates: found \"grpc-agent\", allowed: sidecar, gateway",
        "annotation proxy.istio.io/config: concurrency: found \"many\"",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let told = run(
        &app(json!({
            "sidecar.istio.io/statsInclusionPrefixes": "cluster.x",
            "sidecar.istio.io/proxyCpu": "1",
            "sidecar.istio.io/proxyImage": "other",
            "proxy.istio.io/config": "tracing: {sampling: 10}",
            "sidecar.istio.io/inject": "perhaps",
        })),
        &Settings::default(),
    )
    .unwrap()
    .warnings;
    for part in [
        "annotation sidecar.istio.io/statsInclusionPrefixes has no effect: all statistics are kept",
        "annotation sidecar.istio.io/proxyCpu does not exist; it has no effect",
        "annotation sidecar.istio.io/proxyImage: \"other\" has no effect",
        "annotation proxy.istio.io/config: tracing has no effect",
        "annotation sidecar.istio.io/inject: found \"perhaps\", allowed: true, false",
    ] {
        assert!(told.iter().any(|warning| warning.starts_with(part)), "{part:?} is not in {told:?}");
    }
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn settings_of_the_installation_reach_every_pod() {
    let values = json!({
        "revision": "canary",
        "global": {
            "hub": "registry.test", "tag": "7", "imagePullPolicy": "Always", "imagePullSecrets": ["pull"],
            "istioNamespace": "mesh", "network": "net-1", "multiCluster": {"clusterName": "east"},
            "proxy": {"image": "meridian", "includeIPRanges": "10.0.0.0/8", "excludeOutboundPorts": "25",
                "startupProbe": {"enabled": false}, "statusPort": 0, "privileged": true},
        },
        "sidecarInjectorWebhook": {"nativeSidecar": false, "injectedAnnotations": {"x": "y"}},
    });
    let (settings, remarks) = Settings::default().with_values(&values).unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");
    let mut original = app(json!({}));
    original["spec"]["containers"][0]["livenessProbe"] = json!({"httpGet": {"port": 80}});
    let pod = run(&original, &settings).unwrap().pod;
    let proxy = pod::container(&pod, "istio-proxy").unwrap();
    assert_eq!((&proxy["image"], &proxy["imagePullPolicy"]), (&"registry.test/meridian:7".into(), &"Always".into()));
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(variable(&pod, "DISCOVERY_ADDRESS").as_deref(), Some("istiod-canary.mesh.svc:15012"));
    assert_eq!(variable(&pod, "ISTIO_META_CLUSTER_ID").as_deref(), Some("east"));
    assert_eq!(pod["metadata"]["labels"]["topology.istio.io/network"], "net-1");
    assert_eq!((option(&pod, "-i").as_deref(), option(&pod, "-o").as_deref()), (Some("10.0.0.0/8"), Some("25")));
    // Without a status port nobody answers probes.
    assert_eq!(option(&pod, "-d").as_deref(), Some("15090,15021"));
    assert!(proxy.get("readinessProbe").is_none() && proxy.get("startupProbe").is_none());
    assert_eq!(pod["spec"]["containers"][0]["livenessProbe"]["httpGet"]["port"], 80);
    assert_eq!(pod["metadata"]["annotations"]["x"], "y");
    assert_eq!(pod["metadata"]["annotations"]["istio.io/rev"], "canary");
}

proptest! {
    /// Whatever a pod looks like, the user's containers, volumes and labels are still there afterwards, once, and there is one proxy.
    #[test]
    fn nothing_of_the_user_is_lost(
        containers in proptest::collection::btree_set("[a-d]", 1..4),
        inits in proptest::collection::btree_set("[e-h]", 0..3),
        volumes in proptest::collection::btree_set("v[a-d]", 0..3),
        native: bool,
    ) {
        let list = |names: &std::collections::BTreeSet<String>| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        let original = json!({
            "metadata": {"labels": {"keep": "me"}, "annotations": {"sidecar.istio.io/nativeSidecar": native.to_string()}},
            "spec": {"containers": list(&containers), "initContainers": list(&inits), "volumes": list(&volumes)},
        });
        let pod = injected(&original);
        for (field, wanted) in [("containers", &containers), ("initContainers", &inits), ("volumes", &volumes)] {
            let own: Vec<String> = names(&pod, field).into_iter().filter(|name| wanted.contains(name)).collect();
            let wanted: Vec<String> = wanted.iter().cloned().collect();
            prop_assert_eq!(own, wanted);
        }
        let proxies = ["containers", "initContainers"].map(|field| names(&pod, field)).concat();
        prop_assert_eq!(proxies.iter().filter(|name| *name == "istio-proxy").count(), 1);
        prop_assert_eq!(&pod["metadata"]["labels"]["keep"], "me");
    }
}
