//! What several kinds of Gateway API share: references, conditions, selectors, durations.

use super::text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The Gateway, ListenerSet or Service that a route attaches to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ParentReference {
    /// The API group.
    #[schemars(with = "text::Group", extend("x-default" = super::GROUP))]
    pub group: String,
    /// `Gateway`, `ListenerSet`, or `Service`.
    #[schemars(with = "text::KindName", extend("x-default" = "Gateway"))]
    pub kind: String,
    /// The namespace; that of the route when absent.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: Option<String>,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The listener; all when absent.
    #[schemars(with = "text::SectionName")]
    pub section_name: Option<String>,
    /// The port of the listeners; all when absent.
    #[schemars(with = "text::PortNumber")]
    pub port: Option<i32>,
}

impl Default for ParentReference {
    fn default() -> Self {
        Self {
            group: super::GROUP.to_owned(),
            kind: "Gateway".to_owned(),
            namespace: None,
            name: String::new(),
            section_name: None,
            port: None,
        }
    }
}

/// Where requests or connections go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
#[schemars(extend("x-rule" = "backend-ref"))]
pub struct BackendRef {
    /// The API group; empty for core.
    #[schemars(with = "text::Group", extend("x-default" = ""))]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName", extend("x-default" = "Service"))]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The namespace; that of the route when absent.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: Option<String>,
    /// The port of the Service.
    #[schemars(with = "text::PortNumber")]
    pub port: Option<i32>,
    /// The share, relative to the others of its rule; from 0 to 1,000,000.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-default" = 1))]
    pub weight: i32,
}

impl Default for BackendRef {
    fn default() -> Self {
        Self {
            group: String::new(),
            kind: "Service".to_owned(),
            name: String::new(),
            namespace: None,
            port: None,
            weight: 1,
        }
    }
}

/// A Service, or another object that requests can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
#[schemars(extend("x-rule" = "backend-ref"))]
pub struct BackendObjectReference {
    /// The API group; empty for core.
    #[schemars(with = "text::Group", extend("x-default" = ""))]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName", extend("x-default" = "Service"))]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The namespace; that of the route when absent.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: Option<String>,
    /// The port of the Service.
    #[schemars(with = "text::PortNumber")]
    pub port: Option<i32>,
}

impl Default for BackendObjectReference {
    fn default() -> Self {
        Self { group: String::new(), kind: "Service".to_owned(), name: String::new(), namespace: None, port: None }
    }
}

/// A Secret, or another object with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct SecretObjectReference {
    /// The API group; empty for core.
    #[schemars(with = "text::Group", extend("x-default" = ""))]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName", extend("x-default" = "Secret"))]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The namespace; that of the referring object when absent.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: Option<String>,
}

impl Default for SecretObjectReference {
    fn default() -> Self {
        Self { group: String::new(), kind: "Secret".to_owned(), name: String::new(), namespace: None }
    }
}

/// An object of any kind and namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["group", "kind", "name"]))]
pub struct ObjectReference {
    /// The API group; empty for core.
    #[schemars(with = "text::Group")]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The namespace; that of the referring object when absent.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: Option<String>,
}

/// An object of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["group", "kind", "name"]))]
pub struct LocalObjectReference {
    /// The API group; empty for core.
    #[schemars(with = "text::Group")]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
}

/// The object that a policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["group", "kind", "name"]))]
pub struct LocalPolicyTargetReference {
    /// The API group; empty for core.
    #[schemars(with = "text::Group")]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// A part of it, such as the name of a port; all of it when absent.
    #[schemars(with = "text::SectionName")]
    pub section_name: Option<String>,
}

/// Objects by their labels (`meta/v1.LabelSelector`); empty selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that all must be there.
    pub match_labels: BTreeMap<String, String>,
    /// Conditions that all must hold.
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A condition on one label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["key", "operator"]))]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values of `In` and `NotIn`.
    pub values: Vec<String>,
}

/// A condition of a status (`meta/v1.Condition`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type", "status", "lastTransitionTime", "reason", "message"]))]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(with = "text::ConditionType")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// The generation of the object that it is about.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` changed.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, as one CamelCase word.
    #[schemars(with = "text::ConditionReason")]
    pub reason: String,
    /// For people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// What is reported of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["parents"]))]
pub struct RouteStatus {
    /// For each parent that a controller knows.
    #[schemars(length(max = 32))]
    pub parents: Vec<RouteParentStatus>,
}

/// What one controller says of a route and one of its parents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["parentRef", "controllerName", "conditions"]))]
pub struct RouteParentStatus {
    /// The parent as the route names it.
    pub parent_ref: ParentReference,
    /// Who says so.
    #[schemars(with = "text::ControllerName")]
    pub controller_name: String,
    /// What is said.
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How a client names its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SessionPersistenceType {
    /// By a cookie.
    #[default]
    Cookie,
    /// By a header.
    Header,
}

/// How long a client keeps a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CookieLifetimeType {
    /// For the absolute timeout.
    Permanent,
    /// Until it ends.
    #[default]
    Session,
}

/// Settings of a session cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CookieConfig {
    /// How long the client keeps it.
    #[schemars(extend("x-default" = "Session"))]
    pub lifetime_type: CookieLifetimeType,
}

/// Requests of one session go to one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "session-persistence"))]
pub struct SessionPersistence {
    /// The name of the cookie or header.
    #[schemars(length(max = 128))]
    pub session_name: Option<String>,
    /// How long a session lasts at most.
    #[schemars(with = "text::GatewayDuration")]
    pub absolute_timeout: Option<String>,
    /// How the client names its session.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "Cookie"))]
    pub type_: SessionPersistenceType,
    /// Settings of the cookie.
    pub cookie_config: Option<CookieConfig>,
}

impl LabelSelector {
    /// Whether it selects an object with these labels. An operator that does not exist selects nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(has) && self.match_expressions.iter().all(|condition| condition.holds(labels))
    }
}

impl LabelSelectorRequirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// The conditions that Gateway API's CRDs give a new object, until a controller says more.
pub(crate) fn pending(types: &[&str]) -> serde_json::Value {
    let conditions = types.iter().map(|type_| {
        serde_json::json!({
            "type": type_,
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for controller",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        })
    });
    conditions.collect()
}

/// Reads a duration of Gateway API (GEP-2257): up to four groups of up to five digits, each with `h`, `m`, `s` or `ms`.
/// `None`: it is none.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    let mut groups = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = if digits <= 5 { rest[..digits].parse().ok()? } else { return None };
        let unit = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        sum += match &rest[digits..digits + unit] {
            "h" => Duration::from_secs(number * 3600),
            "m" => Duration::from_secs(number * 60),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        rest = &rest[digits + unit..];
        groups += 1;
    }
    (1..=4).contains(&groups).then_some(sum)
}
