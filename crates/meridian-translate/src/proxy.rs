//! What is kept for each proxy between two translations, and how a change goes through it.

pub(crate) mod clusters;
pub(crate) mod credentials;
pub(crate) mod listeners;
pub(crate) mod node;
pub(crate) mod route_table;
pub(crate) mod state;
pub(crate) mod targets;
