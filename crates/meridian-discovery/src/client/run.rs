//! The stream of a proxy: it is made again and again, and fed to the machine.

use super::machine::{Applicable, Machine, Own, Step};
use super::saved::StateDir;
use crate::Node;
use crate::message::{DELTA, DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use http::uri::PathAndQuery;
use meridian_grpc::tls::ClientTls;
use meridian_grpc::{Connection, Target, connect};
use meridian_ir::{Name, ProxyConfig};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// The pause before a second attempt, which doubles up to the longest (Envoy: 0.5 s to 30 s). The longest is shorter
/// here: a control plane that is back should not be waited for.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long resources are waited for that the control plane does not answer for (Envoy's `initial_fetch_timeout`).
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What is kept on disk is written so long after it changed, so that many changes are one write.
const SAVE_AFTER: Duration = Duration::from_millis(200);

/// Requests that wait for the connection. They are few: answers, and subscriptions.
const WAITING: usize = 64;

/// Largest response, in bytes: the first one holds all clusters.
const MAX_MESSAGE: usize = 256 << 20;

/// Runs a configuration; the listeners of it that do not listen are returned, with the reason. `None`: the proxy has
/// stopped.
pub type Apply =
    Box<dyn FnMut(Arc<ProxyConfig>) -> Pin<Box<dyn Future<Output = Option<Vec<(Name, String)>>> + Send>> + Send>;

/// How the connection to the control plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    Disconnected,
    /// There is one.
    Connected,
}

/// What a proxy's end of discovery needs.
#[derive(Debug)]
pub struct Options {
    /// Where the control plane is.
    pub target: Target,
    /// Who the proxy is.
    pub node: Node,
    /// How it is known; `None`: a plain connection. Each new connection takes the newest, and the first one waits for
    /// the first.
    pub tls: Option<watch::Receiver<Option<ClientTls>>>,
    /// Its certificate in the mesh, where it has one of its own.
    pub own: Option<watch::Receiver<Option<Own>>>,
    /// Where the last good configuration is kept.
    pub state: Option<StateDir>,
    /// Told how the connection is.
    pub phase: watch::Sender<Phase>,
}

/// Follows the control plane until the proxy stops or `stop` is told: what was kept on disk runs at once, what is sent
/// runs as soon as it is complete.
pub async fn run(mut options: Options, apply: Apply, mut stop: watch::Receiver<bool>) {
    let own = options.own.as_mut().and_then(|own| own.borrow_and_update().clone());
    let machine = Machine::new(own);
    let machine = if options.state.is_some() { machine } else { machine.without_copies() };
    let mut follower = Follower { machine, apply, state: options.state.take(), save_at: None };
    tokio::select! {
        biased;
        // An error means that the sender is gone, which is a stop too.
        _ = stop.wait_for(|stop| *stop) => {}
        () = follower.run(&mut options) => {}
    }
    follower.save();
}

/// Why a stream is over.
enum Ended {
    /// The proxy has stopped.
    Stopped,
    /// Everything else.
    Failed(String),
}

struct Follower {
    machine: Machine,
    apply: Apply,
    state: Option<StateDir>,
    save_at: Option<Instant>,
}

impl Follower {
    async fn run(&mut self, options: &mut Options) {
        if !self.restore().await {
            return;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let Ended::Failed(reason) = self.stream(options).await else { return };
            let was_connected = options.phase.send_replace(Phase::Disconnected) == Phase::Connected;
            if was_connected && began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tracing::warn!("{reason}; the configuration stays as it is, and the next attempt is in {pause:?}");
            // By chance, so that the proxies of a mesh do not all come at once.
            if !self.idle(pause.mul_f64(0.5 + fastrand::f64()), options).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Runs what was kept on disk. False: the proxy has stopped.
    async fn restore(&mut self) -> bool {
        let saved = match self.state.as_ref().map(StateDir::load) {
            None => return true,
            Some(Ok(saved)) => saved,
            Some(Err(error)) => {
                tracing::error!("{error}; the proxy waits for the control plane");
                return true;
            }
        };
        if saved.is_empty() {
            return true;
        }
        let restored = self.machine.restore(saved);
        if restored.is_some() {
            tracing::info!("the last configuration runs until the control plane says otherwise");
        }
        let runs = self.apply(restored).await.is_some();
        self.save_at = None;
        runs
    }

    /// Runs a configuration, if there is one; answers that waited for it are returned. `None`: the proxy has stopped.
    async fn apply(&mut self, config: Option<Applicable>) -> Option<Vec<DeltaDiscoveryRequest>> {
        let Some(Applicable(config)) = config else { return Some(Vec::new()) };
        let errors = (self.apply)(config).await?;
        if self.state.is_some() {
            self.save_at.get_or_insert_with(|| Instant::now() + SAVE_AFTER);
        }
        Some(self.machine.applied(&errors))
    }

    fn save(&mut self) {
        if let (Some(state), Some(_)) = (&self.state, self.save_at.take())
            && let Err(error) = state.save(self.machine.saved())
        {
            tracing::error!("the configuration cannot be kept: {error}");
        }
    }

    /// Waits, while certificates are renewed. False: the proxy has stopped.
    async fn idle(&mut self, pause: Duration, options: &mut Options) -> bool {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return true,
                () = until(self.save_at) => self.save(),
                own = changed(&mut options.own) => {
                    let config = self.machine.set_own(own);
                    if self.apply(config).await.is_none() {
                        return false;
                    }
                }
            }
        }
    }

