//! Kubernetes Ingress, as Istio serves it (`pilot/pkg/config/kube/ingress`).
//!
//! Each Ingress becomes a Gateway of its own in `istio-system`, and the rules of all Ingresses for one host become one
//! VirtualService. Those are translated like the ones that users write; what is found about them is told in the status
//! of the Ingress.

pub(crate) mod class;
mod gateway;
pub(crate) mod ingresses;
mod report;
mod virtual_service;

pub(crate) use ingresses::Ingresses;
pub(crate) use virtual_service::has_ingress_semantics;

#[cfg(test)]
mod tests;
