//! The service as gRPC has it.

use super::event::{Arrival, Departure, Event, Refusal, Subscription};
use super::outcome::Outcome;
use super::{DeltaSession, StateSession};
use crate::Node;
use crate::message::{
    DELTA, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, NodeMessage,
    STATE_OF_THE_WORLD,
};
use meridian_grpc::{Answer, Handler, Peer};
use meridian_ir::ProxyConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Responses that wait for a proxy to read them. When it is slow, configurations in between are skipped.
const WAITING: usize = 8;

/// Streams, of which the control plane is told.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its length is bounded by the number of streams and by what they were sent: a proxy cannot fill it by itself.
    events: mpsc::UnboundedSender<Event>,
    streams: Arc<AtomicU64>,
}

impl Service {
    /// A service, and what happens to its streams.
    #[must_use]
    pub fn new() -> (Service, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Service { events, streams: Arc::default() }, receiver)
    }

    /// Answers the requests of [`crate::message::SERVICE`].
    #[must_use]
    pub fn handler(self) -> Handler {
        Arc::new(move |request| -> Answer {
            let service = self.clone();
            match request.uri().path() {
                DELTA => Box::pin(meridian_grpc::streaming(request, move |request| {
                    std::future::ready(service.open::<DeltaSession>(request))
                })),
                STATE_OF_THE_WORLD => Box::pin(meridian_grpc::streaming(request, move |request| {
                    std::future::ready(service.open::<StateSession>(request))
                })),
                other => {
                    let message = format!("found {other}, allowed: {DELTA}, {STATE_OF_THE_WORLD}");
                    Box::pin(std::future::ready(Status::unimplemented(message).into_http()))
                }
            }
        })
    }

    fn open<S: Session>(&self, request: tonic::Request<Streaming<S::Request>>) -> Result<Opened<S::Response>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Status::internal("the connection is not known"))?;
        let stream = self.streams.fetch_add(1, Ordering::Relaxed);
        let (responses, receiver) = mpsc::channel(WAITING);
        let events = self.events.clone();
        tokio::spawn(async move {
            let stream = Stream { number: stream, peer, requests: request.into_inner(), responses, events };
            stream.run::<S>().await;
        });
        Ok(tonic::Response::new(ReceiverStream::new(receiver)))
    }
}

/// The stream of responses.
type Opened<Out> = tonic::Response<ReceiverStream<Result<Out, Status>>>;

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What both methods have in common.
trait Session: Send + 'static {
    type Request: prost::Message + Default + 'static;
    type Response: prost::Message + Default + 'static;

    fn new(config: Arc<ProxyConfig>) -> Self;
    fn node(request: &Self::Request) -> Option<&NodeMessage>;
    /// The type and reason of a rejection.
    fn rejection(request: &Self::Request) -> Option<(&str, &str)>;
    fn request(&mut self, request: &Self::Request) -> Option<Self::Response>;
    fn config(&mut self, config: Arc<ProxyConfig>) -> Vec<Self::Response>;
    fn outcome(&self) -> &Outcome;
    fn take_rejections_changed(&mut self) -> bool;
}

macro_rules! session {
    ($session:ty, $request:ty, $response:ty) => {
        impl Session for $session {
            type Request = $request;
            type Response = $response;

            fn new(config: Arc<ProxyConfig>) -> Self {
                <$session>::new(config)
            }

            fn node(request: &$request) -> Option<&NodeMessage> {
                request.node.as_ref()
            }

            fn rejection(request: &$request) -> Option<(&str, &str)> {
                request.error_detail.as_ref().map(|status| (&*request.type_url, &*status.message))
            }

            fn request(&mut self, request: &$request) -> Option<$response> {
                self.request(request)
            }

            fn config(&mut self, config: Arc<ProxyConfig>) -> Vec<$response> {
                self.config(config)
            }

            fn outcome(&self) -> &Outcome {
                self.outcome()
            }

            fn take_rejections_changed(&mut self) -> bool {
                self.take_rejections_changed()
            }
        }
    };
}

session!(DeltaSession, DeltaDiscoveryRequest, DeltaDiscoveryResponse);
session!(StateSession, DiscoveryRequest, DiscoveryResponse);

