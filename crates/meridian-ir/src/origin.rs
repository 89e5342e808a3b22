//! Where a piece of the model comes from: the object that the user wrote.

use crate::Name;
use std::fmt;

/// The object, and where known the line, behind a listener, route or cluster. Shown by `proxy-config` and `explain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Kubernetes kind, for example `VirtualService`.
    pub kind: &'static str,
    /// Namespace of the object; empty for a cluster-scoped one.
    pub namespace: Name,
    /// Name of the object.
    pub name: Name,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}
