//! Istio's kinds: `networking.istio.io`, whose versions v1, v1beta1 and v1alpha3 share one schema, and
//! `security.istio.io`, whose versions v1 and v1beta1 do.

pub mod authorization_policy;
pub mod destination_rule;
pub mod gateway;
pub mod peer_authentication;
pub mod protocol;
pub(crate) mod rules;
pub mod service_entry;
pub mod sidecar;
pub mod status;
pub mod string_match;
pub mod telemetry;
pub mod virtual_service;
pub mod workload_entry;

pub use authorization_policy::AuthorizationPolicy;
pub use destination_rule::DestinationRule;
pub use gateway::Gateway;
pub use peer_authentication::PeerAuthentication;
pub use protocol::Protocol;
pub use service_entry::ServiceEntry;
pub use sidecar::Sidecar;
pub use status::{IstioCondition, IstioStatus, IstioValidationMessage};
pub use string_match::StringMatch;
pub use telemetry::Telemetry;
pub use virtual_service::VirtualService;
pub use workload_entry::WorkloadEntry;

/// The API group of Istio's traffic management.
pub const NETWORKING_GROUP: &str = "networking.istio.io";
/// The versions that are served, preferred first.
pub const NETWORKING_VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha3"];
/// The categories by which `kubectl get` finds all of Istio's kinds.
pub const NETWORKING_CATEGORIES: &[&str] = &["istio-io", "networking-istio-io"];

/// The API group of Istio's security.
pub const SECURITY_GROUP: &str = "security.istio.io";
/// The versions that are served, preferred first.
pub const SECURITY_VERSIONS: &[&str] = &["v1", "v1beta1"];
/// The categories by which `kubectl get` finds Istio's kinds of security.
pub const SECURITY_CATEGORIES: &[&str] = &["istio-io", "security-istio-io"];
