use super::objects::Objects;
use super::parameters::{Settings, objects};
use super::{Installation, Style};
use meridian_resources::gateway_api::common::ObjectReference;
use meridian_resources::gateway_api::gateway::{AddressType, GatewaySpecAddress};
use meridian_resources::{Resource, yaml};
use meridian_translate::{ManagedGateway, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn gateway() -> ManagedGateway {
    ManagedGateway {
        namespace: "shop".into(),
        name: "edge".into(),
        uid: "1234".into(),
        class: "meridian".into(),
        ports: [(80, Transport::Tcp), (443, Transport::Tcp), (53, Transport::Udp), (53, Transport::Tcp)].into(),
        addresses: Vec::new(),
        labels: BTreeMap::from([("team".into(), "a".into())]),
        annotations: BTreeMap::from([("note".into(), "b".into())]),
        class_parameters: None,
        parameters: None,
    }
}

pub(super) fn address(kind: &str, value: Option<&str>) -> GatewaySpecAddress {
    GatewaySpecAddress { type_: AddressType(kind.to_owned()), value: value.map(str::to_owned) }
}

fn reference(group: &str, kind: &str, name: &str, namespace: Option<&str>) -> Option<ObjectReference> {
    let namespace = namespace.map(str::to_owned);
    Some(ObjectReference { group: group.into(), kind: kind.into(), name: name.into(), namespace })
}

fn config_map(name: &str) -> Option<ObjectReference> {
    reference("", "ConfigMap", name, None)
}

fn envoy_proxy(name: &str, namespace: Option<&str>) -> Option<ObjectReference> {
    reference("gateway.envoyproxy.io", "EnvoyProxy", name, namespace)
}

fn settings(text: &str) -> Settings {
    let mut settings = Settings::default();
    for document in yaml::parse(text, "test.yaml") {
        let resource = document.object.unwrap().decode().unwrap();
        let key = (resource.meta().namespace.clone(), resource.meta().name.clone());
        match resource {
            Resource::ConfigMap(map) => drop(settings.config_maps.insert(key, map)),
            Resource::EnvoyProxy(proxy) => drop(settings.envoy_proxies.insert(key, proxy)),
            other => panic!("{other:?} holds no settings"),
        }
    }
    settings
}

fn made(gateway: &ManagedGateway, text: &str) -> Result<Objects, String> {
    objects(gateway, &Installation::default(), &settings(text)).map_err(|error| error.to_string())
}

fn pod(objects: &Objects) -> &Value {
    &objects.deployment["spec"]["template"]["spec"]
}

fn arguments(objects: &Objects) -> String {
    let all = pod(objects)["containers"][0]["args"].as_array().unwrap();
    all.iter().map(|argument| argument.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn all_objects_belong_to_the_gateway_and_carry_its_labels() {
    let objects = made(&gateway(), "").unwrap();
    let all: Vec<Value> = objects.clone().into_all().collect();
    let kinds: Vec<_> = all.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ServiceAccount", "Service", "Deployment"]);
    for object in &all {
        let metadata = &object["metadata"];
        assert_eq!((&metadata["name"], &metadata["namespace"]), (&json!("edge-meridian"), &json!("shop")));
        let owner = &metadata["ownerReferences"][0];
        assert_eq!(
            (&owner["kind"], &owner["name"], &owner["uid"]),
            (&json!("Gateway"), &json!("edge"), &json!("1234"))
        );
        assert_eq!(owner["controller"], json!(true));
        assert_eq!(metadata["annotations"], json!({"note": "b"}));
        let labels = metadata["labels"].as_object().unwrap();
        assert_eq!(labels["team"], "a");
        assert_eq!(labels["gateway.networking.k8s.io/gateway-name"], "edge");
        assert_eq!(labels["gateway.networking.k8s.io/gateway-class-name"], "meridian");
    }
    let template = &objects.deployment["spec"]["template"]["metadata"];
    assert_eq!((&template["labels"]["team"], &template["annotations"]["note"]), (&json!("a"), &json!("b")));
    assert_eq!(template["labels"]["sidecar.istio.io/inject"], "false");
    let selected = json!({"gateway.networking.k8s.io/gateway-name": "edge"});
    assert_eq!(objects.service["spec"]["selector"], selected);
    assert_eq!(objects.deployment["spec"]["selector"]["matchLabels"], selected);
}

#[test]
fn a_label_of_the_user_does_not_take_the_pods_away() {
    let mut gateway = gateway();
    gateway.labels.insert("gateway.networking.k8s.io/gateway-name".into(), "other".into());
    let objects = made(&gateway, "").unwrap();
    let label = "gateway.networking.k8s.io/gateway-name";
    assert_eq!(objects.deployment["spec"]["template"]["metadata"]["labels"][label], "edge");
}

#[test]
fn the_service_has_a_port_for_each_of_the_listeners() {
    let objects = made(&gateway(), "").unwrap();
    let ports: Vec<String> = objects.service["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| {
            let text = |name: &str| port[name].as_str().unwrap();
            format!("{} {}->{}/{}", text("name"), port["port"], port["targetPort"], text("protocol"))
        })
        .collect();
    let expected = [
        "status-port 15021->15021/TCP",
        "port-53 53->53/TCP",
        "udp-53 53->53/UDP",
        "port-80 80->80/TCP",
        "port-443 443->443/TCP",
    ];
    assert_eq!(ports, expected);
    let mut gateway = gateway();
    gateway.ports = [(15021, Transport::Tcp)].into();
    assert_eq!(made(&gateway, "").unwrap().service["spec"]["ports"].as_array().unwrap().len(), 1);
}

#[test]
fn pods_have_no_rights_and_stop_in_time() {
    let objects = made(&gateway(), "").unwrap();
    let pod = pod(&objects);
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(
        (&context["allowPrivilegeEscalation"], &context["readOnlyRootFilesystem"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &pod["securityContext"]["runAsUser"]),
        (&json!(true), &json!(1337))
    );
    let sysctls = json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]);
    assert_eq!(pod["securityContext"]["sysctls"], sysctls);
    assert_eq!(pod["terminationGracePeriodSeconds"], 45);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert!(arguments(&objects).contains("--drain-delay 5 --drain-time 30"), "{}", arguments(&objects));
}

#[test]
fn listeners_come_and_go_without_new_pods() {
    let before = made(&gateway(), "").unwrap();
    let mut gateway = gateway();
    gateway.ports.insert((8443, Transport::Tcp));
    let after = made(&gateway, "").unwrap();
    assert_eq!(before.deployment, after.deployment);
    assert_ne!(before.service, after.service);
}

const CONFIG_MAPS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: class, namespace: shop}
data:
  service: |
    metadata: {annotations: {level: class, of-class: 'yes'}}
    spec: {type: NodePort}
  deployment: |
    spec: {replicas: 2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: own, namespace: shop}
