//! A real Kubernetes API as the source of objects and the sink of what is said of them.
