//! The status that Istio's objects carry (`meta.v1alpha1.IstioStatus`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::int_or_string::IntOrString;

/// What the control plane reports about an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct IstioStatus {
    /// Current state of the object.
    pub conditions: Vec<IstioCondition>,
    /// The generation that the conditions speak of.
    pub observed_generation: Option<IntOrString>,
    /// What analysis found.
    pub validation_messages: Vec<IstioValidationMessage>,
}

/// One aspect of an object's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IstioCondition {
    /// When the condition was last looked at (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_probe_time: String,
    /// When `status` last changed (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Details for people.
    pub message: String,
    /// The generation that the condition speaks of.
    pub observed_generation: Option<IntOrString>,
    /// Why, as one CamelCase word.
    pub reason: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The aspect.
    #[serde(rename = "type")]
    pub type_: String,
}

/// A message of Istio's analysis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IstioValidationMessage {
    /// Where the message is explained.
    pub documentation_url: String,
    /// How severe it is.
    pub level: ValidationLevel,
    /// What kind of message it is.
    #[serde(rename = "type")]
    pub type_: Option<ValidationMessageType>,
}

/// How severe a message of the analysis is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ValidationLevel {
    /// Not known.
    #[default]
    Unknown,
    /// Something does not work.
    Error,
    /// Something may not work.
    Warning,
    /// For information.
    Info,
}

/// What kind of message of the analysis it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ValidationMessageType {
    /// `IST` and four digits.
    pub code: String,
    /// The name of the kind of message.
    pub name: String,
}