/// One stream.
struct Stream<In, Out> {
    number: u64,
    peer: Peer,
    requests: Streaming<In>,
    responses: mpsc::Sender<Result<Out, Status>>,
    events: mpsc::UnboundedSender<Event>,
}

impl<In: prost::Message + Default + 'static, Out> Stream<In, Out> {
    async fn run<S: Session<Request = In, Response = Out>>(mut self) {
        let responses = self.responses.clone();
        if let Err(status) = self.serve::<S>().await {
            // An error means that nobody listens any more.
            let _ = responses.send(Err(status)).await;
        }
    }

    async fn serve<S: Session<Request = In, Response = Out>>(&mut self) -> Result<(), Status> {
        let Ok(Some(first)) = self.requests.message().await else { return Ok(()) };
        let node = S::node(&first).ok_or(crate::NodeError::Missing);
        let node = node.and_then(Node::read).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let proxy = node.proxy_id();
        let (outcome, receiver) = watch::channel(Outcome::default());
        let subscription = self.arrive(node, receiver).await?;
        let _departure = Departure { stream: self.number, events: self.events.clone() };
        tracing::info!(proxy, address = %self.peer.address, "a proxy is connected");
        let ended = self.follow::<S>(&proxy, first, subscription, &outcome).await;
        tracing::info!(proxy, "a proxy is gone");
        ended
    }

    /// Asks the control plane to let the proxy in.
    async fn arrive(&self, node: Node, outcome: watch::Receiver<Outcome>) -> Result<Subscription, Status> {
        let (answer, answered) = oneshot::channel();
        let (name, stream, peer) = (node.proxy_id(), self.number, self.peer.clone());
        let gone = |_| Status::unavailable("the control plane ends");
        let arrival = Arrival { stream, node, peer, outcome, answer };
        self.events.send(Event::Arrived(Box::new(arrival))).map_err(|_| gone(()))?;
        match answered.await {
            Ok(Ok(subscription)) => Ok(subscription),
            Ok(Err(refusal)) => {
                tracing::warn!(proxy = name, address = %self.peer.address, "a proxy is refused: {refusal}");
                Err(match refusal {
                    Refusal::Unauthenticated => Status::new(Code::Unauthenticated, refusal.to_string()),
                    Refusal::Impersonation { .. } => Status::new(Code::PermissionDenied, refusal.to_string()),
                })
            }
            Err(_) => Err(gone(())),
        }
    }

    /// When the certificate ends that the connection was made with.
    fn expiry(&self) -> Option<Instant> {
        let left = self.peer.valid_until()?.duration_since(SystemTime::now()).unwrap_or_default();
        Some(Instant::now() + left)
    }

    async fn follow<S: Session<Request = In, Response = Out>>(
        &mut self,
        proxy: &str,
        first: In,
        mut subscription: Subscription,
        outcome: &watch::Sender<Outcome>,
    ) -> Result<(), Status> {
        let config = subscription.configs.borrow_and_update().clone();
        let mut session = S::new(config);
        let expiry = self.expiry();
        let mut request = Some(first);
        loop {
            let responses: Vec<Out> = match request.take() {
                Some(request) => {
                    if let Some((kind, reason)) = S::rejection(&request) {
                        tracing::warn!(proxy, kind, "the proxy has rejected what it was sent: {reason}");
                    }
                    session.request(&request).into_iter().collect()
                }
                None => {
                    let config = subscription.configs.borrow_and_update().clone();
                    session.config(config)
                }
            };
            for response in responses {
                if self.responses.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
            outcome.send_replace(session.outcome().clone());
            if session.take_rejections_changed() {
                let rejected = session.outcome().rejected();
                // An error means that the control plane is gone, which the subscription tells too.
                let _ = self.events.send(Event::Rejections { stream: self.number, rejected });
            }
            tokio::select! {
                received = self.requests.message() => match received {
                    Ok(Some(received)) => request = Some(received),
                    // The proxy is gone, in order or not.
                    Ok(None) | Err(_) => return Ok(()),
                },
                // The proxy has a newer one by now, and comes back with it.
                () = until(expiry) => return Err(Status::unauthenticated("the proxy's certificate has expired")),
                changed = subscription.configs.changed() => {
                    if changed.is_err() {
                        return Err(Status::unavailable("the control plane ends, or the proxy has come back elsewhere"));
                    }
                }
            }
        }
    }
}
