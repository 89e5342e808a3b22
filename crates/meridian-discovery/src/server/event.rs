//! What the control plane is told of proxies, and what it answers.

use super::outcome::{Outcome, Rejected};
use crate::Node;
use meridian_grpc::Peer;
use meridian_ir::ProxyConfig;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Something happened to a stream. Streams are told apart by numbers: a proxy may come back before the end of its old
/// stream is noticed.
#[derive(Debug)]
pub enum Event {
    /// A proxy has come.
    Arrived(Box<Arrival>),
    /// It rejects something, or nothing any more.
    Rejections {
        /// The stream.
        stream: u64,
        /// All that it rejects now.
        rejected: Vec<Rejected>,
    },
    /// Its stream has ended.
    Departed {
        /// The stream.
        stream: u64,
    },
}

/// A proxy that wants configurations.
#[derive(Debug)]
pub struct Arrival {
    /// Its stream.
    pub stream: u64,
    /// Who it says it is.
    pub node: Node,
    /// Who its connection says it is.
    pub peer: Peer,
    /// What it has made of what it was sent.
    pub outcome: watch::Receiver<Outcome>,
    /// Takes the answer.
    pub answer: oneshot::Sender<Result<Subscription, Refusal>>,
}

/// The configurations of a proxy that was let in. The newest one counts. The stream ends with their sender.
#[derive(Debug)]
pub struct Subscription {
    /// The first one is there already.
    pub configs: watch::Receiver<Arc<ProxyConfig>>,
}

/// Why a proxy is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has not shown who it is.
    #[error("a proxy must show a certificate of the mesh on this port, and this one has shown none")]
    Unauthenticated,
    /// It is someone else.
    #[error(
        "the node says that it is service account {namespace}/{service_account}, and its certificate is for {}; let \
         NAMESPACE and SERVICE_ACCOUNT of the node be those of the certificate", found.join(", ")
    )]
    Impersonation {
        /// What the node says.
        namespace: String,
        /// What the node says.
        service_account: String,
        /// What the certificate says.
        found: Vec<String>,
    },
}

/// Tells that a stream ended when it is dropped.
pub(super) struct Departure {
    pub(super) stream: u64,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        // An error means that the control plane is gone.
        let _ = self.events.send(Event::Departed { stream: self.stream });
    }
}
