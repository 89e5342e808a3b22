//! Injection: pod templates and settings -> pods with a sidecar or as a gateway, and why not.
//!
//! The decisions, names and places are those of Istio's injection (`istiod`'s webhook and `istioctl kube-inject`). Where
//! Istio renders templates in Go's language, this crate has the two templates `sidecar` and `gateway` built in; both are
//! laid over the pod as a strategic merge patch. Nothing here touches the network or a file.

#![forbid(unsafe_code)]

pub mod decide;
pub mod documents;
pub mod gateway_pod;
pub mod probes;
pub mod review;
pub mod selector;
pub mod settings;
pub mod webhook;
pub mod workload;

mod annotations;
mod inject;
mod merge;
mod overrides;
mod pod;
mod prometheus;
mod proxy_config;
mod quantity;
mod template;

pub use decide::{Decision, Skip, decide};
pub use inject::{InjectError, Injected, Problem, Request, inject};
pub use settings::Settings;

/// The name of the proxy's container.
pub const PROXY_CONTAINER: &str = "istio-proxy";
/// The name of the init container that sets the kernel's rules.
pub const INIT_CONTAINER: &str = "istio-init";
/// The image of a container that customises the injected one without naming an image.
pub const AUTO_IMAGE: &str = "auto";
/// The annotation of an injected pod that says what was put into it.
pub const STATUS_ANNOTATION: &str = "sidecar.istio.io/status";
