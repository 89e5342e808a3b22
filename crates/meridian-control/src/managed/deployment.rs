//! The Deployment of a Gateway: `meridian gateway` in a pod without any rights, which knows the control plane by the
//! mesh's root certificate and shows its service account's token.

use super::objects::{labels, metadata, selector};
use super::{Installation, Style, names};
use meridian_inject::gateway_pod;
use meridian_translate::ManagedGateway;
use serde_json::{Map, Value, json};

/// How much longer than draining a pod may take to end, in seconds.
const GRACE: u32 = 10;

pub(super) fn deployment(gateway: &ManagedGateway, installation: &Installation, style: Style) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(gateway, style),
        "spec": {
            "selector": {"matchLabels": selector(gateway)},
            // A new pod is ready before an old one is told to stop.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": {
                "metadata": {"labels": pod_labels(gateway, style), "annotations": pod_annotations(gateway, style)},
                "spec": pod(gateway, installation, style),
            },
        },
    })
}

fn pod_labels(gateway: &ManagedGateway, style: Style) -> Map<String, Value> {
    let mut all = Map::new();
    let name = names::of(&gateway.name, &gateway.class);
    all.insert("service.istio.io/canonical-name".to_owned(), name.into());
    all.insert("service.istio.io/canonical-revision".to_owned(), "latest".into());
    if style == Style::Istio {
        // It is a proxy of the mesh itself. Envoy Gateway's pods are workloads, which may get a sidecar.
        all.insert("sidecar.istio.io/inject".to_owned(), "false".into());
    }
    all.extend(labels(gateway, style));
    all
}

fn pod_annotations(gateway: &ManagedGateway, style: Style) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("prometheus.io/scrape".to_owned(), "true".into());
    all.insert("prometheus.io/path".to_owned(), "/stats/prometheus".into());
    all.insert("prometheus.io/port".to_owned(), style.metrics_port().to_string().into());
    all.extend(gateway.annotations.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
    all
}

fn pod(gateway: &ManagedGateway, installation: &Installation, style: Style) -> Value {
    json!({
        "serviceAccountName": names::of(&gateway.name, &gateway.class),
        // The API server is of no concern to a gateway: it gets a token for the control plane alone.
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": installation.drain_delay + installation.drain_time + GRACE,
        "securityContext": gateway_pod::security_context(style.user()),
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(gateway)},
            "matchLabelKeys": ["pod-template-hash"],
        }],
        "containers": [container(installation, style)],
        "volumes": gateway_pod::volumes(),
    })
}

fn container(installation: &Installation, style: Style) -> Value {
    let mut container = json!({
        "name": style.container(),
        "image": installation.image,
        "args": arguments(installation, style),
        "env": gateway_pod::env(),
        // Those of listeners are not among them: pods are not to be replaced when listeners change.
        "ports": [
            {"name": "status-port", "containerPort": style.readiness_port(), "protocol": "TCP"},
            {"name": "http-envoy-prom", "containerPort": style.metrics_port(), "protocol": "TCP"},
        ],
        // Ready with a first configuration. A gateway without a control plane goes on: there is no liveness probe.
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": style.readiness_port()},
            "periodSeconds": 2,
            "failureThreshold": 2,
            "timeoutSeconds": 1,
        },
        "resources": gateway_pod::resources(),
        "securityContext": gateway_pod::container_security_context(),
        "volumeMounts": gateway_pod::volume_mounts(),
    });
    if let Some(policy) = &installation.image_pull_policy {
        container["imagePullPolicy"] = policy.as_str().into();
    }
    container
}

/// Replaces options of the process, or adds them; the pod gets as long as it may take to stop.
pub(super) fn set_arguments(deployment: &mut Value, options: &[(&str, String)]) {
    let pod = &mut deployment["spec"]["template"]["spec"];
    let Some(arguments) = pod["containers"][0]["args"].as_array_mut() else { return };
    for (option, value) in options {
        match arguments.iter().position(|argument| argument == option) {
            // An option's value comes after it.
            Some(position) if position + 1 < arguments.len() => arguments[position + 1] = value.as_str().into(),
            _ => arguments.extend([Value::from(*option), value.as_str().into()]),
        }
    }
    let seconds = |option: &str| {
        let value = arguments.iter().skip_while(|argument| *argument != option).nth(1)?;
        value.as_str()?.parse::<u32>().ok()
    };
    let stopping = ["--drain-delay", "--drain-time"].map(|option| seconds(option).unwrap_or(0));
    pod["terminationGracePeriodSeconds"] = stopping.iter().sum::<u32>().saturating_add(GRACE).into();
}

fn arguments(installation: &Installation, style: Style) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "gateway",
        "--discovery",
        &installation.discovery,
        "--token-file",
        gateway_pod::TOKEN,
        "--root-cert",
        gateway_pod::ROOT_CERTIFICATE,
        "--labels-file",
        gateway_pod::LABELS,
        "--state",
        gateway_pod::STATE,
        "--drain-delay",
        &installation.drain_delay.to_string(),
        "--drain-time",
        &installation.drain_time.to_string(),
        "--log-level",
        &installation.log_level,
    ]
    .map(str::to_owned)
    .to_vec();
    if style == Style::EnvoyGateway {
        // A sidecar in the same pod has Istio's ports.
        let at = |option: &str, address: &str, port: u16| [option.to_owned(), format!("{address}:{port}")];
        arguments.extend(at("--admin", "127.0.0.1", 19000));
        arguments.extend(at("--metrics", "0.0.0.0", style.metrics_port()));
        arguments.extend(at("--readiness", "0.0.0.0", style.readiness_port()));
    }
    arguments
}