data:
  service: |
    metadata: {annotations: {level: gateway}}
    spec: {externalTrafficPolicy: Local}
  deployment: |
    spec:
      replicas: 3
      template:
        spec:
          containers:
          - {name: istio-proxy, resources: {requests: {cpu: 250m}}}
  serviceAccount: |
    metadata: {annotations: {role: a}}
  podDisruptionBudget: |
    spec: {minAvailable: 1}
";

#[test]
fn config_maps_are_laid_over_class_first() {
    let class_parameters = reference("", "ConfigMap", "class", Some("shop"));
    let gateway = ManagedGateway { class_parameters, parameters: config_map("own"), ..gateway() };
    let objects = made(&gateway, CONFIG_MAPS).unwrap();
    let annotations = &objects.service["metadata"]["annotations"];
    assert_eq!(annotations, &json!({"level": "gateway", "of-class": "yes", "note": "b"}));
    let spec = &objects.service["spec"];
    assert_eq!((&spec["type"], &spec["externalTrafficPolicy"]), (&json!("NodePort"), &json!("Local")));
    assert_eq!(objects.deployment["spec"]["replicas"], 3);
    let resources = &pod(&objects)["containers"][0]["resources"];
    assert_eq!(resources["requests"], json!({"cpu": "250m", "memory": "128Mi"}));
    assert_eq!(objects.service_account["metadata"]["annotations"]["role"], "a");
    let budget = objects.budget.unwrap();
    assert_eq!(budget["spec"]["minAvailable"], 1);
    assert_eq!(budget["spec"]["selector"]["matchLabels"], json!({"gateway.networking.k8s.io/gateway-name": "edge"}));
    assert_eq!(objects.autoscaler, None);
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let with = |data: &str| {
        let text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: own, namespace: shop}}\ndata: {{{data}}}\n");
        made(&ManagedGateway { parameters: config_map("own"), ..gateway() }, &text).unwrap_err()
    };
    for (data, expected) in [
        ("daemonSet: ''", "found the key \"daemonSet\", allowed: deployment, horizontalPodAutoscaler"),
        ("deployment: '[1]'", "deployment: found [1], allowed: a mapping"),
        ("deployment: 'a: ['", "spec.infrastructure.parametersRef: ConfigMap shop/own: "),
        ("service: 'metadata: {name: other}'", "service: metadata.name is the controller's and cannot be set"),
        ("service: 'spec: {selector: {app: a}}'", "service: spec.selector is the controller's"),
        (
            "deployment: 'spec: {template: {metadata: {labels: {gateway.networking.k8s.io/gateway-name: x}}}}'",
            "deployment: spec.template.metadata.labels.gateway.networking.k8s.io/gateway-name is the controller's",
        ),
        (
            "deployment: 'spec: {replicas: 2}', horizontalPodAutoscaler: 'spec: {maxReplicas: 3}'",
            "a number of replicas and a HorizontalPodAutoscaler exclude each other",
        ),
    ] {
        let error = with(data);
        assert!(error.contains(expected), "{data}: {error}");
    }
}

