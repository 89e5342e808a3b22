//! What a request's route says about its answer, whoever gives it: an endpoint or the gateway itself.

use super::connection::Connection;
use super::cors;
use crate::snapshot::{ClusterChoice, EditPlan, RoutePlan};
use meridian_http::Span;
use meridian_ir::cors::Cors;

/// The route of a request, as far as answers depend on it.
#[derive(Clone, Copy, Default)]
pub(super) struct Routed<'p> {
    /// The route's name; empty without a route.
    pub(super) name: &'p str,
    /// Edits of the response in the order in which they are applied: those of the destination, those of the route.
    edits: [Option<&'p EditPlan>; 2],
    /// The policy and the request's origin, which it allows.
    cors: Option<(&'p Cors, Span)>,
}

impl<'p> Routed<'p> {
    /// A request for `route`.
    pub(super) fn to(route: &'p RoutePlan) -> Self {
        Self { name: &route.route.name, edits: [None, route.response_edits.as_deref()], cors: None }
    }

    /// The destination is chosen.
    pub(super) fn with_choice(self, choice: &'p ClusterChoice) -> Self {
        Self { edits: [choice.response_edits.as_deref(), self.edits[1]], ..self }
    }

    /// The request comes from another origin, which `policy` allows.
    pub(super) fn with_origin(self, policy: &'p Cors, origin: Span) -> Self {
        Self { cors: Some((policy, origin)), ..self }
    }

    /// For an answer that no edit concerns.
    pub(super) fn without_edits(self) -> Self {
        Self { edits: [None, None], cors: None, ..self }
    }
}

impl Connection {
    /// Applies what the route says about responses to the response at hand: first the router's edits, then what the
    /// filters before it set.
    pub(super) fn finish_response_fields(&mut self, routed: &Routed<'_>) {
        for edits in routed.edits {
            self.edit_response(edits, routed.name);
        }
        if let Some((policy, origin)) = routed.cors {
            let origin = origin.of(self.client.input.message());
            cors::allow(policy, origin, self.response.head.fields_mut(), &mut self.response.extra);
        }
    }
}
