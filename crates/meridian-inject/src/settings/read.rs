//! Istio's documents: the injection configuration, the values of the installation, the mesh configuration.

use super::{Policy, Settings};
use crate::pod;
use crate::proxy_config;
use crate::selector::Selector;
use crate::template::Template;
use serde_json::{Map, Value};

/// The settings of a document that have no effect here, each with its path, for the user to know.
pub type Remarks = Vec<String>;

/// A document with a setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: found {found}, allowed: {allowed}")]
pub struct SettingError {
    path: String,
    found: String,
    allowed: String,
}

impl SettingError {
    pub(super) fn new(path: impl Into<String>, found: &Value, allowed: impl Into<String>) -> Self {
        Self { path: path.into(), found: found.to_string(), allowed: allowed.into() }
    }
}

/// What reads one setting: nothing when there is none of that name.
type Read = fn(&mut Settings, &str, &Value) -> Option<Result<(), SettingError>>;

impl Settings {
    /// Lays an injection configuration over these settings (key `config` of ConfigMap `istio-sidecar-injector`).
    ///
    /// # Errors
    /// A setting that is wrong, or a template of one's own.
    pub fn with_config(mut self, document: &Value) -> Result<(Self, Remarks), SettingError> {
        let mut remarks = Remarks::new();
        for (name, value) in document.as_object().into_iter().flatten() {
            match config(&mut self, name, value) {
                Some(read) => read?,
                None => remarks.push(format!("{name} is not a setting of injection; it has no effect")),
            }
        }
        Ok((self, remarks))
    }

    /// Lays the values of an installation over these settings (key `values` of that ConfigMap, `--valuesFile`).
    ///
    /// # Errors
    /// A setting that is wrong.
    pub fn with_values(mut self, document: &Value) -> Result<(Self, Remarks), SettingError> {
        let mut remarks = Remarks::new();
        let empty = Map::new();
        for (section, read) in [("global", global as Read), ("sidecarInjectorWebhook", webhook), ("gateways", gateways)]
        {
            for (name, value) in document.get(section).and_then(Value::as_object).unwrap_or(&empty) {
                match read(&mut self, name, value) {
                    Some(read) => read?,
                    None if is_nothing(value) => {}
                    None => remarks.push(format!("{section}.{name} has no effect on injection")),
                }
            }
        }
        if let Some(revision) = document.get("revision") {
            self.revision = text("revision", revision)?;
        }
        if self.images.proxy == "proxyv2" || self.images.init == "proxyv2" {
            remarks.push(
                "global.proxy.image is proxyv2, Istio's own proxy, whose program is another; name an image with meridian \
                 in it"
                    .to_owned(),
            );
        }
        Ok((self, remarks))
    }

    /// Lays a mesh configuration over these settings (key `mesh` of ConfigMap `istio`, `--meshConfigFile`). What of it is
    /// not about injection is left to others.
    ///
    /// # Errors
    /// A setting that is wrong.
    pub fn with_mesh(mut self, document: &Value) -> Result<(Self, Remarks), SettingError> {
        let mut remarks = Remarks::new();
        if let Some(value) = document.get("defaultConfig") {
            remarks = proxy_config::lay_over(&mut self.mesh.proxy, value)
                .map_err(|wrong| SettingError { path: format!("defaultConfig.{}", wrong.path), ..wrong.into() })?;
        }
        if let Some(value) = document.get("trustDomain") {
            self.mesh.trust_domain = text("trustDomain", value)?;
        }
        if let Some(value) = document.get("enablePrometheusMerge") {
            self.mesh.merge_metrics = boolean("enablePrometheusMerge", value)?;
        }
        self.mesh.inbound_to_localhost = pod::text(document, "/inboundTrafficPolicy/mode") == "LOCALHOST";
        for (name, allowed) in [("proxyListenPort", 15001), ("proxyInboundListenPort", 15006)] {
            if let Some(value) = document.get(name)
                && value.as_u64() != Some(allowed)
            {
                return Err(SettingError::new(name, value, format!("{allowed}, where sidecars listen")));
            }
        }
        Ok((self, remarks))
    }
}

impl From<proxy_config::Wrong> for SettingError {
    fn from(wrong: proxy_config::Wrong) -> Self {
        Self { path: wrong.path, found: wrong.found, allowed: wrong.allowed }
    }
}

/// What reads one member of a section, by its path and name.
type ReadMember = fn(&mut Settings, &str, &str, &Value) -> Option<Result<(), SettingError>>;

fn set<T>(setting: &mut T, value: T) -> Result<(), SettingError> {
    *setting = value;
    Ok(())
}

/// Values that say nothing: those of an installation name everything.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

