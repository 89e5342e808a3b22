//! From a request's head to what is done with it.

use super::connection::{After, Connection};
use super::routed::Routed;
use crate::outcome::{Ending, LocalBody, LocalReply};
use crate::snapshot::ActionPlan;
use meridian_http::{HeadError, Method, Span, TargetForm};
use meridian_ir::Action;
use meridian_ir::redirect::https_location;

impl Connection {
    /// Serves the request whose head was read.
    pub(super) async fn serve_request(&mut self) -> After {
        if let Err(ending) = self.prepare() {
            return self.reply(ending, &Routed::default()).await;
        }
        if !self.http.access().is_empty() && !self.may_pass() {
            return self.deny().await;
        }
        // The routes stay what they are for this request, whatever is applied meanwhile.
        let routes = self.http.routes(&self.worker);
        let request = self.request.view(self.client.input.message());
        let host = routes.as_ref().and_then(|routes| routes.table.virtual_host(self.authority()));
        let Some(host) = host else {
            return self.reply(Ending::RouteNotFound, &Routed::default()).await;
        };
        if self.is_misdirected() {
            return self.reply(Ending::Misdirected, &Routed::default()).await;
        }
        if host.virtual_host.require_tls && !self.request.is_tls {
            let location = |connection: &Self, out: &mut Vec<u8>| {
                https_location(&connection.request.view(connection.client.input.message()), out);
            };
            return self.redirect(301, location, &Routed::default()).await;
        }
        let Some(route) = host.route(&request) else {
            return self.reply(Ending::RouteNotFound, &Routed::default()).await;
        };
        let mut routed = Routed::to(route);
        if let Some(fault) = &route.route.fault
            && let Err(after) = self.inject(fault, &routed).await
        {
            return after;
        }
        // Only routes that forward have a policy, as in Envoy.
        if let (Some(cors), Action::Forward(_)) = (&route.route.cors, &route.route.action) {
            match self.cross_origin(cors, routed) {
                Some(known) => routed = known,
                None => return self.end_preflight(&routed).await,
            }
        }
        if let Some(authz) = &route.route.ext_authz {
            let cluster = route.authz_cluster.as_ref().map(|slot| slot.index);
            // In a box, so that requests that nobody is asked about do not have its size.
            if let Err(after) = Box::pin(self.authorize(authz, cluster, &routed)).await {
                return after;
            }
        }
        match (&route.action, &route.route.action) {
            (ActionPlan::Forward(plan), Action::Forward(forward)) => self.forward(route, plan, forward, &routed).await,
            (_, Action::Redirect(redirect)) => {
                let location = |connection: &Self, out: &mut Vec<u8>| {
                    let request = connection.request.view(connection.client.input.message());
                    redirect.location(&request, &route.route.matcher.path, out);
                };
                self.redirect(redirect.status, location, &routed).await
            }
            (_, Action::Direct(direct)) => self.direct(direct.status, &direct.body, &routed).await,
            (_, Action::Forward(_)) => self.reply(Ending::RouteNotFound, &routed).await,
        }
    }

    async fn direct(&mut self, status: u16, body: &[u8], routed: &Routed<'_>) -> After {
        let reply = LocalReply { status, body: LocalBody::Empty, close: false, overloaded: false, grpc_status: None };
        self.answer(reply, body, routed, Ending::Direct).await
    }

    /// What comes before routing: forms of targets that no route takes, the canonical path, the manager's own fields.
    fn prepare(&mut self) -> Result<(), Ending> {
        let buf = self.client.input.message();
        match self.request.head.target_form() {
            TargetForm::Asterisk => return Err(Ending::PathlessTarget),
            TargetForm::Origin | TargetForm::Absolute(_) | TargetForm::Authority => {}
        }
        let http = self.http.plan();
        let (manager, info, worker) = (&http.manager, &self.info, &self.worker);
        self.request.set_edge_fields(buf, manager, info, || worker.random_u128());
        if self.request.head.method() == Method::Connect {
            self.ends = true;
            return Err(Ending::RouteNotFound);
        }
        self.request.canonicalize(buf, http.normalization).map_err(Ending::BadHead)
    }

    /// Whether the client asks for a protocol, and may. Over HTTP/2 to the endpoint (`is_http2`) none is changed to.
    pub(super) fn check_upgrade(&mut self, is_http2: bool) -> Result<(), Ending> {
        let buf = self.client.input.message();
        match self.request.head.upgrade(buf, &self.http.plan().manager.upgrades) {
            Ok(None) => Ok(()),
            Ok(Some(_)) if is_http2 => Err(Ending::UpgradeFailed),
            Ok(Some(protocol)) => {
                let start = protocol.first().and_then(|first| buf.element_offset(first)).unwrap_or_default();
                self.upgrade = Some(Span::new(start, start + protocol.len()));
                Ok(())
            }
            Err(HeadError::UpgradeNotAllowed) => Err(Ending::UpgradeFailed),
            Err(error) => Err(Ending::BadHead(error)),
        }
    }

    fn authority(&self) -> &[u8] {
        self.request.head.authority(self.client.input.message())
    }
}
