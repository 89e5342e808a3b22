//! A pod's annotations, read and checked: everything that is wrong is said at once, and everything that has no effect.

use crate::inject::Problem;
use crate::pod;
use crate::proxy_config::{self, ProxyConfig};
use crate::quantity::is_quantity;
use crate::settings::Settings;
use crate::template::Template;
use meridian_redirect::annotations::AnnotationError;
use meridian_resources::yaml;
use serde_json::{Map, Value, json};

#[cfg(test)]
mod tests;

/// What a pod's annotations say, over the settings.
#[derive(Debug, Clone)]
pub(crate) struct PodSettings {
    /// The settings of its proxy.
    pub(crate) proxy: ProxyConfig,
    /// Its templates; `None`: those of the settings.
    pub(crate) templates: Option<Vec<Template>>,
    /// Whether connections are captured.
    pub(crate) capture: bool,
    /// The whole image of both containers.
    pub(crate) image: Option<String>,
    /// Requests and limits, instead of the settings'.
    pub(crate) resources: Option<Value>,
    /// Level of the proxy's log, as `tracing` names it.
    pub(crate) log_level: String,
    /// Whether the proxy is an init container that keeps running.
    pub(crate) native: bool,
    /// Whether the proxy may listen on ports below 1024.
    pub(crate) low_ports: bool,
    /// Whether the kubelet's probes go by way of the sidecar.
    pub(crate) rewrite_probes: bool,
    /// Whether the sidecar serves the workload's metrics.
    pub(crate) merge_metrics: bool,
    /// The port for probes and merged metrics; 0: none.
    pub(crate) status_port: u16,
    /// How readiness is asked for.
    pub(crate) readiness: crate::settings::Readiness,
    /// Volumes of the pod, by name.
    pub(crate) volumes: Map<String, Value>,
    /// Where the proxy mounts volumes, by the volume's name.
    pub(crate) volume_mounts: Map<String, Value>,
    /// What has no effect, a line each.
    pub(crate) warnings: Vec<String>,
}

/// Levels as annotations have them.
pub(crate) const LOG_LEVELS: &str = "trace, debug, info, warning, error, critical, off";

/// Annotations of Istio that are about Envoy's process.
const WITHOUT_EFFECT: [(&str, &str); 17] = [
    ("sidecar.istio.io/componentLogLevel", "the proxy has one level of logging, sidecar.istio.io/logLevel"),
    ("sidecar.istio.io/agentLogLevel", "there is no agent beside the proxy; see sidecar.istio.io/logLevel"),
    ("sidecar.istio.io/proxyImageType", "there is one image; see sidecar.istio.io/proxyImage"),
    ("sidecar.istio.io/bootstrapOverride", "the proxy has no bootstrap configuration"),
    ("sidecar.istio.io/statsInclusionPrefixes", "all statistics are kept"),
    ("sidecar.istio.io/statsInclusionSuffixes", "all statistics are kept"),
    ("sidecar.istio.io/statsInclusionRegexps", "all statistics are kept"),
    ("sidecar.istio.io/statsHistogramBuckets", "the buckets of histograms are Istio's"),
    ("sidecar.istio.io/statsFlushInterval", "statistics are never late"),
    ("sidecar.istio.io/statsEvictionInterval", "statistics are kept"),
    ("sidecar.istio.io/statsCompression", "statistics are served as they are"),
    ("sidecar.istio.io/extraStatTags", "the labels of metrics are Istio's"),
    ("sidecar.istio.io/enableCoreDump", "core dumps are the node's affair"),
    ("sidecar.istio.io/controlPlaneAuthPolicy", "the control plane is always spoken to with mutual TLS"),
    ("readiness.status.sidecar.istio.io/applicationPorts", "readiness is that of the proxy"),
    ("prometheus.istio.io/secure-port", "metrics are served in plaintext"),
    ("prometheus.istio.io/secure-envoy-port", "metrics are served in plaintext"),
];

/// Annotations that are read here or elsewhere.
const KNOWN: [&str; 20] = [
    "sidecar.istio.io/inject",
    "sidecar.istio.io/status",
    "sidecar.istio.io/interceptionMode",
    "sidecar.istio.io/proxyImage",
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyMemory",
    "sidecar.istio.io/proxyCPULimit",
    "sidecar.istio.io/proxyMemoryLimit",
    "sidecar.istio.io/logLevel",
    "sidecar.istio.io/nativeSidecar",
    "sidecar.istio.io/capNetBindService",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    "sidecar.istio.io/userVolume",
    "sidecar.istio.io/userVolumeMount",
    "sidecar.istio.io/discoveryAddress",
    "proxy.istio.io/config",
    "proxy.istio.io/overrides",
    "proxy.istio.io/health-checks-enabled",
    "inject.istio.io/templates",
    "prometheus.istio.io/merge-metrics",
];

