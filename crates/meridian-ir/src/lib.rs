//! The model of a proxy's work and the pure decisions over it.
