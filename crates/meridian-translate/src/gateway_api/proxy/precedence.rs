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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn narrowness(path: PathRank) -> Narrowness {
        Narrowness { path, method: false, headers: 0, query: 0 }
    }

    fn object(created: i64, namespace: &str, name: &str) -> ObjectRank {
        ObjectRank { created, namespace: namespace.into(), name: name.into(), is_grpc: false }
    }

    #[test]
    fn the_narrowest_goes_first_and_then_the_oldest() {
        let plain = narrowness(PathRank::prefix(1));
        let rank = |narrowness| object(1, "a", "a").rank(narrowness, 0, 0, 0);
        let ordered = [
            rank(narrowness(PathRank::exact(5))),
            rank(narrowness(PathRank::exact(4))),
            rank(narrowness(PathRank::regex(9))),
            rank(narrowness(PathRank::prefix(30))),
            rank(Narrowness { headers: 16, ..narrowness(PathRank::prefix(3)) }),
            rank(narrowness(PathRank::prefix(3))),
            rank(Narrowness { method: true, ..plain }),
            rank(Narrowness { headers: 2, ..plain }),
            rank(Narrowness { headers: 1, query: 1, ..plain }),
            rank(Narrowness { headers: 1, ..plain }),
            rank(Narrowness { query: 9, ..plain }),
            object(0, "b", "b").rank(plain, 9, 9, 1),
            rank(plain),
            object(1, "a", "a").rank(plain, 0, 0, 1),
            object(1, "a", "a").rank(plain, 0, 1, 0),
            object(1, "a", "a").rank(plain, 1, 0, 0),
            object(1, "a", "b").rank(plain, 0, 0, 0),
            object(1, "b", "a").rank(plain, 0, 0, 0),
        ];
        assert!(ordered.is_sorted(), "{ordered:#?}");
    }

    #[test]
    fn longer_grpc_services_go_first_and_then_longer_methods() {
        let ordered = [
            PathRank::grpc(false, 7, 3),
            PathRank::grpc(false, 7, 2),
            PathRank::grpc(false, 7, 0),
            PathRank::grpc(false, 6, 9),
            PathRank::grpc(true, 7, 3),
            PathRank::grpc(false, 0, 4),
            PathRank::prefix(1),
        ];
        assert!(ordered.is_sorted_by(|a, b| a > b), "{ordered:#?}");
    }

    fn any_rank() -> impl Strategy<Value = Rank> {
        let path = prop_oneof![
            (1..4usize).prop_map(PathRank::exact),
            (1..4usize).prop_map(PathRank::regex),
            (1..4usize).prop_map(PathRank::prefix),
            (any::<bool>(), 0..3usize, 0..3usize)
                .prop_map(|(regex, service, method)| { PathRank::grpc(regex, service, method) }),
        ];
        let conditions = (path, any::<bool>(), 0..3usize, 0..3usize);
        let narrowness =
            conditions.prop_map(|(path, method, headers, query)| Narrowness { path, method, headers, query });
        let object =
            (0..3i64, "[ab]", "[ab]").prop_map(|(created, namespace, name)| object(created, &namespace, &name));
        (narrowness, object, 0..2usize, 0..2usize)
            .prop_map(|(narrowness, object, rule, alternative)| object.rank(narrowness, rule, alternative, 0))
    }

    proptest! {
        /// However routes come, they stand in one order.
        #[test]
        fn the_order_does_not_depend_on_how_routes_came(mut ranks in proptest::collection::vec(any_rank(), 0..12)) {
            let mut others = ranks.clone();
            others.reverse();
            ranks.sort();
            others.sort();
            prop_assert_eq!(&ranks, &others);
            for (a, b) in std::iter::zip(&ranks, ranks.iter().skip(1)) {
                prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            }
        }
    }
}
