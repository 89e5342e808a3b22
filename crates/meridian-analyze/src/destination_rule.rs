//! Analyzers of DestinationRules.

pub(crate) mod ca_certificates;
pub(crate) mod subsets;
