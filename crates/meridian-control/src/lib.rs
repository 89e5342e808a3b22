//! The control plane: sources to store to translation to proxies, and statuses back.
//!
//! [`ControlPlane`] follows a [`Cluster`], which is the embedded API or a real Kubernetes API, translates what changed,
//! hands every proxy its new configuration, and writes the conditions of the objects concerned. [`ConfigDir`] keeps the store like a folder of
//! YAML. [`standalone`] holds the objects that a process without Kubernetes starts with.
#![forbid(unsafe_code)]

mod auto_addresses;
mod cluster;
mod config_dir;
mod control_plane;
mod events;
mod identity;
mod ingress_status;
mod injection;
mod managed;
pub mod mesh;
mod proxies;
mod root_certificates;
mod source;
pub mod standalone;
mod status;
mod status_writer;

pub use cluster::{Cluster, ClusterError, FIELD_MANAGER, KubernetesTokens};
pub use config_dir::{ConfigDir, ConfigDirError};
pub use control_plane::{ControlPlane, Discovery, ProxyFeed};
pub use injection::InjectionSources;
pub use managed::{AddressRange, AddressRangeError, Installation, LocalGateways, LocalHandle, LocalOptions};
pub use proxies::{Connected, Registry};
pub use source::SOURCE_ANNOTATION;
