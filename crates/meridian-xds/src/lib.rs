//! The model of a proxy's work in Envoy's v3 shapes.
//!
//! One module per family of messages turns the model into JSON as protobuf maps it: lowerCamelCase names, durations such
//! as `1.500s`, 64-bit integers as strings, defaults left out. Envoy, istiod and `istioctl` read and write this form.
//! Fields and values are those that Istio generates for a gateway. Extensions that Meridian does not run (metadata
//! exchange, ALPN override, Istio's statistics) and the tracing settings are not claimed: what is shown is what runs.
//!
//! Each of these modules reads what it writes; [`read`] says how, and reads all that a proxy is sent.
//!
//! [`wire`] turns this JSON into Envoy's protobuf bytes, and bytes into JSON.
//!
//! [`config_dump()`] is what `GET /config_dump` answers. The real Envoy prints protobuf's own names there
//! (`dynamic_active_clusters`, `route_config`) and scripts read them, so Meridian prints these too. `istioctl` prints
//! the lowerCamelCase names of the JSON mapping with `-o json`, and so does `meridian proxy-config`. [`field_names`]
//! converts between both.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod answer_action;
pub mod cluster;
pub mod config_dump;
mod cors;
mod ext_authz;
mod fault;
pub mod field_names;
pub mod filter_chain;
mod fraction;
mod hash_policy;
pub mod header_value_option;
pub mod http_connection_manager;
pub mod listener;
pub mod load_assignment;
mod message;
mod metadata;
pub mod name_table;
mod rbac;
pub mod read;
pub mod references;
mod retry_policy;
pub mod route;
pub mod route_action;
pub mod route_configuration;
pub mod route_match;
pub mod secret;
mod stateful_session;
mod string_matcher;
pub mod tcp_proxy;
pub mod tls;
pub mod type_url;
mod udp_proxy;
pub mod wire;

pub use config_dump::config_dump;