#[test]
fn references_that_lead_nowhere_are_named() {
    for (reference, expected) in [
        (config_map("own"), "spec.infrastructure.parametersRef: there is no ConfigMap shop/own"),
        (envoy_proxy("own", None), "spec.infrastructure.parametersRef: there is no EnvoyProxy shop/own"),
        (
            reference("invalid.io", "InvalidParameters", "invalid", None),
            "found InvalidParameters of invalid.io, allowed: ConfigMap, or EnvoyProxy of gateway.envoyproxy.io",
        ),
    ] {
        let error = made(&ManagedGateway { parameters: reference, ..gateway() }, "").unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let class = ManagedGateway { class_parameters: config_map("own"), ..gateway() };
    let error = made(&class, "").unwrap_err();
    assert!(error.starts_with("GatewayClass meridian: spec.parametersRef.namespace is missing"), "{error}");
}

const ENVOY_PROXIES: &str = "
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: mesh, namespace: envoy-gateway-system}
spec:
  concurrency: 2
  logging: {level: {default: debug}}
  shutdown: {drainTimeout: 1m, minDrainDuration: 1500ms}
  provider:
    type: Kubernetes
    kubernetes:
      envoyServiceAccount: {name: front}
      envoyDeployment:
        replicas: 2
        pod:
          annotations: {traffic.sidecar.istio.io/includeInboundPorts: ''}
          labels: {tier: front}
          nodeSelector: {disk: ssd}
        container:
          imageRepository: registry.example.com/meridian
          env: [{name: A, value: b}]
        patch: {type: StrategicMerge, value: {spec: {revisionHistoryLimit: 3}}}
      envoyService:
        annotations: {lb: internal}
        externalTrafficPolicy: Cluster
        loadBalancerClass: a/b
        patch: {type: JSONMerge, value: {spec: {sessionAffinity: ClientIP}}}
      envoyHpa: null
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: own, namespace: shop}
spec: {concurrency: 4}
";