fn config(settings: &mut Settings, name: &str, value: &Value) -> Option<Result<(), SettingError>> {
    Some(match name {
        "policy" => match value.as_str() {
            Some("enabled") => set(&mut settings.policy, Policy::Enabled),
            Some("disabled") => set(&mut settings.policy, Policy::Disabled),
            _ => Err(SettingError::new(name, value, "enabled, disabled")),
        },
        "neverInjectSelector" => selectors(name, value).map(|read| settings.never_inject = read),
        "alwaysInjectSelector" => selectors(name, value).map(|read| settings.always_inject = read),
        "injectedAnnotations" => texts(name, value).map(|read| settings.annotations = read),
        "defaultTemplates" => templates(name, value).map(|read| settings.default_templates = read),
        "templates" => own_templates(value),
        "aliases" if is_nothing(value) => Ok(()),
        _ => return None,
    })
}

/// Templates in Go's language are not run: those of Istio's names mean ours, others are refused.
fn own_templates(value: &Value) -> Result<(), SettingError> {
    let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    // Istio brings these along; the last three are for pods that ask for them, who are told then.
    let known = ["sidecar", "gateway", "grpc-simple", "grpc-agent", "waypoint", "kube-gateway", "agentgateway"];
    let is_known = |name: &str| known.contains(&name) || name.starts_with("agentgateway");
    match names.find(|name| !is_known(name)) {
        Some(name) => Err(SettingError::new(
            format!("templates.{name}"),
            &Value::from(name.as_str()),
            "no templates of one's own; the templates sidecar and gateway are built in",
        )),
        None => Ok(()),
    }
}

fn global(settings: &mut Settings, name: &str, value: &Value) -> Option<Result<(), SettingError>> {
    let path = format!("global.{name}");
    Some(match name {
        "hub" => text(&path, value).map(|read| settings.images.hub = read),
        "tag" => text(&path, value).map(|read| settings.images.tag = read),
        "imagePullPolicy" => text(&path, value).map(|read| settings.images.pull_policy = read),
        "imagePullSecrets" => names(&path, value).map(|read| settings.images.pull_secrets = read),
        "istioNamespace" => text(&path, value).map(|read| settings.namespace = read),
        "remotePilotAddress" | "caAddress" if is_nothing(value) => Ok(()),
        "remotePilotAddress" | "caAddress" => text(&path, value).map(|read| {
            settings.discovery_address = if read.contains(':') { read } else { format!("{read}:15012") };
        }),
        "network" => text(&path, value).map(|read| settings.network = read),
        "meshID" => text(&path, value).map(|read| settings.mesh_id = read),
        "multiCluster" => named(settings, &path, value, |settings, path, name, value| match name {
            "clusterName" if is_nothing(value) => Some(Ok(())),
            "clusterName" => Some(text(path, value).map(|read| settings.cluster = read)),
            _ => None,
        }),
        "proxy" => named(settings, &path, value, proxy),
        "proxy_init" => named(settings, &path, value, |settings, path, name, value| match name {
            "image" => Some(text(path, value).map(|read| settings.images.init = read)),
            "forceApplyIptables" => Some(Ok(())),
            _ => None,
        }),
        // Others read these, or they are the only way that there is.
        "pilotCertProvider"
        | "sds"
        | "configValidation"
        | "istiod"
        | "defaultPodDisruptionBudget"
        | "defaultResources"
        | "logging"
        | "resourceScope"
        | "waypoint"
        | "meshNetworks"
        | "platform"
        | "variant"
        | "networkPolicy"
        | "nativeNftables" => Ok(()),
        _ => return None,
    })
}

