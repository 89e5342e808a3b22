//! From what attaching finds to the configuration of the proxies of a Gateway.

pub(crate) mod backend_tls;
mod backends;
mod compiled;
mod difference;
pub(crate) mod external;
mod filters;
mod grpc;
mod http;
mod l4;
mod listeners;
mod matches;
mod precedence;
mod rewrite;
pub(crate) mod settings;
pub(crate) mod state;
mod table;
pub(crate) mod unsupported;

pub(crate) use state::GatewayState;
