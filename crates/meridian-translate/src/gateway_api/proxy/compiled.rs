//! The routes of one object.

use super::backends::{Compiler, Dependencies};
use super::precedence::{Narrowness, ObjectRank, Rank};
use super::{grpc, http};
use crate::gateway_api::GatewayApi;
use crate::gateway_api::model;
use crate::istio::destination::Scope;
use meridian_ir::route::DirectResponse;
use meridian_ir::{Action, Name, Origin, Route};
use std::sync::Arc;

/// What routes depend on of the listener that serves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

/// The routes of an HTTPRoute or GRPCRoute for one kind of listener, or for all when they do not depend on it.
#[derive(Debug, PartialEq)]
pub(crate) struct Compiled {
    /// `None`: they hold for every listener.
    pub(crate) only: Option<Server>,
    pub(crate) routes: Vec<(Rank, Arc<Route>)>,
    pub(crate) dependencies: Dependencies,
}

impl Compiled {
    /// Whether these are the routes for `server`.
    pub(crate) fn fits(&self, server: Server) -> bool {
        self.only.is_none_or(|only| only == server)
    }

    /// With the routes of `before` that are as they were.
    fn shared_with(mut self, before: Option<&Arc<Self>>) -> Arc<Self> {
        let Some(before) = before else { return Arc::new(self) };
        if self == **before {
            return before.clone();
        }
        for (rank, route) in &mut self.routes {
            if let Some((_, same)) = before.routes.iter().find(|(old, known)| old == rank && known == route) {
                *route = same.clone();
            }
        }
        Arc::new(self)
    }
}

/// What requests are told that a policy protects which is not supported.
const CLOSED: u16 = 500;

/// Routes in the making.
pub(crate) struct Routes {
    rank: ObjectRank,
    /// Whether a policy that is not supported protects them: requests are answered with an error.
    is_closed: bool,
    pub(crate) origin: Origin,
    pub(crate) made: Vec<(Rank, Arc<Route>)>,
}

impl Routes {
    /// Adds the route that part `part` of a match became.
    pub(crate) fn push(&mut self, narrowness: Narrowness, at: (usize, usize, usize), mut route: Route) {
        if self.is_closed {
            route.action = Action::Direct(DirectResponse { status: CLOSED, body: Vec::new() });
        }
        let (rule, alternative, part) = at;
        self.made.push((self.rank.rank(narrowness, rule, alternative, part), Arc::new(route)));
    }

    /// The name of a rule: its own, or `namespace.name.position`, as Istio has it.
    pub(crate) fn name(&self, rule: Option<&str>, position: usize) -> Name {
        match rule {
            Some(name) => name.into(),
            None => format!("{}.{}.{position}", self.origin.namespace, self.origin.name).into(),
        }
    }
}

/// Compiles the routes of `route` for `server`; `before` is what it was compiled to before, if it was.
pub(crate) fn compile(
    scope: &mut Scope<'_>,
    api: &GatewayApi,
    route: &model::Route,
    server: Server,
    before: Option<&Arc<Compiled>>,
) -> Arc<Compiled> {
    let (kind, meta) = (route.kind(), route.meta());
    let origin = Origin { kind: kind.name(), namespace: meta.namespace.clone(), name: meta.name.clone() };
    let is_closed = api.closed.contains(&route.id());
    let mut routes = Routes { rank: ObjectRank::of(route), is_closed, origin, made: Vec::new() };
    let dependencies = Dependencies::default();
    let mut compiler = Compiler { scope, api, kind, namespace: &meta.namespace, dependencies };
    match route {
        model::Route::Http(object) => http::compile(&mut compiler, &object.spec, server, &mut routes),
        model::Route::Grpc(object) => grpc::compile(&mut compiler, &object.spec, &mut routes),
        model::Route::Tls(_) | model::Route::Tcp(_) | model::Route::Udp(_) => {}
    }
    let dependencies = compiler.dependencies;
    let only = dependencies.on_server.then_some(server);
    Compiled { only, routes: routes.made, dependencies }.shared_with(before)
}
