//! Telemetry: what proxies log, count and trace (`telemetry.istio.io` Telemetry).

mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::istio::authorization_policy::PolicyTargetReference;
use crate::istio::destination_rule::WorkloadSelector;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Telemetry` of `telemetry.istio.io`.
pub static KIND: Kind = Kind {
    group: "telemetry.istio.io",
    versions: &["v1", "v1alpha1"],
    kind: "Telemetry",
    list_kind: "TelemetryList",
    plural: "telemetries",
    singular: "telemetry",
    short_names: &["telemetry"],
    categories: &["istio-io", "telemetry-istio-io"],
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<Telemetry>,
};

schema::forms!(schema::of_spec::<Telemetry>(&KIND, false));

impl Spec for Telemetry {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Telemetry(object)
    }
}

/// Telemetry says what proxies log, count and trace. Without a selector it is about all workloads of its namespace, in
/// the root namespace about the mesh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "policy-target"))]
pub struct Telemetry {
    /// Access logs.
    pub access_logging: Vec<AccessLogging>,
    /// Metrics.
    pub metrics: Vec<Metrics>,
    /// The workloads of the namespace that it is about; all when absent.
    pub selector: Option<WorkloadSelector>,
    /// What it is about, by name instead of by labels.
    pub target_ref: Option<PolicyTargetReference>,
    /// As `targetRef`, several of them.
    #[schemars(length(max = 16))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Traces.
    pub tracing: Vec<Tracing>,
}

/// Access logs of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessLogging {
    /// Whether these providers are silent.
    #[schemars(extend("nullable" = true))]
    pub disabled: Option<bool>,
    /// Which requests and connections are logged; all when absent.
    pub filter: Option<Filter>,
    /// On which side of the workload; on both when absent.
    pub r#match: Option<LogSelector>,
    /// Who writes; those of the next wider scope when absent.
    pub providers: Vec<ProviderRef>,
}

/// A choice among requests and connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// An expression in CEL, such as `response.code >= 400`.
    pub expression: String,
}

/// A side of the workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LogSelector {
    /// The side.
    pub mode: WorkloadMode,
}

/// A side of the workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkloadMode {
    /// Both.
    #[default]
    ClientAndServer,
    /// What the workload sends; all of a gateway.
    Client,
    /// What comes to the workload.
    Server,
}

/// A provider of the mesh configuration (`extensionProviders`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ProviderRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// Metrics of some providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Metrics {
    /// What is different from the standard.
    pub overrides: Vec<MetricsOverrides>,
    /// Who counts.
    pub providers: Vec<ProviderRef>,
    /// How often is reported.
    #[schemars(with = "Option<String>", extend("x-rule" = "duration-at-least-1ms"))]
    pub reporting_interval: Option<String>,
}

/// What is different from the standard in some metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsOverrides {
    /// Whether they are not counted.
    #[schemars(extend("nullable" = true))]
    pub disabled: Option<bool>,
    /// Which metrics; all when absent.
    pub r#match: Option<MetricSelector>,
    /// Labels by name.
    pub tag_overrides: BTreeMap<String, TagOverride>,
}

/// Some metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["metric", "customMetric"]]))]
pub struct MetricSelector {
    /// By any name.
    #[schemars(length(min = 1))]
    pub custom_metric: Option<String>,
    /// One of Istio's own.
    pub metric: Option<IstioMetric>,
    /// On which side of the workload; on both when absent.
    pub mode: WorkloadMode,
}

/// Istio's own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IstioMetric {
    /// All of them.
    AllMetrics,
    /// `istio_requests_total`
    RequestCount,
    /// `istio_request_duration_milliseconds`
    RequestDuration,
    /// `istio_request_bytes`
    RequestSize,
    /// `istio_response_bytes`
    ResponseSize,
    /// `istio_tcp_connections_opened_total`
    TcpOpenedConnections,
    /// `istio_tcp_connections_closed_total`
    TcpClosedConnections,
    /// `istio_tcp_sent_bytes_total`
    TcpSentBytes,
    /// `istio_tcp_received_bytes_total`
    TcpReceivedBytes,
    /// `istio_request_messages_total`
    GrpcRequestMessages,
    /// `istio_response_messages_total`
    GrpcResponseMessages,
}

/// Another value of a label, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "tag-override"))]
pub struct TagOverride {
    /// What becomes of the label.
    pub operation: TagOperation,
    /// An expression in CEL.
    pub value: String,
}

/// What becomes of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TagOperation {
    /// It has this value.
    #[default]
    Upsert,
    /// It goes.
    Remove,
}

/// Traces of some providers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tracing {
    /// Further tags of a span.
    pub custom_tags: BTreeMap<String, CustomTag>,
    /// Whether headers of traces are left out of what is forwarded.
    #[schemars(extend("nullable" = true))]
    pub disable_context_propagation: Option<bool>,
    /// Whether no span is reported.
    #[schemars(extend("nullable" = true))]
    pub disable_span_reporting: Option<bool>,
    /// Whether spans have Istio's tags.
    #[schemars(extend("nullable" = true))]
    pub enable_istio_tags: Option<bool>,
    /// On which side of the workload; on both when absent.
    pub r#match: Option<LogSelector>,
    /// Who traces.
    pub providers: Vec<ProviderRef>,
    /// How many requests in a hundred are traced.
    #[schemars(range(min = 0, max = 100), extend("nullable" = true))]
    pub random_sampling_percentage: Option<f64>,
    /// Whether the request's id says if it is traced.
    #[schemars(extend("nullable" = true))]
    pub use_request_id_for_trace_sampling: Option<bool>,
}

/// Where a tag's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["literal", "environment", "header", "formatter"]]))]
pub struct CustomTag {
    /// A variable of the proxy's environment.
    pub environment: Option<NamedTag>,
    /// An operator of access logs.
    pub formatter: Option<ValueTag>,
    /// A header of the request.
    pub header: Option<NamedTag>,
    /// The value itself.
    pub literal: Option<ValueTag>,
}

/// A value by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct NamedTag {
    /// What is there when there is none of the name.
    pub default_value: String,
    /// The name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["value"]))]
pub struct ValueTag {
    /// The value.
    #[schemars(length(min = 1))]
    pub value: String,
}

impl Telemetry {
    /// What it names: `targetRefs`, or else the older `targetRef`.
    pub fn targets(&self) -> impl Iterator<Item = &PolicyTargetReference> {
        let older = self.target_ref.as_ref().filter(|_| self.target_refs.is_empty());
        self.target_refs.iter().chain(older)
    }

    /// Whether it is about some workloads of its namespace only.
    pub fn is_selective(&self) -> bool {
        self.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty())
            || self.targets().next().is_some()
    }
}
