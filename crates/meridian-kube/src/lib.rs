//! A real Kubernetes API as the source of objects and the sink of what is said of them.
//!
//! [`Client`] reads and writes single objects. [`Client::watch`] follows all objects of the kinds that Meridian knows,
//! through restarts of the API server, expired watches and kinds that come and go. [`Client::elect`] decides by a Lease
//! which of several processes writes.
#![forbid(unsafe_code)]

mod client;
mod connection;
mod definitions;
mod election;
mod error;
mod kubeconfig;
mod merge_patch;
mod requests;
mod review;
mod tree;
mod watch;

pub use client::{Client, FIELD_MANAGER};
pub use connection::{Connection, connect, connect_as_kubectl};
pub use election::{Election, Leadership};
pub use error::{Error, whole_text};
pub use kubeconfig::listed;
pub use requests::{Request, Requests};
pub use review::Reviewed;
pub use watch::{Change, Watch};
