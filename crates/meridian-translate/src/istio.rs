//! Istio's networking API: Gateway, VirtualService, DestinationRule, ServiceEntry.

pub(crate) mod cluster;
pub(crate) mod cors;
pub(crate) mod credential;
pub(crate) mod delegate;
pub(crate) mod destination;
pub(crate) mod destination_rule;
pub(crate) mod dynamic_forward;
pub(crate) mod fault;
pub(crate) mod gateway;
pub(crate) mod hash_policy;
pub(crate) mod headers;
pub(crate) mod http_action;
pub(crate) mod http_match;
pub(crate) mod http_route;
pub(crate) mod l4_route;
pub(crate) mod listener;
pub(crate) mod load_balancer;
pub(crate) mod mirror;
pub(crate) mod outlier;
pub(crate) mod peer_authentication;
pub(crate) mod retry;
pub(crate) mod server_tls;
pub(crate) mod service_entry;
pub(crate) mod sidecar;
pub(crate) mod upstream_tls;
