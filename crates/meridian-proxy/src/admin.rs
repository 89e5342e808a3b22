//! The proxy's own endpoints: Envoy's admin interface, readiness, and metrics.
//!
//! They run on one thread of their own, so that a large dump or a scrape holds up neither a worker nor the taking over
//! of a configuration. Every answer is a [`Page`] that a function makes of what the proxy publishes ([`Context`]) and a
//! request; [`Server`] only carries it.

mod certs;
mod clusters;
mod config_dump;
mod listeners;
pub mod logging;
mod page;
mod server;
mod server_info;
mod stats;

pub use page::{Page, Query};
pub use server::{Server, Views};

use crate::access_log::Writer;
use crate::control::Shared;
use crate::dns::Resolved;
use std::sync::Arc;

/// What answers are made of.
pub struct Context {
    /// What the proxy publishes.
    pub shared: Arc<Shared>,
    /// The access-log writer.
    pub logs: Arc<Writer>,
    /// Addresses of DNS names.
    pub resolved: Box<dyn Fn() -> Arc<Resolved> + Send + Sync>,
    /// Ends the process in order (`/quitquitquit`).
    pub quit: Box<dyn Fn() + Send + Sync>,
}
