//! The kinds of `networking.k8s.io`: Ingress and IngressClass.

pub mod ingress;
pub mod ingress_class;
pub(crate) mod rules;

pub use ingress::Ingress;
pub use ingress_class::IngressClass;
