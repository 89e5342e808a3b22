//! EnvoyProxy: settings of the proxies that serve a Gateway, or all Gateways of a class.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kubernetes::EnvoyProxyKubernetesProvider;
use crate::gateway_api::backend_tls_policy::PolicyStatus;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use crate::schema::text::{AnyValue, FreeObject};

/// The kind `EnvoyProxy` of `gateway.envoyproxy.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: super::VERSIONS,
    kind: "EnvoyProxy",
    list_kind: "EnvoyProxyList",
    plural: "envoyproxies",
    singular: "envoyproxy",
    short_names: &["eproxy"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<EnvoyProxy>,
};

schema::forms!(schema::of_spec::<EnvoyProxy>(&KIND, true));

impl Spec for EnvoyProxy {
    type Status = PolicyStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::EnvoyProxy(object)
    }
}

/// EnvoyProxy says how the proxies of a Gateway, or of all Gateways of a class, are run: `parametersRef` of either
/// names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvoyProxy {
    /// TLS towards all backends.
    #[serde(rename = "backendTLS")]
    #[schemars(with = "FreeObject")]
    pub backend_tls: Option<Value>,
    /// Changes of Envoy's bootstrap configuration.
    #[schemars(with = "FreeObject")]
    pub bootstrap: Option<Value>,
    /// How many worker threads a proxy has; as many as it has cores when absent.
    pub concurrency: Option<i32>,
    /// Modules that proxies load.
    #[schemars(with = "Vec<FreeObject>")]
    pub dynamic_modules: Vec<Value>,
    /// More arguments for the proxy's command line.
    pub extra_args: Vec<String>,
    /// Another order of HTTP filters.
    #[schemars(with = "Vec<FreeObject>")]
    pub filter_order: Vec<Value>,
    /// Where clients are, by their addresses.
    #[serde(rename = "geoIP")]
    #[schemars(with = "FreeObject")]
    pub geo_ip: Option<Value>,
    /// The address families of listeners.
    pub ip_family: Option<ProxyIpFamily>,
    /// What proxies log of themselves.
    pub logging: Option<ProxyLogging>,
    /// How Lua scripts are checked.
    pub lua_validation: Option<String>,
    /// Whether equal backends share a cluster.
    pub merge_backends: Option<bool>,
    /// Whether all Gateways of the class share one set of proxies.
    pub merge_gateways: Option<bool>,
    /// How this object and that of the class are merged.
    pub merge_type: Option<String>,
    /// Whether rules keep the order in which they are written.
    pub preserve_route_order: Option<bool>,
    /// Where proxies run.
    pub provider: Option<EnvoyProxyProvider>,
    /// Whether requests go to the endpoints of a Service, or to its address.
    pub routing_type: Option<RoutingType>,
    /// How proxies stop.
    pub shutdown: Option<ShutdownConfig>,
    /// What proxies report.
    pub telemetry: Option<ProxyTelemetry>,
}

/// Where requests to a Service go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RoutingType {
    /// To its endpoints, balanced by the proxy.
    #[default]
    Endpoint,
    /// To its cluster address, where kube-proxy or a sidecar balances.
    Service,
}

/// The address families of listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProxyIpFamily {
    /// IPv4 only.
    IPv4,
    /// IPv6 only.
    IPv6,
    /// Both.
    DualStack,
}

/// What proxies log of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyLogging {
    /// The least level by component; `default` for all others. `trace`, `debug`, `info`, `warn` or `error`.
    pub level: BTreeMap<String, LogLevel>,
}

/// How important a line of a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For developers.
    Debug,
    /// For information.
    Info,
    /// Something may be wrong.
    #[default]
    Warn,
    /// Something is wrong.
    Error,
}

/// How proxies stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShutdownConfig {
    /// How long connections may take to end (a duration as in Gateway API); 60 s when absent.
    #[schemars(regex(pattern = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub drain_timeout: Option<String>,
    /// How long a proxy goes on at least; 10 s when absent.
    #[schemars(regex(pattern = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub min_drain_duration: Option<String>,
}

/// Where proxies run; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
pub struct EnvoyProxyProvider {
    /// Settings of `Host`.
    #[schemars(with = "FreeObject")]
    pub host: Option<Value>,
    /// Settings of `Kubernetes`.
    pub kubernetes: Option<EnvoyProxyKubernetesProvider>,
    /// Which.
    #[serde(rename = "type")]
    pub type_: ProviderType,
}

/// Where proxies run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProviderType {
    /// As pods.
    #[default]
    Kubernetes,
    /// As processes of the control plane's machine.
    Host,
    /// By something else.
    Custom,
}

