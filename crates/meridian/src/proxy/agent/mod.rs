//! What is asked of a sidecar on its status port (Istio's pilot-agent, 15020): the kubelet's probes of the workload, the
//! workload's metrics with its own, and to end.

mod connect;
mod grpc;
mod http;
mod metrics;
mod probe;
#[cfg(test)]
mod tests;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use meridian_inject::probes;
use probe::Prober;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The environment variable that leads probes to the loopback address, where workloads of such a mesh listen.
const TO_LOCALHOST: &str = "REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION";

/// The answers.
pub(super) struct Agent {
    /// What each path asks of the workload.
    probers: HashMap<String, Prober>,
    /// Where the workload's metrics are.
    targets: Vec<metrics::Target>,
    /// Where the workload listens.
    workload: IpAddr,
    /// The port that it is asked on.
    port: u16,
    /// Where the proxy says whether it is ready.
    readiness: SocketAddr,
    /// Where its own metrics are.
    metrics: SocketAddr,
    /// Told when somebody wants the process to end.
    quit: Arc<Notify>,
}

/// Where the proxy's own endpoints are.
pub(super) struct Place {
    /// Where to listen.
    pub(super) listen: SocketAddr,
    /// The workload's address.
    pub(super) workload: IpAddr,
    /// `/healthz/ready`
    pub(super) readiness: SocketAddr,
    /// `/stats/prometheus`
    pub(super) metrics: SocketAddr,
}

/// An answer with a text.
type Answer = Response<Full<Bytes>>;

fn answer(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer
}

/// Listens, and answers until the process ends. What is returned is told when somebody posts to `/quitquitquit`.
///
/// # Errors
/// The address is not free, or the environment says something that is not understood.
pub(super) async fn start(place: Place) -> anyhow::Result<Arc<Notify>> {
    let listener = TcpListener::bind(place.listen).await;
    let listener = listener.with_context(|| {
        format!("--status-port: probes and metrics cannot be served on {}; choose another port", place.listen)
    })?;
    let quit = Arc::new(Notify::new());
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let agent = Agent {
        probers: match variable(probes::VARIABLE) {
            Some(text) => probe::read(&text).with_context(|| probes::VARIABLE)?,
            None => HashMap::new(),
        },
        targets: match variable(metrics::VARIABLE) {
            Some(text) => metrics::read(&text).with_context(|| metrics::VARIABLE)?,
            None => Vec::new(),
        },
        workload: if variable(TO_LOCALHOST).as_deref() == Some("true") {
            local(place.workload)
        } else {
            place.workload
        },
        port: place.listen.port(),
        readiness: reachable(place.readiness),
        metrics: reachable(place.metrics),
        quit: quit.clone(),
    };
    if agent.targets.iter().any(|target| target.port == agent.port) {
        bail!("{}: port {} is this process's own", metrics::VARIABLE, agent.port);
    }
    tokio::spawn(serve(listener, Arc::new(agent)));
    Ok(quit)
}

/// The loopback address of the same family.
fn local(address: IpAddr) -> IpAddr {
    if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() }
}

/// Where this machine reaches what listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::new(local(address.ip()), address.port()) } else { address }
}

async fn serve(listener: TcpListener, agent: Arc<Agent>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptor is free; connections that end make some.
                tracing::warn!("the status port cannot accept: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let agent = agent.clone();
        let service = service_fn(move |request| {
            let agent = agent.clone();
            async move { Ok::<_, Infallible>(agent.answer(request, peer).await) }
        });
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!("a connection to the status port: {error}");
            }
        });
    }
}

impl Agent {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let path = request.uri().path();
        match path {
            "/healthz/ready" => self.ready().await,
            "/stats/prometheus" => metrics::merged(self.metrics, &self.targets).await,
            "/quitquitquit" => self.quit(request.method(), peer),
            _ => match self.probers.get(path) {
                Some(prober) => prober.ask(self.workload, self.port, &request).await,
                None if path.starts_with("/app-health/") || path.starts_with("/app-lifecycle/") => {
                    answer(StatusCode::BAD_REQUEST, format!("app prober config does not exists for {path}"))
                }
                None => answer(StatusCode::NOT_FOUND, "not found\n"),
            },
        }
    }

    async fn ready(&self) -> Answer {
        match http::get(self.readiness, "/healthz/ready").await {
            Ok((status, body)) => answer(status, body),
            Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, format!("the proxy does not answer: {error:#}\n")),
        }
    }

    /// Only the pod itself may end its proxy: jobs do when they are done.
    fn quit(&self, method: &Method, peer: SocketAddr) -> Answer {
        if !peer.ip().to_canonical().is_loopback() {
            return answer(StatusCode::FORBIDDEN, "only requests from localhost are allowed\n");
        }
        if method != Method::POST {
            return answer(StatusCode::METHOD_NOT_ALLOWED, "use POST\n");
        }
        self.quit.notify_one();
        answer(StatusCode::OK, "OK")
    }
}
