//! Routes of all kinds alike: who they are, which objects they name, and in which order they come.

use super::model::Route;
use meridian_ir::Name;
use meridian_resources::gateway_api::common::{BackendObjectReference, BackendRef, ParentReference, RouteStatus};
use meridian_resources::gateway_api::filter::HttpRouteFilter;
use meridian_resources::gateway_api::gateway::DefaultScope;
use meridian_resources::gateway_api::{grpc_route, http_route, tcp_route, tls_route, udp_route};
use meridian_resources::{Kind, Meta, ObjectRef};

/// The kind of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RouteKind {
    Http,
    Grpc,
    Tls,
    Tcp,
    Udp,
}

impl RouteKind {
    /// The kind's description.
    pub(crate) fn kind(self) -> &'static Kind {
        match self {
            Self::Http => &http_route::KIND,
            Self::Grpc => &grpc_route::KIND,
            Self::Tls => &tls_route::KIND,
            Self::Tcp => &tcp_route::KIND,
            Self::Udp => &udp_route::KIND,
        }
    }

    /// `HTTPRoute` and so on.
    pub(crate) fn name(self) -> &'static str {
        self.kind().kind
    }
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RouteId {
    pub(crate) namespace: Name,
    pub(crate) name: Name,
    pub(crate) kind: RouteKind,
}

impl RouteId {
    /// The reference to the object.
    pub(crate) fn object_ref(&self) -> ObjectRef {
        ObjectRef { kind: self.kind.kind(), namespace: Some(self.namespace.clone()), name: self.name.clone() }
    }
}

/// Where a route stands among others: the oldest first, then by `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    created: i64,
    id: RouteId,
}

/// An object that a route names in one of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) port: Option<i32>,
}

impl<'a> From<&'a BackendRef> for Reference<'a> {
    fn from(from: &'a BackendRef) -> Self {
        let BackendRef { group, kind, name, namespace, port, .. } = from;
        Self { group, kind, namespace: namespace.as_deref(), name, port: *port }
    }
}

impl<'a> From<&'a BackendObjectReference> for Reference<'a> {
    fn from(from: &'a BackendObjectReference) -> Self {
        let BackendObjectReference { group, kind, name, namespace, port } = from;
        Self { group, kind, namespace: namespace.as_deref(), name, port: *port }
    }
}

