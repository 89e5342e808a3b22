//! The webhook that puts sidecars into pods: HTTPS on 15017, with a certificate of the mesh's authority, which the API
//! server learns from the MutatingWebhookConfiguration.

mod authority;
mod tls;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use meridian_control::{Cluster, Discovery, InjectionSources, Installation};
use meridian_inject::Settings;
use meridian_inject::review::{Outcome, review};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// The longest review: a pod is at most 1.5 MiB in etcd, and comes with what it was before.
const LONGEST: usize = 8 << 20;

/// How long a connection may take for its handshake, and for a request's body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens at an address, and answers until the process ends. The authority of the certificate goes into the configuration of
/// the webhook in `cluster`; `None`: nobody puts it there.
///
/// # Errors
/// The address is not free.
pub(crate) async fn start(
    listen: SocketAddr,
    discovery: &mut Discovery,
    cluster: Option<Cluster>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| {
        format!("the webhook for injection cannot listen on {listen}; choose another address with --injection")
    })?;
    discovery.injection = InjectionSources::new(defaults(&discovery.installation));
    let settings = discovery.injection.subscribe();
    let certificate = tls::certificates(discovery.authority.clone(), listen, discovery.mesh.namespace.clone());
    if let Some(cluster) = cluster {
        tokio::spawn(authority::keep(cluster, discovery.authority.clone(), settings.clone()));
    }
    tracing::info!(address = %listen, "the webhook for injection listens");
    tokio::spawn(accept(listener, certificate, settings));
    Ok(())
}

/// Pods that are injected run what the pods of Gateways run, until ConfigMap `istio-sidecar-injector` says otherwise.
fn defaults(installation: &Installation) -> Settings {
    let mut settings = Settings::default();
    settings.images.proxy.clone_from(&installation.image);
    settings.images.init.clone_from(&installation.image);
    settings.images.pull_policy = installation.image_pull_policy.clone().unwrap_or_default();
    settings.discovery_address.clone_from(&installation.discovery);
    settings.log_level.clone_from(&installation.log_level);
    settings
}

async fn accept(listener: TcpListener, certificate: tls::Certificate, settings: watch::Receiver<Arc<Settings>>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (certificate, settings) = (certificate.clone(), settings.clone());
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &certificate, settings).await {
                        tracing::debug!(%peer, "a connection to the webhook: {error:#}");
                    }
                });
            }
            Err(error) => {
                // No file descriptor is free; connections that end make some.
                tracing::warn!("the webhook cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    certificate: &tls::Certificate,
    settings: watch::Receiver<Arc<Settings>>,
) -> anyhow::Result<()> {
    let stream = timeout(PATIENCE, certificate.accept(stream)).await.context("handshake")??;
    let service = service_fn(move |request| {
        let settings = settings.borrow().clone();
        async move { Ok::<_, Infallible>(answer(request, &settings).await) }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    served.await.context("HTTP")
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// As istiod answers: the same paths, statuses and conditions.
async fn answer(request: Request<Incoming>, settings: &Settings) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    if path == "/ready" {
        return text(StatusCode::OK, "");
    }
    if path != "/inject" && !path.starts_with("/inject/") {
        return text(StatusCode::NOT_FOUND, "not found\n");
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid Content-Type, want `application/json`\n");
    }
    let body = timeout(PATIENCE, Limited::new(request.into_body(), LONGEST).collect()).await;
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "no body in time\n"),
    };
    if body.is_empty() {
        return text(StatusCode::BAD_REQUEST, "no body found\n");
    }
    match review(&body, &path, settings) {
        Ok(answer) => {
            match answer.outcome {
                Outcome::Injected => tracing::info!(pod = answer.pod, "injected"),
                Outcome::Skipped(why) => tracing::info!(pod = answer.pod, "not injected: {why}"),
                Outcome::Refused(why) => tracing::warn!(pod = answer.pod, "refused: {why}"),
            }
            let mut response = text(StatusCode::OK, answer.review.to_string());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => {
            tracing::warn!("a request to the webhook: {error}");
            text(StatusCode::BAD_REQUEST, format!("{error}\n"))
        }
    }
}
