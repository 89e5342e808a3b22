//! What is kept for each proxy between two translations, and how a change goes through it.

mod any;
pub(crate) mod clusters;
pub(crate) mod credentials;
pub(crate) mod listeners;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod route_table;
pub(crate) mod sidecar;
pub(crate) mod state;
pub(crate) mod targets;

pub(crate) use any::AnyProxy;