impl Route {
    /// Name, namespace, age.
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::Http(object) => &object.meta,
            Self::Grpc(object) => &object.meta,
            Self::Tls(object) => &object.meta,
            Self::Tcp(object) => &object.meta,
            Self::Udp(object) => &object.meta,
        }
    }

    /// Whether nothing that translation reads or says is different.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http(a), Self::Http(b)) => super::is_same(a, b),
            (Self::Grpc(a), Self::Grpc(b)) => super::is_same(a, b),
            (Self::Tls(a), Self::Tls(b)) => super::is_same(a, b),
            (Self::Tcp(a), Self::Tcp(b)) => super::is_same(a, b),
            (Self::Udp(a), Self::Udp(b)) => super::is_same(a, b),
            _ => false,
        }
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> RouteKind {
        match self {
            Self::Http(_) => RouteKind::Http,
            Self::Grpc(_) => RouteKind::Grpc,
            Self::Tls(_) => RouteKind::Tls,
            Self::Tcp(_) => RouteKind::Tcp,
            Self::Udp(_) => RouteKind::Udp,
        }
    }

    /// Which object it is.
    pub(crate) fn id(&self) -> RouteId {
        let meta = self.meta();
        RouteId { namespace: meta.namespace.clone(), name: meta.name.clone(), kind: self.kind() }
    }

    /// Where it stands among others.
    pub(crate) fn rank(&self) -> Rank {
        Rank { created: self.meta().creation_seconds, id: self.id() }
    }

    /// What it asks to be attached to.
    pub(crate) fn parents(&self) -> &[ParentReference] {
        match self {
            Self::Http(object) => &object.spec.parent_refs,
            Self::Grpc(object) => &object.spec.parent_refs,
            Self::Tls(object) => &object.spec.parent_refs,
            Self::Tcp(object) => &object.spec.parent_refs,
            Self::Udp(object) => &object.spec.parent_refs,
        }
    }

    /// Whether it asks to be attached to default Gateways as well.
    pub(crate) fn uses_default_gateways(&self) -> bool {
        let asked = match self {
            Self::Http(object) => object.spec.use_default_gateways,
            Self::Grpc(object) => object.spec.use_default_gateways,
            Self::Tls(object) => object.spec.use_default_gateways,
            Self::Tcp(object) => object.spec.use_default_gateways,
            Self::Udp(object) => object.spec.use_default_gateways,
        };
        asked == Some(DefaultScope::All)
    }

    /// Its hosts; empty: all, or it is of a kind that has none.
    pub(crate) fn hostnames(&self) -> &[String] {
        match self {
            Self::Http(object) => &object.spec.hostnames,
            Self::Grpc(object) => &object.spec.hostnames,
            Self::Tls(object) => &object.spec.hostnames,
            Self::Tcp(_) | Self::Udp(_) => &[],
        }
    }

    /// What was said of it when it was read.
    pub(crate) fn status(&self) -> &RouteStatus {
        match self {
            Self::Http(object) => &object.status,
            Self::Grpc(object) => &object.status,
            Self::Tls(object) => &object.status,
            Self::Tcp(object) => &object.status,
            Self::Udp(object) => &object.status,
        }
    }

    /// Everything that it sends to, with the path of the field.
    pub(crate) fn references(&self) -> Vec<(String, Reference<'_>)> {
        let mut found = Vec::new();
        match self {
            Self::Http(object) => {
                for (rule, written) in object.spec.rules.iter().enumerate() {
                    let at = format!("spec.rules[{rule}]");
                    of_filters(&at, &written.filters, &mut found);
                    for (index, backend) in written.backend_refs.iter().enumerate() {
                        let at = format!("{at}.backendRefs[{index}]");
                        of_filters(&at, &backend.filters, &mut found);
                        found.push((at, (&backend.backend).into()));
                    }
                }
            }
            Self::Grpc(object) => {
                for (rule, written) in object.spec.rules.iter().enumerate() {
                    let at = format!("spec.rules[{rule}]");
                    of_filters(&at, &written.filters, &mut found);
                    for (index, backend) in written.backend_refs.iter().enumerate() {
                        let at = format!("{at}.backendRefs[{index}]");
                        of_filters(&at, &backend.filters, &mut found);
                        found.push((at, (&backend.backend).into()));
                    }
                }
            }
            Self::Tls(object) => of_rules(&object.spec.rules, &mut found),
            Self::Tcp(object) => of_rules(&object.spec.rules, &mut found),
            Self::Udp(object) => of_rules(&object.spec.rules, &mut found),
        }
        found
    }
}

fn of_rules<'a>(rules: &'a [tcp_route::L4RouteRule], found: &mut Vec<(String, Reference<'a>)>) {
    for (rule, written) in rules.iter().enumerate() {
        for (index, backend) in written.backend_refs.iter().enumerate() {
            found.push((format!("spec.rules[{rule}].backendRefs[{index}]"), backend.into()));
        }
    }
}

fn of_filters<'a>(at: &str, filters: &'a [HttpRouteFilter], found: &mut Vec<(String, Reference<'a>)>) {
    for (index, filter) in filters.iter().enumerate() {
        if let Some(mirror) = &filter.request_mirror {
            found.push((format!("{at}.filters[{index}].requestMirror.backendRef"), (&mirror.backend_ref).into()));
        }
        if let Some(auth) = &filter.external_auth {
            found.push((format!("{at}.filters[{index}].externalAuth.backendRef"), (&auth.backend_ref).into()));
        }
    }
}
