//! Envoy's aggregated discovery service (ADS): how proxies get their configurations, from both ends.
//!
//! Both ends are state machines without sockets or clocks: [`server::DeltaSession`] and [`server::StateSession`] turn
//! requests and new configurations into responses, and [`client::Machine`] turns responses into a
//! [`meridian_ir::ProxyConfig`] and requests. [`server::Service`] and [`client::run`] are their thin shells of gRPC.
//!
//! Every resource has a version of its own: the hash of its bytes. So a proxy that comes back, also to another control
//! plane, gets only what differs from what it has. The model shares what did not change (`Arc::ptr_eq`), which is how a
//! change is found without looking into anything: only what changed is encoded and sent.
#![forbid(unsafe_code)]

pub mod client;
pub mod kind;
pub mod message;
pub mod node;
mod resource;
pub mod server;

pub use kind::Kind;
pub use node::{Node, NodeError, NodeType};