/// Envoy's name of a level as `tracing` has it.
pub(crate) fn log_level(text: &str) -> Option<&'static str> {
    Some(match text {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warning" | "warn" => "warn",
        "error" | "critical" => "error",
        "off" => "off",
        _ => return None,
    })
}

/// Reads the annotations of a pod.
///
/// # Errors
/// All that are wrong.
pub(crate) fn read(object: &Value, settings: &Settings) -> Result<PodSettings, Vec<Problem>> {
    let mut reader = Reader { object, problems: Vec::new() };
    let mut warnings = Vec::new();
    let proxy = reader.proxy_config(settings, &mut warnings);
    let status_port = reader.number("status.sidecar.istio.io/port", "a port from 0 to 65535");
    let read = PodSettings {
        templates: reader.templates(),
        capture: reader.capture(&proxy),
        image: reader.image(&mut warnings),
        resources: reader.resources(),
        log_level: reader.log_level().unwrap_or_else(|| settings.log_level.clone()),
        native: reader.boolean("sidecar.istio.io/nativeSidecar").unwrap_or(settings.native_sidecar),
        low_ports: reader.boolean("sidecar.istio.io/capNetBindService").unwrap_or(false),
        rewrite_probes: reader.boolean("sidecar.istio.io/rewriteAppHTTPProbers").unwrap_or(settings.rewrite_probes),
        merge_metrics: reader.boolean("prometheus.istio.io/merge-metrics").unwrap_or(settings.mesh.merge_metrics),
        status_port: status_port.or(proxy.status_port).unwrap_or(settings.status_port),
        readiness: reader.readiness(settings),
        volumes: reader.mapping("sidecar.istio.io/userVolume"),
        volume_mounts: reader.mapping("sidecar.istio.io/userVolumeMount"),
        proxy,
        warnings,
    };
    reader.redirect();
    if reader.problems.is_empty() { Ok(read.with_remarks(object)) } else { Err(reader.problems) }
}

impl PodSettings {
    fn with_remarks(mut self, object: &Value) -> Self {
        for (name, value) in pod::annotations(object) {
            if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
                self.warnings.push(format!("annotation {name} has no effect: {why}"));
            } else if name == crate::decide::INJECT && !matches!(value, "true" | "false" | "") {
                self.warnings.push(not_a_choice("annotation", name, value));
            } else if name.starts_with("sidecar.istio.io/") && !KNOWN.contains(&name) {
                self.warnings.push(format!("annotation {name} does not exist; it has no effect"));
            }
        }
        if let Some(value) =
            pod::label(object, crate::decide::INJECT).filter(|value| !matches!(*value, "true" | "false"))
        {
            self.warnings.push(not_a_choice("label", crate::decide::INJECT, value));
        }
        self
    }
}

fn not_a_choice(what: &str, name: &str, value: &str) -> String {
    format!("{what} {name}: found {value:?}, allowed: true, false; it has no effect")
}