fn proxy(settings: &mut Settings, path: &str, name: &str, value: &Value) -> Option<Result<(), SettingError>> {
    let capture = &mut settings.capture;
    Some(match name {
        "image" => text(path, value).map(|read| {
            settings.images.init.clone_from(&read);
            settings.images.proxy = read;
        }),
        "includeIPRanges" => text(path, value).map(|read| capture.include_ip_ranges = read),
        "excludeIPRanges" => text(path, value).map(|read| capture.exclude_ip_ranges = read),
        "includeInboundPorts" => text(path, value).map(|read| capture.include_inbound_ports = read),
        "excludeInboundPorts" => text(path, value).map(|read| capture.exclude_inbound_ports = read),
        "includeOutboundPorts" => text(path, value).map(|read| capture.include_outbound_ports = read),
        "excludeOutboundPorts" => text(path, value).map(|read| capture.exclude_outbound_ports = read),
        "logLevel" => text(path, value).and_then(|read| match crate::annotations::log_level(&read) {
            Some(level) => set(&mut settings.log_level, level.to_owned()),
            None => Err(SettingError::new(path, value, crate::annotations::LOG_LEVELS)),
        }),
        "resources" => set(&mut settings.resources, value.clone()),
        "privileged" => boolean(path, value).map(|read| settings.privileged = read),
        "seccompProfile" => set(&mut settings.seccomp, value.clone()),
        "lifecycle" => set(&mut settings.lifecycle, value.clone()),
        "statusPort" => number(path, value).and_then(|read| match u16::try_from(read) {
            Ok(port) => set(&mut settings.status_port, port),
            Err(_) => Err(SettingError::new(path, value, "a port from 0 to 65535")),
        }),
        "readinessInitialDelaySeconds" => number(path, value).map(|read| settings.readiness.initial_delay = read),
        "readinessPeriodSeconds" => number(path, value).map(|read| settings.readiness.period = read),
        "readinessFailureThreshold" => number(path, value).map(|read| settings.readiness.failure_threshold = read),
        "startupProbe" => {
            let enabled = value.get("enabled").and_then(Value::as_bool).unwrap_or(true);
            let threshold = value.get("failureThreshold").map_or(Ok(600), |value| number(path, value));
            threshold.map(|read| settings.readiness.startup = enabled.then_some(read))
        }
        "holdApplicationUntilProxyStarts" => boolean(path, value).map(|read| settings.hold_application = read),
        "autoInject" => config(settings, "policy", value)?,
        // One cluster domain and one proxy; the tracer is the mesh configuration's.
        "clusterDomain" if value == "cluster.local" => Ok(()),
        "componentLogLevel" if value == "misc:error" => Ok(()),
        "tracer" if value == "none" => Ok(()),
        _ => return None,
    })
}

fn webhook(settings: &mut Settings, name: &str, value: &Value) -> Option<Result<(), SettingError>> {
    let path = format!("sidecarInjectorWebhook.{name}");
    Some(match name {
        "rewriteAppHTTPProbe" => boolean(&path, value).map(|read| settings.rewrite_probes = read),
        "nativeSidecar" => boolean(&path, value).map(|read| settings.native_sidecar = read),
        // What of the webhook's own configuration is read where that is written.
        "enableNamespacesByDefault" | "reinvocationPolicy" => Ok(()),
        "defaultTemplates" if is_nothing(value) => Ok(()),
        _ => config(settings, name, value)?,
    })
}

fn gateways(settings: &mut Settings, name: &str, value: &Value) -> Option<Result<(), SettingError>> {
    match name {
        "securityContext" => Some(set(&mut settings.gateway_security_context, value.clone())),
        _ => None,
    }
}

/// Reads the members of a section; what is not known there is left, as Istio's values have much that is not about
/// injection, unless it says something.
fn named(settings: &mut Settings, path: &str, section: &Value, read: ReadMember) -> Result<(), SettingError> {
    let Some(members) = section.as_object() else { return Err(SettingError::new(path, section, "a mapping")) };
    members.iter().try_for_each(|(name, value)| {
        let path = format!("{path}.{name}");
        match read(settings, &path, name, value) {
            Some(result) => result,
            None if is_nothing(value) => Ok(()),
            None => Err(SettingError::new(path, value, "nothing: this setting is not supported")),
        }
    })
}

fn text(path: &str, value: &Value) -> Result<String, SettingError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(SettingError::new(path, value, "a text")),
    }
}

fn boolean(path: &str, value: &Value) -> Result<bool, SettingError> {
    value.as_bool().ok_or_else(|| SettingError::new(path, value, "true, false"))
}

fn number(path: &str, value: &Value) -> Result<u32, SettingError> {
    let read = value.as_u64().and_then(|read| u32::try_from(read).ok());
    read.ok_or_else(|| SettingError::new(path, value, "a whole number"))
}

fn names(path: &str, value: &Value) -> Result<Vec<String>, SettingError> {
    let items = value.as_array().ok_or_else(|| SettingError::new(path, value, "a list of names"))?;
    items.iter().map(|item| text(path, item)).collect()
}

fn texts(path: &str, value: &Value) -> Result<std::collections::BTreeMap<String, String>, SettingError> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| Ok((name.clone(), text(&format!("{path}[{name}]"), value)?))).collect()
}

fn selectors(path: &str, value: &Value) -> Result<Vec<Selector>, SettingError> {
    let items = value.as_array().into_iter().flatten().enumerate();
    let read = items.map(|(index, item)| Selector::read(item, &format!("{path}[{index}]")));
    read.collect::<Result<_, _>>().map_err(|error| SettingError::new(path, value, error.to_string()))
}

fn templates(path: &str, value: &Value) -> Result<Vec<Template>, SettingError> {
    let read = names(path, value)?.iter().map(|name| Template::named(name)).collect::<Option<Vec<_>>>();
    read.filter(|read| !read.is_empty()).ok_or_else(|| SettingError::new(path, value, Template::NAMES))
}
