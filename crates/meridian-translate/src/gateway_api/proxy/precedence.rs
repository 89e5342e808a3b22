//! Which of several rules takes a request that all of them match: the order of HTTPRouteRules and GRPCRouteRules.

use crate::gateway_api::model::Route;
use meridian_ir::Name;
use meridian_resources::Meta;
use std::cmp::Reverse;

/// How narrow the condition on the path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathRank {
    kind: PathKind,
    /// Characters that are compared: of the path, or of the gRPC service.
    length: usize,
    /// Characters of the gRPC method.
    method: usize,
}

/// Regular expressions stand between whole paths and prefixes, as in Envoy Gateway and Istio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PathKind {
    Prefix,
    Regex,
    Exact,
}

impl PathRank {
    /// A prefix of so many characters; `/` has one.
    pub(crate) fn prefix(length: usize) -> Self {
        Self { kind: PathKind::Prefix, length, method: 0 }
    }

    /// A regular expression of so many characters.
    pub(crate) fn regex(length: usize) -> Self {
        Self { kind: PathKind::Regex, length, method: 0 }
    }

    /// A whole path of so many characters.
    pub(crate) fn exact(length: usize) -> Self {
        Self { kind: PathKind::Exact, length, method: 0 }
    }

    /// A gRPC service and method of so many characters, of which one may be missing (0). Longer services go first, then
    /// longer methods; a method without a service stands where a regular expression does.
    pub(crate) fn grpc(is_regex: bool, service: usize, method: usize) -> Self {
        let kind = if is_regex || service == 0 { PathKind::Regex } else { PathKind::Exact };
        Self { kind, length: service, method }
    }
}

/// How narrow all conditions of a match are; the greatest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Narrowness {
    pub(crate) path: PathRank,
    /// Whether there is a condition on the method.
    pub(crate) method: bool,
    pub(crate) headers: usize,
    pub(crate) query: usize,
}

/// The place of one match among all of a virtual host, the least first: the narrowest, then that of the oldest route,
/// then by namespace and name, then in the order in which the route has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    narrowness: Reverse<Narrowness>,
    object: ObjectRank,
    rule: usize,
    alternative: usize,
    /// Of a match that became several routes.
    part: usize,
}

/// The place of a route among all; no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectRank {
    created: i64,
    namespace: Name,
    name: Name,
    is_grpc: bool,
}

impl ObjectRank {
    pub(crate) fn of(route: &Route) -> Self {
        let meta: &Meta = route.meta();
        Self {
            created: meta.creation_seconds,
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            is_grpc: matches!(route, Route::Grpc(_)),
        }
    }

    /// The place of a match of this route.
    pub(crate) fn rank(&self, narrowness: Narrowness, rule: usize, alternative: usize, part: usize) -> Rank {
        Rank { narrowness: Reverse(narrowness), object: self.clone(), rule, alternative, part }
    }
}