/// Reads one annotation after the other, and keeps what is wrong.
struct Reader<'a> {
    object: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        pod::annotation(self.object, name)
    }

    fn wrong(&mut self, name: &str, found: &str, allowed: &str) {
        self.problems.push(Problem::annotation(name, format!("found {found:?}, allowed: {allowed}")));
    }

    /// A value that `parse` understands.
    fn parsed<T>(&mut self, name: &str, allowed: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = self.get(name)?;
        let read = parse(found);
        if read.is_none() {
            self.wrong(name, found, allowed);
        }
        read
    }

    /// A choice as Go's `strconv.ParseBool` reads it.
    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "true, false", |text| match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        })
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str, allowed: &str) -> Option<T> {
        self.parsed(name, allowed, |text| text.trim().parse().ok())
    }

    /// A JSON or YAML mapping.
    fn mapping(&mut self, name: &str) -> Map<String, Value> {
        let read = self.parsed(name, "a JSON object with an object for each volume's name", |text| {
            let value = document(text, name).ok()?;
            value.as_object().filter(|members| members.values().all(Value::is_object)).cloned()
        });
        read.unwrap_or_default()
    }

    fn log_level(&mut self) -> Option<String> {
        self.parsed("sidecar.istio.io/logLevel", LOG_LEVELS, log_level).map(str::to_owned)
    }

    fn templates(&mut self) -> Option<Vec<Template>> {
        self.parsed("inject.istio.io/templates", Template::NAMES, |text| {
            text.split(',').map(|name| Template::named(name.trim())).collect()
        })
    }

    /// Whether connections are captured; TPROXY is refused.
    fn capture(&mut self, proxy: &ProxyConfig) -> bool {
        let allowed = "REDIRECT, NONE; the sidecar has no transparent sockets, so TPROXY is not supported";
        let own = self.parsed("sidecar.istio.io/interceptionMode", allowed, |text| match text {
            "REDIRECT" => Some(true),
            "NONE" => Some(false),
            _ => None,
        });
        own.or(proxy.capture).unwrap_or(true)
    }

    /// A whole reference; a bare name has no effect, as in Istio.
    fn image(&mut self, warnings: &mut Vec<String>) -> Option<String> {
        let name = "sidecar.istio.io/proxyImage";
        let found = self.get(name)?;
        if found.contains('/') {
            return Some(found.to_owned());
        }
        warnings.push(format!(
            "annotation {name}: {found:?} has no effect: it is no whole image, such as registry/meridian:1"
        ));
        None
    }

    /// Requests and limits. One of them replaces all of the settings', as in Istio.
    fn resources(&mut self) -> Option<Value> {
        let mut resources = json!({});
        for (name, group, resource) in [
            ("sidecar.istio.io/proxyCPU", "requests", "cpu"),
            ("sidecar.istio.io/proxyMemory", "requests", "memory"),
            ("sidecar.istio.io/proxyCPULimit", "limits", "cpu"),
            ("sidecar.istio.io/proxyMemoryLimit", "limits", "memory"),
        ] {
            let allowed = "a quantity such as 100m or 128Mi";
            if let Some(found) = self.parsed(name, allowed, |text| is_quantity(text).then(|| text.to_owned())) {
                resources[group][resource] = found.into();
            }
        }
        (resources != json!({})).then_some(resources)
    }

    fn readiness(&mut self, settings: &Settings) -> crate::settings::Readiness {
        let allowed = "a whole number";
        let mut seconds = |name: &str| self.number(&format!("readiness.status.sidecar.istio.io/{name}"), allowed);
        let own = settings.readiness;
        crate::settings::Readiness {
            initial_delay: seconds("initialDelaySeconds").unwrap_or(own.initial_delay),
            period: seconds("periodSeconds").unwrap_or(own.period),
            failure_threshold: seconds("failureThreshold").unwrap_or(own.failure_threshold),
            startup: own.startup,
        }
    }

    /// The mesh's proxy configuration with the pod's laid over it.
    fn proxy_config(&mut self, settings: &Settings, warnings: &mut Vec<String>) -> ProxyConfig {
        let name = "proxy.istio.io/config";
        let mut config = settings.mesh.proxy.clone();
        if let Some(address) = self.get("sidecar.istio.io/discoveryAddress") {
            config.discovery_address = Some(address.to_owned());
        }
        let Some(text) = self.get(name) else { return config };
        match document(text, name) {
            Ok(Value::Null) => {}
            Ok(value) => match proxy_config::lay_over(&mut config, &value) {
                Ok(remarks) => warnings.extend(remarks.iter().map(|remark| format!("annotation {name}: {remark}"))),
                Err(wrong) => {
                    let proxy_config::Wrong { path, found, allowed } = wrong;
                    let at = if path.is_empty() { String::new() } else { format!("{path}: ") };
                    self.problems.push(Problem::annotation(name, format!("{at}found {found}, allowed: {allowed}")));
                }
            },
            Err(error) => self.problems.push(Problem::annotation(name, error)),
        }
        config
    }

    /// What [`meridian_redirect`] reads: every annotation for itself, so that all that are wrong are said.
    fn redirect(&mut self) {
        for (name, value) in pod::annotations(self.object) {
            // What of it is supported is asked for elsewhere: NONE is no setting of the rules.
            if name == "sidecar.istio.io/interceptionMode" {
                continue;
            }
            let read =
                meridian_redirect::annotations::read([(name, value)], &mut meridian_redirect::Settings::default());
            match read {
                Ok(()) => {}
                Err(AnnotationError::Value { name, error }) => self.wrong(&name, &error.found, error.allowed),
                Err(other) => self.problems.push(Problem { place: String::new(), what: other.to_string() }),
            }
        }
    }
}

/// The one document of a text; null for none.
fn document(text: &str, name: &str) -> Result<Value, String> {
    match yaml::values(text, name).into_iter().next() {
        None => Ok(Value::Null),
        Some(Ok(value)) => Ok(value),
        Some(Err(diagnostic)) => Err(format!("line {}: {}", diagnostic.line, diagnostic.message)),
    }
}