/// What proxies report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyTelemetry {
    /// A line for each request or connection.
    pub access_log: Option<ProxyAccessLog>,
    /// Counters.
    #[schemars(with = "FreeObject")]
    pub metrics: Option<Value>,
    /// How requests are named.
    #[serde(rename = "requestID")]
    #[schemars(with = "FreeObject")]
    pub request_id: Option<Value>,
    /// Spans of requests.
    #[schemars(with = "FreeObject")]
    pub tracing: Option<Value>,
}

/// A line for each request or connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyAccessLog {
    /// No log at all.
    pub disable: bool,
    /// The logs; Envoy's text on standard output when empty.
    pub settings: Vec<ProxyAccessLogSetting>,
}

/// One access log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyAccessLogSetting {
    /// What a line looks like; Envoy's own format when absent.
    pub format: Option<ProxyAccessLogFormat>,
    /// CEL expressions, one of which must hold for a request to be logged.
    pub matches: Vec<String>,
    /// Where lines go.
    pub sinks: Vec<ProxyAccessLogSink>,
    /// Whether it is about requests, or about connections: `Route` or `Listener`; both when absent.
    #[serde(rename = "type")]
    pub type_: Option<String>,
}

/// What a line of an access log looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyAccessLogFormat {
    /// The members of JSON lines, with Envoy's operators as values.
    #[schemars(with = "FreeObject")]
    pub json: Option<Value>,
    /// The text, with Envoy's operators.
    pub text: Option<String>,
    /// `Text` or `JSON`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
}

/// Where the lines of an access log go; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
pub struct ProxyAccessLogSink {
    /// A gRPC service.
    #[schemars(with = "FreeObject")]
    pub als: Option<Value>,
    /// A file.
    pub file: Option<FileSink>,
    /// An OpenTelemetry collector.
    #[schemars(with = "FreeObject")]
    pub open_telemetry: Option<Value>,
    /// `File`, `ALS` or `OpenTelemetry`.
    #[serde(rename = "type")]
    pub type_: String,
}

/// A file that lines are written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FileSink {
    /// Its path, such as `/dev/stdout`.
    pub path: String,
}

/// A change of a generated object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["value"]))]
pub struct KubernetesPatch {
    /// How the value is merged into the object.
    #[serde(rename = "type")]
    pub type_: PatchType,
    /// The value.
    #[schemars(with = "AnyValue")]
    pub value: Value,
}

/// How a patch is merged into an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PatchType {
    /// As Kubernetes' strategic merge patch: lists by the names of their items.
    #[default]
    StrategicMerge,
    /// As RFC 7396: lists as a whole.
    #[serde(rename = "JSONMerge")]
    JsonMerge,
}

/// The fields that are given and that Meridian has no use for, by their paths, such as `spec.bootstrap`. An object that
/// has any is not to be accepted.
pub fn unsupported(proxy: &EnvoyProxy) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |given: bool, path: &str| {
        if given {
            found.push(path.to_owned());
        }
    };
    note(proxy.backend_tls.is_some(), "spec.backendTLS");
    note(proxy.bootstrap.is_some(), "spec.bootstrap");
    note(!proxy.dynamic_modules.is_empty(), "spec.dynamicModules");
    note(!proxy.extra_args.is_empty(), "spec.extraArgs");
    note(!proxy.filter_order.is_empty(), "spec.filterOrder");
    note(proxy.geo_ip.is_some(), "spec.geoIP");
    note(proxy.ip_family.is_some(), "spec.ipFamily");
    note(proxy.lua_validation.is_some(), "spec.luaValidation");
    note(proxy.merge_backends == Some(true), "spec.mergeBackends");
    note(proxy.merge_gateways == Some(true), "spec.mergeGateways");
    note(proxy.preserve_route_order == Some(true), "spec.preserveRouteOrder");
    if let Some(provider) = &proxy.provider {
        note(provider.type_ != ProviderType::Kubernetes, "spec.provider.type");
        note(provider.host.is_some(), "spec.provider.host");
        if let Some(kubernetes) = &provider.kubernetes {
            note(kubernetes.envoy_daemon_set.is_some(), "spec.provider.kubernetes.envoyDaemonSet");
        }
    }
    if let Some(telemetry) = &proxy.telemetry {
        note(telemetry.metrics.is_some(), "spec.telemetry.metrics");
        note(telemetry.request_id.is_some(), "spec.telemetry.requestID");
        note(telemetry.tracing.is_some(), "spec.telemetry.tracing");
        let settings = telemetry.access_log.iter().flat_map(|log| &log.settings);
        for (index, setting) in settings.enumerate() {
            let at = format!("spec.telemetry.accessLog.settings[{index}]");
            note(!setting.matches.is_empty(), &format!("{at}.matches"));
            note(setting.type_.is_some(), &format!("{at}.type"));
            for (number, sink) in setting.sinks.iter().enumerate() {
                note(sink.type_ != "File", &format!("{at}.sinks[{number}].type"));
            }
        }
    }
    found
}
