//! The mesh's certificate authority, SPIFFE identities, workload certificates and their rotation, service-account tokens.
//!
//! [`Authority`] signs; [`MeshAuthority`] is the one that counts now, shared by those who ask it; [`CertificateService`]
//! answers Istio's `istio.v1.auth.IstioCertificateService`, so that Istio's own agents can ask too; [`client`] is the
//! other end of it, with [`client::renew`] for the life of a proxy. [`token`] signs and reads service-account tokens.
//!
//! The crate knows no objects of Kubernetes: who holds the store tells it what the Secrets say.
#![forbid(unsafe_code)]

pub mod authority;
pub mod client;
mod csr;
pub mod mesh;
pub mod proto;
mod service;
mod spiffe;
pub mod token;
mod workload;

pub use authority::{Authority, AuthorityError, AuthorityPem};
pub use mesh::MeshAuthority;
pub use service::{CertificateService, Credentials, Review, TokenReviewer};
pub use spiffe::{SpiffeId, SpiffeIdError};
pub use workload::WorkloadCertificate;

/// The full name of Istio's certificate service: the first part of the path of its calls.
pub const CERTIFICATE_SERVICE: &str = "istio.v1.auth.IstioCertificateService";

/// The host names by which proxies know the control plane, as istiod's certificate has them.
pub const CONTROL_PLANE_NAMES: [&str; 4] =
    ["istiod.istio-system.svc", "istiod.istio-system", "istio-pilot.istio-system.svc", "localhost"];

/// The audience of tokens that proxies show to the control plane, as istiod's `TOKEN_AUDIENCES` has it.
pub const TOKEN_AUDIENCE: &str = "istio-ca";
