//! Requests of one client that stay at one endpoint (Envoy's stateful session).

use super::connection::Connection;
use crate::snapshot::{ClusterChoice, ForwardPlan};
use meridian_http::{FieldName, KnownHeader};
use meridian_ir::SessionPersistence;
use std::net::SocketAddr;
use std::sync::Arc;

/// The session of the request at hand.
#[derive(Debug)]
pub(super) struct Session {
    persistence: Arc<SessionPersistence>,
    /// The endpoint that the client wants, whether it is there or not.
    pub(super) wanted: Option<SocketAddr>,
}

impl Connection {
    /// Looks at what the client says of its session. The destination whose endpoint it wants, if there is one that may
    /// be used; otherwise the request goes anywhere, and the client is told where that was.
    pub(super) fn begin_session<'p>(
        &mut self,
        persistence: &Arc<SessionPersistence>,
        plan: &'p ForwardPlan,
    ) -> Option<&'p ClusterChoice> {
        let wanted = persistence.wanted(&self.request.view(self.client.input.message()));
        self.progress.session = Some(Box::new(Session { persistence: persistence.clone(), wanted }));
        let wanted = wanted?;
        let has_it = |choice: &&ClusterChoice| {
            self.worker.cluster(choice.cluster.index).is_some_and(|cluster| cluster.usable(wanted).is_some())
        };
        plan.clusters().iter().find(has_it)
    }

    /// Tells the client in the response at hand where it belongs, if it does not know yet.
    pub(super) fn tell_session(&mut self) {
        let (Some(session), Some(endpoint)) = (&self.progress.session, self.progress.host) else { return };
        if session.wanted == Some(endpoint) {
            return;
        }
        let (name, value) = session.persistence.told(endpoint);
        let name = FieldName::new(name);
        if name.known() != KnownHeader::SetCookie {
            self.response.head.fields_mut().remove(&name, self.response_input.message());
        }
        self.response.extra.add_with(name.known(), name.as_str(), |out| out.extend_from_slice(value.as_bytes()));
    }
}
