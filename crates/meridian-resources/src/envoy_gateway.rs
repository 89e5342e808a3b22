//! The kinds of Envoy Gateway (`gateway.envoyproxy.io`), by whose names settings are known that Gateway API has no
//! place for.
//!
//! [`EnvoyProxy`] is read in full. The policies are typed as far as their targets; what they ask for is kept as it is,
//! so that a status can name what is not supported.

pub mod envoy_proxy;
pub mod kubernetes;
pub mod policy;

pub use envoy_proxy::EnvoyProxy;
pub use policy::{
    BackendTrafficPolicy, ClientTrafficPolicy, EnvoyBackend, EnvoyExtensionPolicy, EnvoyPatchPolicy,
    ExtensionHttpRouteFilter, SecurityPolicy,
};

/// The API group.
pub const GROUP: &str = "gateway.envoyproxy.io";
/// The versions that are served.
pub const VERSIONS: &[&str] = &["v1alpha1"];
/// The categories by which `kubectl get` finds all of these kinds.
pub const CATEGORIES: &[&str] = &["envoy-gateway"];
