//! What an object is called.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use meridian_resources::{Kind, kind};

/// The collections whose objects hold secrets.
const CONFIDENTIAL: &[&str] = &["secrets"];

/// The name of a collection in Kubernetes' form `plural.group`, for example `virtualservices.networking.istio.io`;
/// collections of the core group are the plural alone, for example `secrets`.
///
/// All served versions of a kind share one collection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource(Arc<str>);

impl GroupResource {
    /// The collection of `plural` in `group`; the core group is `""`.
    pub fn new(group: &str, plural: &str) -> GroupResource {
        if group.is_empty() { GroupResource::named(plural) } else { GroupResource::named(&format!("{plural}.{group}")) }
    }

    /// The collection in which objects of `kind` live.
    pub fn of(kind: &Kind) -> GroupResource {
        GroupResource::new(kind.group, kind.plural)
    }

    /// The collection of that name. Those of the kinds that Meridian knows are there once, however many keys name them.
    pub(crate) fn named(text: &str) -> GroupResource {
        static KNOWN: LazyLock<HashSet<Arc<str>>> = LazyLock::new(|| {
            let name = |kind: &Kind| match kind.group {
                "" => kind.plural.into(),
                group => format!("{}.{group}", kind.plural).into(),
            };
            kind::all().iter().map(|kind| name(kind)).collect()
        });
        GroupResource(KNOWN.get(text).cloned().unwrap_or_else(|| text.into()))
    }

    /// `plural.group`, as `kubectl get` accepts it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The collection of namespaces.
    pub fn namespaces() -> GroupResource {
        GroupResource::new("", "namespaces")
    }

    /// Whether objects of this collection carry `metadata.generation`. Kubernetes' core kinds do not, except two, and
    /// some others of its own do not either.
    pub fn has_generation(&self) -> bool {
        match self.0.split_once('.') {
            None => matches!(&*self.0, "pods" | "replicationcontrollers"),
            Some((_, "rbac.authorization.k8s.io" | "coordination.k8s.io" | "storage.k8s.io" | "events.k8s.io")) => {
                false
            }
            Some((plural, "apps")) => plural != "controllerrevisions",
            Some((_, "autoscaling")) => false,
            Some(_) => true,
        }
    }

    /// Whether the bodies of this collection are encrypted on disk.
    pub fn is_confidential(&self) -> bool {
        CONFIDENTIAL.contains(&self.as_str())
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of one object. Ordered by collection, namespace and name, which is the order of lists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The collection.
    pub resource: GroupResource,
    /// The namespace; empty for objects that belong to none.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Key {
    /// The key of `name` in `namespace` (empty for objects that belong to none).
    pub fn new(resource: GroupResource, namespace: &str, name: &str) -> Key {
        Key { resource, namespace: namespace.into(), name: name.into() }
    }

    /// The key of a namespace itself.
    pub fn namespace(name: &str) -> Key {
        Key::new(GroupResource::namespaces(), "", name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.resource, self.name)
        } else {
            write!(f, "{} {}/{}", self.resource, self.namespace, self.name)
        }
    }
}
