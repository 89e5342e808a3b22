//! Which lists of Kubernetes' own kinds are merged item by item, and by which field.
//!
//! The same facts drive strategic merge patches here and, as extensions of the OpenAPI documents, those that `kubectl`
//! computes. Other lists are replaced as a whole.

use crate::resource::ApiResource;

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMerge {
    /// Items are objects, told apart by this field.
    By(&'static str),
    /// Items are scalars; the list is a set.
    Set,
}

/// How the list at a path is merged; `None` when it is replaced.
pub(crate) fn find(resource: &ApiResource, path: &str) -> Option<ListMerge> {
    resource.native(resource.versions[0])?.merge(path)
}
