//! The model of a proxy's work in Envoy's v3 shapes.
