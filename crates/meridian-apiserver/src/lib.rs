//! The store behind the Kubernetes HTTP API.
