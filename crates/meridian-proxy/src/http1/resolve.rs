//! Finding where a request goes whose host is known only now.

use super::client::Interrupt;
use super::connection::Connection;
use crate::dynamic_forward::{self, Named, Unreachable};
use crate::outcome::{Ending, ForwardRefusal};
use meridian_ir::dynamic_forward::{DynamicForward, Refusal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

impl Connection {
    /// Where the host of the request is, within the time that the request has left. The error ends the request.
    pub(super) async fn resolve(&mut self, forward: &Arc<DynamicForward>) -> Result<SocketAddr, Ending> {
        let default_port = if self.info.tls.is_some() { 443 } else { 80 };
        let named = Named::of_authority(self.request.authority(self.client.input.message()), default_port);
        let (forward, worker, captured) = (forward.clone(), self.worker.clone(), self.info.destination());
        // In a box, so that requests that go elsewhere do not have its size.
        let mut resolving =
            Box::pin(
                async move { dynamic_forward::destination(&worker.shared.resolver, &forward, &named, captured).await },
            );
        let deadline = self.deadlines.earliest();
        let resolved = std::future::poll_fn(|cx| {
            if let Poll::Ready(resolved) = resolving.as_mut().poll(cx) {
                return Poll::Ready(Ok(resolved));
            }
            self.client.poll_interrupt(cx, deadline, true, &self.worker.buffers).map(Err)
        });
        match resolved.await {
            Ok(Ok(destination)) => Ok(destination),
            Ok(Err(Unreachable::Unresolved)) => Err(Ending::HostNotResolved),
            Ok(Err(Unreachable::Refused(refusal))) => {
                if let Refusal::AddressNotAllowed(_, address) = &refusal {
                    // The log tells which.
                    self.progress.host = Some(SocketAddr::new(*address, 0));
                }
                Err(Ending::ForwardRefused(ForwardRefusal::from(&refusal)))
            }
            Err(Interrupt::Deadline) => Err(self.too_late()),
            Err(other) => Err(other.ending()),
        }
    }
}
