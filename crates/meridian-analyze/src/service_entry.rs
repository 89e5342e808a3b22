//! Analyzers of ServiceEntries.

pub(crate) mod addresses;
pub(crate) mod conflicts;
