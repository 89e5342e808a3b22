//! The kinds of Kubernetes itself that traffic refers to: core v1 and `discovery.k8s.io/v1`.

pub mod config_map;
pub mod endpoint_slice;
pub mod endpoints;
pub mod namespace;
pub mod pod;
pub(crate) mod rules;
pub mod secret;
pub mod service;
pub mod service_account;

pub use config_map::ConfigMap;
pub use endpoint_slice::EndpointSlice;
pub use endpoints::Endpoints;
pub use namespace::Namespace;
pub use pod::Pod;
pub use secret::Secret;
pub use service::Service;
pub use service_account::ServiceAccount;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The object that an endpoint stands for (`core/v1.ObjectReference`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// The referent's API version.
    pub api_version: String,
    /// A part of the referent.
    pub field_path: String,
    /// The referent's kind.
    pub kind: String,
    /// The referent's name.
    pub name: String,
    /// The referent's namespace.
    pub namespace: String,
    /// The referent's resource version.
    pub resource_version: String,
    /// The referent's UID.
    pub uid: String,
}

/// One aspect of an object's state (`meta/v1.Condition` and its relatives).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Condition {
    /// When `status` last changed (RFC 3339).
    pub last_transition_time: String,
    /// Details for people.
    pub message: String,
    /// The generation that the condition speaks of.
    pub observed_generation: i64,
    /// Why, as one CamelCase word.
    pub reason: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The aspect.
    #[serde(rename = "type")]
    pub type_: String,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// SCTP.
    Sctp,
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}
