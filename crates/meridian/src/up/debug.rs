//! The control plane's debug endpoint, with istiod's port and paths: how far each proxy is, and what is wanted of it.
//!
//! | path | answer |
//! |---|---|
//! | `/debug/syncz` | what each proxy was sent and has acknowledged, by type |
//! | `/debug/config_dump?proxyID=NAME.NAMESPACE` | what is wanted of one proxy, as its own `/config_dump` would show it |
//! | `/ready` | 200 as soon as everything that exists has been read once, 503 before |
//! | `/metrics` | counters in Prometheus' text format |
//!
//! On Kubernetes the first two are for clients of the same pod alone, wherever it listens: in a cluster everybody reaches
//! the port, and what proxies are to do is not for everybody. `kubectl port-forward` comes from within the pod. A control
//! plane with an API of its own answers everybody who reaches it, as that API does.

use crate::proxy_status::Fleet;
use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use meridian_kube::{Request, Requests};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after `accept` fails for want of descriptors, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the control plane itself is.
#[derive(Debug, Clone)]
pub(super) struct Health {
    /// Everything that exists has been read once.
    pub(super) in_step: watch::Receiver<bool>,
    /// Whether it is the one of several that writes; `None`: there are no others.
    pub(super) leads: Option<watch::Receiver<bool>>,
    /// What was asked of the Kubernetes API; `None`: the API is its own.
    pub(super) requests: Option<Requests>,
}

impl Health {
    fn is_on_kubernetes(&self) -> bool {
        self.requests.is_some()
    }

    /// The counters in Prometheus' text format.
    fn metrics(&self) -> String {
        let mut text = String::new();
        if let Some(leads) = &self.leads {
            text.push_str("# HELP meridian_leader Whether this control plane is the one that writes.\n");
            text.push_str("# TYPE meridian_leader gauge\n");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "meridian_leader {}", u8::from(*leads.borrow()));
        }
        if let Some(requests) = &self.requests {
            text.push_str(
                "# HELP meridian_api_requests_total Requests to the Kubernetes API; code 0 was not answered.\n",
            );
            text.push_str("# TYPE meridian_api_requests_total counter\n");
            for (Request { verb, resource, code }, count) in requests.all() {
                let labels = format!("verb=\"{verb}\",kind=\"{resource}\",code=\"{code}\"");
                let _ = writeln!(text, "meridian_api_requests_total{{{labels}}} {count}");
            }
        }
        text
    }
}

/// Serves at `address`, until what is returned is dropped.
///
/// # Errors
/// The address is not free.
pub(super) async fn start(address: SocketAddr, fleet: Fleet, health: Health) -> anyhow::Result<JoinSet<()>> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("the control plane's debug endpoint cannot listen on {address}; is another one running?")
    })?;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, fleet, health));
    Ok(tasks)
}

async fn serve(listener: TcpListener, fleet: Fleet, health: Health) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (fleet, health) = (fleet.clone(), health.clone());
        let may_read = !health.is_on_kubernetes() || peer.ip().to_canonical().is_loopback();
        connections.spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&fleet, &health, may_read, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!("a connection to the debug endpoint ended early: {error}");
            }
        });
    }
}

fn respond(
    fleet: &Fleet,
    health: &Health,
    may_read: bool,
    request: &hyper::Request<Incoming>,
) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/ready") => {
            let in_step = *health.in_step.borrow();
            let status = if in_step { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            return of_text(status, if in_step { "ready\n" } else { "not everything has been read once\n" }.to_owned());
        }
        (&Method::GET, "/metrics") => return of_text(StatusCode::OK, health.metrics()),
        _ => {}
    }
    let (status, body) = match request.method() {
        _ if !may_read => (StatusCode::FORBIDDEN, error("only for clients of this pod: use kubectl port-forward")),
        &Method::GET => answer(fleet, request.uri().path(), request.uri().query().unwrap_or_default()),
        other => (StatusCode::METHOD_NOT_ALLOWED, error(&format!("found {other}, allowed: GET"))),
    };
    let mut response = Response::new(Full::new(Bytes::from(format!("{body:#}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn of_text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

fn error(message: &str) -> Value {
    json!({"error": message})
}

/// The status and body for a path and its query.
fn answer(fleet: &Fleet, path: &str, query: &str) -> (StatusCode, Value) {
    match path {
        "/debug/syncz" => (StatusCode::OK, fleet.syncz()),
        "/debug/config_dump" => {
            let wanted = query.split('&').find_map(|pair| pair.strip_prefix("proxyID=")).unwrap_or_default();
            match fleet.wanted(wanted) {
                Some(config) => (StatusCode::OK, meridian_xds::config_dump(&config)),
                None => {
                    let message = format!("proxyID: found {wanted:?}, allowed: {}", fleet.names().join(", "));
                    (StatusCode::NOT_FOUND, error(&message))
                }
            }
        }
        other => {
            let message = format!(
                "found {other}, allowed: /debug/syncz, /debug/config_dump?proxyID=NAME.NAMESPACE, /ready, /metrics"
            );
            (StatusCode::NOT_FOUND, error(&message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_status::Progress;
    use meridian_control::Registry;
    use meridian_ir::ProxyConfig;
    use std::sync::Arc;
    use tokio::sync::watch;

    #[test]
    fn proxies_are_found_by_their_names() {
        let local = [Progress {
            proxy: "ingressgateway.istio-system".into(),
            wanted: watch::channel(Arc::new(ProxyConfig { version: 3, ..ProxyConfig::default() })).1,
            acknowledged: watch::channel(None).1,
        }];
        let fleet = Fleet { local: local.into(), registry: Registry::default() };
        let (status, dump) = answer(&fleet, "/debug/config_dump", "a=b&proxyID=ingressgateway.istio-system");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(dump["configs"][1]["version_info"], "3");
        let (status, body) = answer(&fleet, "/debug/config_dump", "proxyID=other.default");
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body["error"], "proxyID: found \"other.default\", allowed: ingressgateway.istio-system");
        assert_eq!(answer(&fleet, "/debug/syncz", "").1[0]["proxy"], "ingressgateway.istio-system");
        assert_eq!(answer(&fleet, "/debug/other", "").0, StatusCode::NOT_FOUND);
    }
}
