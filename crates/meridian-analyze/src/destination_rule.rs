//! Analyzers of DestinationRules.

pub(crate) mod ca_certificates;
pub(crate) mod double_tls;
pub(crate) mod subsets;
