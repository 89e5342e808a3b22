//! Configurations, compiled: everything that can be resolved when a configuration arrives is resolved here, once for
//! all workers.
//!
//! [`Compiler`] lives on the control thread and turns one [`meridian_ir::ProxyConfig`] after another into [`Change`]s:
//! only the parts that are new, found by `Arc::ptr_eq`. Names that are resolved at request time - clusters and route
//! tables - become [`slot`]s: small numbers that stay the same while anything refers to them, so that a cluster can
//! come, change and go without touching the routes that name it.

mod cluster;
mod compiler;
mod edits;
mod listener;
mod outliers;
mod route;
pub mod slot;
mod udp;

pub use cluster::{ClusterPlan, Current, HostPlan, Limits};
pub use compiler::{Change, Compiler};
pub use edits::{EditPlan, ValuePlan, WritePlan};
pub use listener::{ChainPlan, FilterPlan, HttpPlan, ListenerPlan, RouteRef, TcpPlan};
pub use outliers::Outliers;
pub use route::{ActionPlan, ClusterChoice, ForwardPlan, RoutePlan, RouteTable, VirtualHostPlan};
pub use udp::{SessionPlace, UdpPlan};
