//! The model of a proxy's work in Envoy's v3 shapes.
//!
//! Every function writes one message as protobuf's JSON mapping has it - camelCase, durations as `"10s"`, defaults left
//! out - and as Istio fills it in, with a file for each family of messages. What Istio configures and Meridian does not
//! run (its own filters, tracing) is not there: what is shown is what runs.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod cluster;
pub mod config_dump;
pub mod endpoint;
pub mod filter_chain;
pub mod header;
pub mod http_connection_manager;
mod json;
pub mod listener;
mod metadata;
pub mod route;
pub mod route_config;
pub mod secret;
pub mod string_match;

pub use config_dump::{Node, config_dump};
pub use json::to_snake_case;
