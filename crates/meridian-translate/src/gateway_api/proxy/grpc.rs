//! GRPCRoutes.

use super::backends::{Compiler, Speech};
use super::compiled::Routes;
use super::filters::{self, Filters};
use super::http::{destinations, retries};
use super::{matches, unsupported};
use meridian_ir::route::{DirectResponse, Forward};
use meridian_ir::{Action, Route};
use meridian_resources::gateway_api::GrpcRoute;
use std::sync::Arc;

/// What calls are told that lead to no backend; as a gRPC status that is `UNAVAILABLE`.
const NO_BACKEND: u16 = 503;

/// Compiles all rules.
pub(crate) fn compile(compiler: &mut Compiler<'_, '_>, route: &GrpcRoute, routes: &mut Routes) {
    let refused = unsupported::grpc(route, compiler.scope.pool);
    for (index, rule) in route.rules.iter().enumerate() {
        let is_refused = refused.iter().any(|one| one.rule == index);
        let (filters, forward) = match is_refused {
            true => (Filters::default(), None),
            false => {
                let filters = filters::compile(compiler, &rule.filters, Speech::Grpc);
                let backends = rule.backend_refs.iter().map(|backend| (&backend.backend, &backend.filters[..]));
                (filters, destinations(compiler, backends, Speech::Grpc))
            }
        };
        let session = rule.session_persistence.as_ref().map(|one| filters::session(one, compiler.scope.pool));
        let action = match forward {
            Some(forward) => Action::Forward(Forward {
                retry: retries(None, None, !forward.hash_policies.is_empty()).map(Arc::new),
                host_rewrite: filters.host.clone(),
                mirrors: filters.mirrors.clone(),
                session: session.map(Arc::new),
                ..forward
            }),
            None => Action::Direct(DirectResponse { status: NO_BACKEND, body: Vec::new() }),
        };
        let alternatives: Vec<_> = match rule.matches.is_empty() {
            true => vec![None],
            false => rule.matches.iter().map(Some).collect(),
        };
        for (alternative, one) in alternatives.into_iter().enumerate() {
            // What is not even a condition takes nothing; the other matches of the rule do.
            let Ok(matched) = matches::grpc(one, compiler.scope.pool) else { continue };
            let route = Route {
                name: routes.name(rule.name.as_deref(), index),
                matcher: matched.matcher,
                action: action.clone(),
                request_headers: filters.request.clone(),
                response_headers: filters.response.clone(),
                fault: None,
                cors: filters.cors.clone(),
                ext_authz: filters.ext_authz.clone(),
                origin: Some(routes.origin.clone()),
            };
            routes.push(matched.narrowness, (index, alternative, 0), route);
        }
    }
}
