//! Istio's ProxyConfig: `defaultConfig` of the mesh, and a pod's annotation `proxy.istio.io/config`.

use meridian_resources::duration::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// The settings of one proxy that have an effect; unset ones are left to the proxy.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProxyConfig {
    /// Where its control plane is.
    pub(crate) discovery_address: Option<String>,
    /// Its threads; 0 or nothing for one per core.
    pub(crate) concurrency: Option<u16>,
    /// How long open requests may take to end when it stops.
    pub(crate) termination_drain: Option<std::time::Duration>,
    /// Whether the workload waits for it.
    pub(crate) hold_application: Option<bool>,
    /// Whether connections are captured (`interceptionMode`: REDIRECT or NONE).
    pub(crate) capture: Option<bool>,
    /// Environment variables of both containers.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The port for probes and merged metrics.
    pub(crate) status_port: Option<u16>,
    /// The port of its admin endpoint.
    pub(crate) admin_port: Option<u16>,
    /// The mesh that it belongs to.
    pub(crate) mesh_id: Option<String>,
}

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) path: String,
    pub(crate) found: String,
    pub(crate) allowed: String,
}

/// Settings of Istio that have no effect here: they are about Envoy's process, or about what is sent elsewhere.
const WITHOUT_EFFECT: [&str; 32] = [
    "configPath",
    "binaryPath",
    "serviceCluster",
    "tracingServiceName",
    "drainDuration",
    "parentShutdownDuration",
    "discoveryRefreshDelay",
    "zipkinAddress",
    "statsdUdpAddress",
    "controlPlaneAuthPolicy",
    "customConfigFile",
    "statNameLength",
    "proxyBootstrapTemplatePath",
    "tracing",
    "envoyAccessLogService",
    "envoyMetricsService",
    "envoyMetricsServiceAddress",
    "runtimeValues",
    "extraStatTags",
    "readinessProbe",
    "proxyStatsMatcher",
    "sds",
    "caCertificatesPem",
    "image",
    "privateKeyProvider",
    "proxyHeaders",
    "fileFlushInterval",
    "fileFlushMinSizeKb",
    "statsCompression",
    "statsFlushInterval",
    "statsEvictionInterval",
    "availabilityZone",
];

/// Lays a document over `config`. Settings without effect are returned, a line each.
///
/// # Errors
/// The first that is wrong, or that there is not.
pub(crate) fn lay_over(config: &mut ProxyConfig, document: &Value) -> Result<Vec<String>, Wrong> {
    let wrong = |path: &str, found: &Value, allowed: &str| Wrong {
        path: path.to_owned(),
        found: found.to_string(),
        allowed: allowed.to_owned(),
    };
    let Some(members) = document.as_object() else { return Err(wrong("", document, "a mapping of settings")) };
    let mut remarks = Vec::new();
    for (name, value) in members {
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong(name, value, "a text"));
        let port = || {
            let read = value.as_u64().and_then(|read| u16::try_from(read).ok());
            read.ok_or_else(|| wrong(name, value, "a port from 0 to 65535"))
        };
        match name.as_str() {
            "discoveryAddress" => config.discovery_address = Some(text()?),
            "concurrency" => {
                let read = value.as_u64().and_then(|read| u16::try_from(read).ok()).filter(|read| *read <= 1024);
                config.concurrency = Some(
                    read.ok_or_else(|| wrong(name, value, "a number of threads from 1 to 1024; 0 for one per core"))?,
                );
            }
            "terminationDrainDuration" => {
                let read =
                    value.as_str().and_then(|text| Duration::parse(text).ok()).filter(|read| read.as_nanos() >= 0);
                let read = read.ok_or_else(|| wrong(name, value, "a duration such as 5s"))?;
                config.termination_drain = Some(read.to_std());
            }
            "holdApplicationUntilProxyStarts" => {
                config.hold_application = Some(value.as_bool().ok_or_else(|| wrong(name, value, "true, false"))?);
            }
            "interceptionMode" => match value.as_str() {
                Some("REDIRECT") => config.capture = Some(true),
                Some("NONE") => config.capture = Some(false),
                _ => return Err(wrong(name, value, "REDIRECT, NONE")),
            },
            "proxyMetadata" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    let path = format!("proxyMetadata[{key}]");
                    let text = value.as_str().ok_or_else(|| wrong(&path, value, "a text; write it in quotes"))?;
                    config.metadata.insert(key.clone(), text.to_owned());
                }
            }
            "statusPort" => config.status_port = Some(port()?),
            "proxyAdminPort" => config.admin_port = Some(port()?),
            "meshId" => config.mesh_id = Some(text()?),
            // The control plane reads it.
            "gatewayTopology" => {}
            known if WITHOUT_EFFECT.contains(&known) => {
                remarks.push(format!("{known} has no effect"));
            }
            _ => return Err(wrong(name, value, "a setting of Istio's ProxyConfig; there is none of this name")),
        }
    }
    Ok(remarks)
}

impl ProxyConfig {
    /// Whether questions for names go to the sidecar.
    pub(crate) fn captures_dns(&self) -> bool {
        self.metadata.get("ISTIO_META_DNS_CAPTURE").is_some_and(|value| matches!(value.as_str(), "true" | "1" | "t"))
    }
}
