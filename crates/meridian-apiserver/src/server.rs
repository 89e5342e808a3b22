//! The listening side.

use std::future::Future;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use meridian_store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::http;
use crate::stop;
use crate::watch::WatchSettings;

/// How long a client may take to send the head of a request, and how long a connection may be idle before it; as in
/// Kubernetes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);
/// How long answers that have begun may take after the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long no connection is accepted after the system had no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What can be chosen about a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often a watch that allows it is told the newest revision. A minute, as in Kubernetes, unless said otherwise.
    pub bookmark_interval: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { bookmark_interval: Duration::from_secs(60) }
    }
}

/// The Kubernetes API over a store, for one listener or several.
///
/// Whoever can reach the listener may do everything: it belongs on a loopback address.
#[derive(Debug, Clone)]
pub struct Server {
    api: Api,
    options: Options,
}

impl Server {
    /// A server over a store; makes the first namespaces when they are missing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn new(store: Store, options: Options) -> Result<Server, ApiError> {
        Ok(Server { api: Api::new(store).await?, options })
    }

    /// The same operations without HTTP.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Serves until `shutdown` is ready; then lets answers finish for a few seconds, and ends watches at once.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = stop::channel();
        let settings = WatchSettings { bookmark_interval: self.options.bookmark_interval, stopping };
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve_connection(self.api.clone(), settings.clone(), stream));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the API could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        stop.stop();
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, finished).await.is_err() {
            tracing::debug!("closing connections whose answers did not finish in time");
        }
    }
}

async fn serve_connection(api: Api, settings: WatchSettings, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let mut stopping = settings.stopping.clone();
    let service = service_fn(|request| {
        let (api, settings) = (&api, &settings);
        async move { Ok::<_, std::convert::Infallible>(http::answer(api, settings, Caller::meridian(), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // Clients go away; that is their right.
        tracing::debug!(%error, "connection");
    }
}
