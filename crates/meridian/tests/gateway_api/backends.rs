//! The suite's echo servers: one process for each Deployment, on ports of its own, with EndpointSlices that lead there.

use crate::manifests::Manifests;
use crate::meridian::Meridian;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where all of them listen.
const ADDRESS: &str = "10.255.0.1";

/// The ports that an echo server listens on inside a pod.
const PORTS: [(u16, &str); 3] = [(3000, "HTTP_PORT"), (3001, "H2C_PORT"), (8443, "HTTPS_PORT")];

/// The echo servers that run; they end when dropped.
pub(crate) struct Backends {
    program: PathBuf,
    certificates: PathBuf,
    next_port: u16,
    running: Vec<Running>,
}

struct Running {
    process: Child,
    namespace: Value,
    labels: Value,
    /// Ports in the pod and ports here.
    ports: BTreeMap<u16, u16>,
}

impl Backends {
    pub(crate) fn new(program: &Path, certificates: &Path) -> Backends {
        Backends { program: program.into(), certificates: certificates.into(), next_port: 20000, running: Vec::new() }
    }

    /// Starts the pods of a manifest and makes EndpointSlices for its Services; how many were started.
    pub(crate) fn start(&mut self, meridian: &Meridian, manifests: &Manifests) -> usize {
        let before = self.running.len();
        for deployment in &manifests.deployments {
            self.run(deployment);
        }
        let services = manifests.objects.iter().filter(|object| object["kind"] == "Service");
        let slices: Vec<Value> = services.filter_map(|service| self.slice(service)).collect();
        let namespaces: Vec<_> =
            manifests.objects.iter().filter(|object| object["kind"] == "Namespace").cloned().collect();
        meridian.apply(&namespaces);
        meridian.apply(&slices);
        self.running.len() - before
    }

    /// Ends those that were started last.
    pub(crate) fn stop(&mut self, started: usize) {
        let kept = self.running.len() - started;
        self.running.truncate(kept);
    }

    fn run(&mut self, deployment: &Value) {
        let template = &deployment["spec"]["template"];
        let container = &template["spec"]["containers"][0];
        if !container["image"].as_str().unwrap_or_default().contains("echo-basic") {
            return;
        }
        let namespace = &deployment["metadata"]["namespace"];
        let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
        let mut command = Command::new(&self.program);
        command.env("POD_NAME", format!("{name}-1")).env("NAMESPACE", namespace.as_str().unwrap_or_default());
        for variable in container["env"].as_array().into_iter().flatten() {
            let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) else { continue };
            // Files of volumes.
            let file = match name {
                "TLS_SERVER_CERT" | "TLS_SERVER_PRIVKEY" | "TLS_CLIENT_CACERTS" => Some(self.file(template, name)),
                _ => None,
            };
            match file {
                Some(file) => command.env(name, file),
                None => command.env(name, value),
            };
        }
        let mut ports = BTreeMap::new();
        for (port, variable) in PORTS {
            self.next_port += 1;
            ports.insert(port, self.next_port);
            command.env(variable, self.next_port.to_string());
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("echo-basic starts");
        let labels = template["metadata"]["labels"].clone();
        self.running.push(Running { process, namespace: namespace.clone(), labels, ports });
    }

    /// The file that a variable means: of the Secret that the pod mounts.
    fn file(&self, template: &Value, variable: &str) -> PathBuf {
        let volumes = template["spec"]["volumes"].as_array();
        let secret = volumes.into_iter().flatten().find_map(|volume| volume["secret"]["secretName"].as_str());
        let end = match variable {
            "TLS_SERVER_PRIVKEY" => "key",
            "TLS_CLIENT_CACERTS" => "ca",
            _ => "crt",
        };
        self.certificates.join(format!("{}.{end}", secret.unwrap_or_default()))
    }

    /// What a Service selects; `None`: nothing that runs here.
    fn slice(&self, service: &Value) -> Option<Value> {
        let (metadata, selector) = (&service["metadata"], service["spec"]["selector"].as_object()?);
        let selected = |running: &&Running| {
            running.namespace == metadata["namespace"]
                && selector.iter().all(|(key, value)| running.labels[key] == *value)
        };
        let running = self.running.iter().find(selected)?;
        let ports: Vec<Value> = (service["spec"]["ports"].as_array()?.iter())
            .filter_map(|port| {
                let target = port["targetPort"].as_u64().or_else(|| port["port"].as_u64())?;
                let here = running.ports.get(&u16::try_from(target).ok()?)?;
                let name = port["name"].as_str().unwrap_or_default();
                let mut own = json!({"name": name, "port": here, "protocol": "TCP"});
                if let Some(protocol) = port.get("appProtocol") {
                    own["appProtocol"] = protocol.clone();
                }
                Some(own)
            })
            .collect();
        let name = metadata["name"].as_str()?;
        Some(json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{name}-here"),
                "namespace": metadata["namespace"],
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
            "ports": ports,
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