    /// One stream, to its end.
    async fn stream(&mut self, options: &mut Options) -> Ended {
        let tls = match self.credentials(options).await {
            Ok(tls) => tls,
            Err(ended) => return ended,
        };
        let connection = match connect(&options.target, tls.as_ref()).await {
            Ok(connection) => connection,
            Err(error) => return Ended::Failed(error.to_string()),
        };
        let mut first = self.machine.connected();
        if let Some(request) = first.first_mut() {
            request.node = Some(options.node.message());
        }
        let (requests, outbox) = mpsc::channel(WAITING);
        for request in first {
            if requests.send(request).await.is_err() {
                return Ended::Failed("the stream ended before it began".to_owned());
            }
        }
        let responses = match open(connection, outbox).await {
            Ok(responses) => responses,
            Err(status) => return Ended::Failed(failure(&status)),
        };
        options.phase.send_replace(Phase::Connected);
        tracing::info!(control_plane = %options.target, "connected");
        self.follow(responses, &requests, options).await
    }

    /// The newest credentials; waits for the first.
    async fn credentials(&mut self, options: &mut Options) -> Result<Option<ClientTls>, Ended> {
        let Some(mut receiver) = options.tls.clone() else { return Ok(None) };
        loop {
            tokio::select! {
                found = newest(&mut receiver) => return found.map(Some).ok_or(Ended::Stopped),
                () = until(self.save_at) => self.save(),
                own = changed(&mut options.own) => {
                    let config = self.machine.set_own(own);
                    self.apply(config).await.ok_or(Ended::Stopped)?;
                }
            }
        }
    }

    async fn follow(
        &mut self,
        mut responses: Streaming<DeltaDiscoveryResponse>,
        requests: &mpsc::Sender<DeltaDiscoveryRequest>,
        options: &mut Options,
    ) -> Ended {
        let mut deadline: Option<Instant> = None;
        loop {
            if !self.machine.is_waiting() {
                deadline = None;
            } else if deadline.is_none() {
                deadline = Some(Instant::now() + FETCH_TIMEOUT);
            }
            let (config, mut answers) = tokio::select! {
                received = responses.message() => match received {
                    Ok(Some(response)) => {
                        let step = self.machine.response(response);
                        tell(&step);
                        (step.apply, step.requests)
                    }
                    Ok(None) => return Ended::Failed("the control plane has ended the stream".to_owned()),
                    Err(status) => return Ended::Failed(failure(&status)),
                },
                own = changed(&mut options.own) => (self.machine.set_own(own), Vec::new()),
                () = until(deadline) => {
                    tracing::warn!("not all resources have come within {FETCH_TIMEOUT:?}; going on without them");
                    (self.machine.give_up_waiting(), Vec::new())
                }
                () = until(self.save_at) => {
                    self.save();
                    continue;
                }
            };
            match self.apply(config).await {
                Some(more) => answers.extend(more),
                None => return Ended::Stopped,
            }
            for answer in answers {
                if requests.send(answer).await.is_err() {
                    return Ended::Failed("the stream to the control plane is broken".to_owned());
                }
            }
        }
    }
}

fn tell(step: &Step) {
    for reason in &step.rejected {
        tracing::warn!("rejected: {reason}");
    }
    for one in &step.unsupported {
        tracing::warn!("not supported, and left out: {}: {}", one.path, one.found);
    }
}

async fn open(
    connection: Connection,
    outbox: mpsc::Receiver<DeltaDiscoveryRequest>,
) -> Result<Streaming<DeltaDiscoveryResponse>, Status> {
    let origin = connection.origin();
    let mut grpc = tonic::client::Grpc::with_origin(connection, origin).max_decoding_message_size(MAX_MESSAGE);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>::default();
    let request = tonic::Request::new(ReceiverStream::new(outbox));
    Ok(grpc.streaming(request, PathAndQuery::from_static(DELTA), codec).await?.into_inner())
}

fn failure(status: &Status) -> String {
    format!("the control plane has ended the stream: {} ({:?})", status.message(), status.code())
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}

/// The newest credentials, when there are any; `None`: there will be none.
async fn newest(tls: &mut watch::Receiver<Option<ClientTls>>) -> Option<ClientTls> {
    tls.wait_for(Option::is_some).await.ok()?.clone()
}

/// The next certificate; never, where there will be none.
async fn changed(own: &mut Option<watch::Receiver<Option<Own>>>) -> Option<Own> {
    let Some(receiver) = own else { return pending().await };
    match receiver.changed().await {
        Ok(()) => receiver.borrow_and_update().clone(),
        Err(_) => pending().await,
    }
}