#[test]
fn an_envoy_proxy_sets_pods_and_services() {
    let text = ENVOY_PROXIES.replace("      envoyHpa: null\n", "");
    let class_parameters = envoy_proxy("mesh", Some("envoy-gateway-system"));
    let gateway = ManagedGateway { class_parameters, ..gateway() };
    let objects = made(&gateway, &text).unwrap();
    let template = &objects.deployment["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"]["traffic.sidecar.istio.io/includeInboundPorts"], "");
    assert_eq!(template["metadata"]["labels"]["tier"], "front");
    assert_eq!(template["metadata"]["labels"].get("sidecar.istio.io/inject"), None, "a sidecar may stand beside it");
    let labels = &objects.service["metadata"]["labels"];
    assert_eq!(labels["gateway.envoyproxy.io/owning-gateway-name"], "edge");
    assert_eq!(labels["gateway.envoyproxy.io/owning-gateway-namespace"], "shop");
    let pod = pod(&objects);
    assert_eq!((&pod["serviceAccountName"], &pod["nodeSelector"]), (&json!("front"), &json!({"disk": "ssd"})));
    assert_eq!(pod["terminationGracePeriodSeconds"], 72);
    let container = &pod["containers"][0];
    assert_eq!(container["name"], "envoy");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(container["image"], format!("registry.example.com/meridian:{version}"));
    assert_eq!(container["env"].as_array().unwrap().len(), 5);
    assert_eq!(container["readinessProbe"]["httpGet"]["port"], 19003);
    for expected in
        ["--threads 2", "--log-level debug", "--drain-time 60", "--drain-delay 2", "--readiness 0.0.0.0:19003"]
    {
        assert!(arguments(&objects).contains(expected), "{expected}: {}", arguments(&objects));
    }
    let spec = &objects.deployment["spec"];
    assert_eq!((&spec["replicas"], &spec["revisionHistoryLimit"]), (&json!(2), &json!(3)));
    let service = &objects.service["spec"];
    assert_eq!((&service["externalTrafficPolicy"], &service["loadBalancerClass"]), (&json!("Cluster"), &json!("a/b")));
    let status_port = &service["ports"][0];
    assert_eq!((&status_port["port"], &status_port["targetPort"]), (&json!(15021), &json!(19003)));
    assert_eq!((&service["sessionAffinity"], &service["type"]), (&json!("ClientIP"), &json!("LoadBalancer")));
    assert_eq!(objects.service_account["metadata"]["name"], "front");
}

#[test]
fn the_gateway_s_envoy_proxy_counts_alone_unless_it_says_otherwise() {
    let text = ENVOY_PROXIES.replace("      envoyHpa: null\n", "");
    let class_parameters = envoy_proxy("mesh", Some("envoy-gateway-system"));
    let gateway = ManagedGateway { class_parameters, parameters: envoy_proxy("own", None), ..gateway() };
    let alone = made(&gateway, &text).unwrap();
    assert!(arguments(&alone).contains("--threads 4"));
    assert_eq!(alone.deployment["spec"].get("replicas"), None);
    let merged =
        made(&gateway, &text.replace("{concurrency: 4}", "{concurrency: 4, mergeType: StrategicMerge}")).unwrap();
    assert!(arguments(&merged).contains("--threads 4"));
    assert_eq!(merged.deployment["spec"]["replicas"], 2);
}

#[test]
fn what_an_envoy_proxy_asks_for_in_vain_is_named() {
    let with = |spec: &str| {
        let text = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyProxy\nmetadata: {{name: own, namespace: shop}}\nspec: {{{spec}}}\n"
        );
        made(&ManagedGateway { parameters: envoy_proxy("own", None), ..gateway() }, &text).unwrap_err()
    };
    for (spec, expected) in [
        (
            "mergeGateways: true, preserveRouteOrder: true",
            "spec.mergeGateways, spec.preserveRouteOrder is not supported",
        ),
        ("telemetry: {accessLog: {disable: true}}", "spec.telemetry.accessLog (a Telemetry of telemetry.istio.io"),
        ("logging: {level: {router: debug}}", "spec.logging.level: found the component \"router\", allowed: default"),
        (
            "provider: {type: Kubernetes, kubernetes: {envoyService: {patch: {value: {metadata: {namespace: a}}}}}}",
            "patch: metadata.namespace is the controller's",
        ),
        (
            "provider: {type: Kubernetes, kubernetes: {envoyDeployment: {replicas: 2}, envoyHpa: {maxReplicas: 3}}}",
            "exclude each other",
        ),
    ] {
        let error = with(spec);
        assert!(error.contains(expected), "{spec}: {error}");
    }
}

#[test]
fn addresses_that_are_asked_for_are_asked_of_the_service() {
    let addresses = vec![address("IPAddress", Some("192.0.2.1")), address("IPAddress", Some("198.51.100.1"))];
    let gateway = ManagedGateway { addresses, ..gateway() };
    let installation = Installation { addresses: vec!["192.0.2.0/24".parse().unwrap()], ..Installation::default() };
    let service = Objects::of(&gateway, &installation, Style::Istio).service;
    assert_eq!(service["spec"]["externalIPs"], json!(["192.0.2.1"]));
    assert_eq!(service["spec"]["loadBalancerIP"], "198.51.100.1");
}
