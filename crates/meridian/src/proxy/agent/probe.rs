//! One probe of the workload.

use super::{Answer, answer, connect, grpc, http};
use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode, Uri};
use serde_json::Value;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

/// How many redirections are followed, as by the kubelet.
const MOST_REDIRECTIONS: usize = 10;

/// How much of the workload's answer is passed on.
const LONGEST: usize = 10 << 10;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prober {
    action: Action,
    port: u16,
    timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Http { path: String, tls: bool },
    Tcp,
    Grpc { service: String },
}

/// Reads the probes by their paths.
///
/// # Errors
/// It is no JSON, or a probe is none.
pub(super) fn read(text: &str) -> anyhow::Result<HashMap<String, Prober>> {
    let value: Value = serde_json::from_str(text).context("no JSON")?;
    let members = value.as_object().context("no JSON object")?;
    members.iter().map(|(path, value)| Ok((path.clone(), one(value).with_context(|| path.clone())?))).collect()
}

fn one(value: &Value) -> anyhow::Result<Prober> {
    let known = ["httpGet", "tcpSocket", "grpc"];
    let mut found = known.into_iter().filter_map(|kind| Some((kind, value.get(kind)?)));
    let (Some((kind, action)), None) = (found.next(), found.next()) else {
        bail!("found {value}, allowed: one of httpGet, tcpSocket and grpc");
    };
    let port = action.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let port = port.filter(|port| *port != 0).with_context(|| format!("found {action}, allowed: a port's number"))?;
    let text = |name: &str| action.get(name).and_then(Value::as_str).unwrap_or_default();
    let action = match kind {
        "httpGet" => {
            Action::Http { path: format!("/{}", text("path").trim_start_matches('/')), tls: text("scheme") == "HTTPS" }
        }
        "tcpSocket" => Action::Tcp,
        _ => Action::Grpc { service: text("service").to_owned() },
    };
    // Kubernetes' default is a second.
    let seconds = value.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(1).max(1);
    Ok(Prober { action, port, timeout: Duration::from_secs(seconds) })
}

impl Prober {
    /// Asks the workload, and answers as it does; what goes wrong is a 500, as with pilot-agent.
    pub(super) async fn ask(&self, workload: IpAddr, own_port: u16, request: &Request<Incoming>) -> Answer {
        let to = SocketAddr::new(workload, self.port);
        let asked = async {
            match &self.action {
                Action::Http { path, tls } => self.http(to, path, *tls, own_port, request).await,
                Action::Tcp => {
                    connect::tcp(to).await?;
                    Ok(answer(StatusCode::OK, ""))
                }
                Action::Grpc { service } => {
                    grpc::check(connect::tcp(to).await?, to, service).await?;
                    Ok(answer(StatusCode::OK, ""))
                }
            }
        };
        let asked = timeout(self.timeout, asked).await;
        let asked = asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {:?}", self.timeout)));
        asked.unwrap_or_else(|error: anyhow::Error| {
            tracing::info!("probe {} of the workload at {to}: {error:#}", request.uri().path());
            answer(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n"))
        })
    }

    async fn http(
        &self,
        to: SocketAddr,
        path: &str,
        tls: bool,
        own_port: u16,
        request: &Request<Incoming>,
    ) -> anyhow::Result<Answer> {
        let mut path = path.to_owned();
        let host = self.host(to, own_port, request);
        for _ in 0..MOST_REDIRECTIONS {
            let mut ask = Request::get(&path).body(Empty::<Bytes>::new()).with_context(|| format!("path {path:?}"))?;
            *ask.headers_mut() = request.headers().clone();
            ask.headers_mut().insert(HOST, host.clone());
            ask.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            let stream = connect::tcp(to).await?;
            let response = match tls {
                true => http::send(connect::tls(stream).await.context("TLS")?, ask).await?,
                false => http::send(stream, ask).await?,
            };
            if !response.status().is_redirection() {
                return passed_on(response).await;
            }
            match redirection(&response, to, &host) {
                Some(next) => path = next,
                // To somewhere else: the workload lives.
                None => return Ok(answer(StatusCode::OK, "")),
            }
        }
        bail!("stopped after {MOST_REDIRECTIONS} redirections")
    }

    /// The name that the kubelet used, with the workload's port instead of ours.
    fn host(&self, to: SocketAddr, own_port: u16, request: &Request<Incoming>) -> HeaderValue {
        let own = request.headers().get(HOST).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
        let text = own.to_str().unwrap_or_default();
        match text.strip_suffix(&format!(":{own_port}")) {
            Some(name) => HeaderValue::from_str(&format!("{name}:{}", self.port)).unwrap_or(own),
            None if text.is_empty() => HeaderValue::from_str(&to.to_string()).unwrap_or(own),
            None => own,
        }
    }
}

/// The path of a redirection within the workload.
fn redirection(response: &Response<Incoming>, to: SocketAddr, host: &HeaderValue) -> Option<String> {
    let location: Uri = response.headers().get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let is_own = location.host().is_none_or(|name| {
        let host = host.to_str().unwrap_or_default();
        name == to.ip().to_string() || host.split(':').next() == Some(name)
    });
    let path = location.path_and_query().map_or("/", |path| path.as_str());
    is_own.then(|| path.to_owned())
}

/// The workload's status, and the beginning of its text.
async fn passed_on(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(&data[..data.len().min(LONGEST - text.len())]);
        if text.len() == LONGEST {
            break;
        }
    }
    Ok(answer(status, text))
}
