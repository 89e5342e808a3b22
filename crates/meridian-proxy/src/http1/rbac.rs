//! Access control for requests, before anything else is decided about them.

use super::connection::{After, Connection};
use super::request::RequestFields;
use super::routed::Routed;
use crate::outcome::Ending;
use crate::rbac::{ConnectionView, judge};
use crate::snapshot::{ActionPlan, RouteTable};
use meridian_ir::Action;
use meridian_ir::rbac::View;
use std::net::{IpAddr, SocketAddr};

/// A request on its connection.
struct Seen<'c> {
    request: RequestFields<'c>,
    connection: ConnectionView<'c>,
    remote: IpAddr,
}

impl<'c> View for Seen<'c> {
    type Request = RequestFields<'c>;

    fn request(&self) -> Option<&RequestFields<'c>> {
        Some(&self.request)
    }

    fn direct_remote_ip(&self) -> IpAddr {
        self.connection.direct_remote_ip()
    }

    fn remote_ip(&self) -> IpAddr {
        self.remote
    }

    fn destination(&self) -> SocketAddr {
        self.connection.destination()
    }

    fn server_name(&self) -> &str {
        self.connection.server_name()
    }

    fn any_peer_name(&self, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.connection.any_peer_name(test)
    }
}

impl Connection {
    /// Whether the request may go on; otherwise it is noted which policy denies it.
    pub(super) fn may_pass(&mut self) -> bool {
        let seen = Seen {
            request: self.request.view(self.client.input.message()),
            connection: ConnectionView(&self.info),
            remote: self.request.remote.ip(),
        };
        match judge(self.http.access(), &seen) {
            Ok(()) => true,
            Err(denied) => {
                self.progress.denied_by = denied.policy;
                false
            }
        }
    }

    /// Answers a request that is denied. As in Envoy, its route is known all the same: the record names it with its
    /// cluster, and its edits of responses count.
    pub(super) async fn deny(&mut self) -> After {
        let routes = self.http.routes(&self.worker);
        let routed = routes.as_ref().map(|routes| self.routed(&routes.table)).unwrap_or_default();
        self.reply(Ending::AccessDenied, &routed).await
    }

    fn routed<'p>(&mut self, table: &'p RouteTable) -> Routed<'p> {
        let request = self.request.view(self.client.input.message());
        let host = table.virtual_host(self.request.head.authority(self.client.input.message()));
        let Some(route) = host.and_then(|host| host.route(&request)) else { return Routed::default() };
        let routed = Routed::to(route);
        let (ActionPlan::Forward(plan), Action::Forward(forward)) = (&route.action, &route.route.action) else {
            return routed;
        };
        let Some(choice) = plan.pick(forward, self.worker.random()) else { return routed };
        self.progress.cluster = self.worker.cluster(choice.cluster.index);
        routed.with_choice(choice)
    }
}
