//! The kinds of Gateway API v1.6.1 for gateways: `gateway.networking.k8s.io`, both channels, and the experimental
//! `gateway.networking.x-k8s.io`.

pub mod backend_tls_policy;
pub mod common;
pub mod filter;
pub mod gateway;
pub mod gateway_class;
pub mod grpc_route;
pub mod http_route;
pub mod listener_set;
pub mod reference_grant;
pub(crate) mod rules;
pub mod tcp_route;
mod text;
pub mod tls_route;
pub mod udp_route;
pub mod x_backend;
pub mod x_backend_traffic_policy;
pub mod x_mesh;

pub use backend_tls_policy::BackendTlsPolicy;
pub use gateway::Gateway;
pub use gateway_class::GatewayClass;
pub use grpc_route::GrpcRoute;
pub use http_route::HttpRoute;
pub use listener_set::ListenerSet;
pub use reference_grant::ReferenceGrant;
pub use tcp_route::TcpRoute;
pub use tls_route::TlsRoute;
pub use udp_route::UdpRoute;
pub use x_backend::XBackend;
pub use x_backend_traffic_policy::XBackendTrafficPolicy;
pub use x_mesh::XMesh;

/// The API group.
pub const GROUP: &str = "gateway.networking.k8s.io";
/// The API group of experiments.
pub const EXPERIMENTAL_GROUP: &str = "gateway.networking.x-k8s.io";
/// The categories by which `kubectl get` finds all of these kinds.
pub const CATEGORIES: &[&str] = &["gateway-api"];
