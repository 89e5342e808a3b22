//! Pure functions from resources to what one proxy must do, with a status for every object.
//!
//! A [`Translator`] is told of objects with [`Translator::put`] and [`Translator::delete`] and of proxies with
//! [`Translator::add_proxy`]; [`Translator::translate`] then computes what changed: new configurations for the proxies
//! that are concerned, and new conditions for the objects of which something else is to be said. It has no clock, no
//! IO and no globals, and it recomputes only what depends on what changed: one changed VirtualService touches its own
//! routes and its own virtual hosts, everything else is shared with the configuration before.
//!
//! What cannot be served is never dropped in silence. A rule of a VirtualService that uses a field which is not
//! supported keeps its conditions and answers 501, so that its requests do not fall through to later rules; a TLS
//! server whose settings are not supported keeps its server names and refuses handshakes; a destination whose TLS
//! settings are not supported has no cluster, so that nothing is sent to it in plaintext. The object's conditions say
//! which field it was.
#![forbid(unsafe_code)]

mod condition;
mod gateway_api;
mod host;
mod istio;
mod key;
mod kubernetes;
mod mesh;
mod pool;
mod proxy;
mod registry;
mod resources;
mod security;
mod status;
mod suggest;
mod telemetry;
mod translator;
mod virtual_hosts;

pub use condition::{CONDITION_TYPES, Condition};
pub use gateway_api::merge::merge_gateway_api_status;
pub use gateway_api::model::{ManagedGateway, Provision, ProvisionProblem, Transport};
pub use gateway_api::{CONTROLLER_NAME, GATEWAY_NAME_LABEL};
pub use mesh::{
    DefaultExportTo, ExtensionProvider, FileAccessLog, GatewayTopology, IngressControllerMode, MeshConfig,
    OutboundTrafficPolicy, TlsDefaults,
};
pub use proxy::credentials::WorkloadIdentity;
pub use proxy::node::{ProxyKind, ProxyNode};
pub use translator::{Output, Translator};
