//! The listening side.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use meridian_store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::authn::{Authenticator, TokenFile};
use crate::connection::{self, Door, Tls};
use crate::error::ApiError;
use crate::pki::{Pki, PkiError};
use crate::stop;
use crate::tls;
use crate::watch::WatchSettings;

/// How long answers that have begun may take after the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long no connection is accepted after the system had no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the certificate that is served is looked at. By the system's clock, which may jump, not by its end.
const RENEWAL_PERIOD: Duration = Duration::from_secs(3600);

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

/// By what a server is known, and by what it knows its clients.
#[derive(Debug, Clone)]
pub struct Security {
    /// The certificates.
    pub pki: Pki,
    /// Tokens that an administrator has written down.
    pub tokens: TokenFile,
}

/// The Kubernetes API over a store, for one listener or several.
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

    /// Serves plain HTTP to whoever reaches the listener, who may do everything; until `shutdown` is ready. For programs
    /// that are alone with the listener, such as tests; users get [`Server::serve_tls`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        self.accept(listener, shutdown, Door::Open).await;
    }

    /// Serves TLS to clients that say who they are, until `shutdown` is ready; then lets answers finish for a few
    /// seconds, and ends watches at once. Renews the certificate that it serves with.
    ///
    /// # Errors
    /// TLS cannot be set up with the certificates.
    pub async fn serve_tls(
        self,
        listener: TcpListener,
        security: Security,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), PkiError> {
        let (verifier, config) = tls::configuration(&security.pki)?;
        let authenticator = Authenticator::new(self.api.clone(), Arc::new(security.tokens));
        let door = Door::Tls(Tls { acceptor: config.into(), verifier, authenticator });
        tokio::select! {
            () = self.accept(listener, shutdown, door) => Ok(()),
            never = renew(security.pki) => match never {},
        }
    }

    async fn accept(self, listener: TcpListener, shutdown: impl Future<Output = ()>, door: Door) {
        let (stop, stopping) = stop::channel();
        let settings = WatchSettings { bookmark_interval: self.options.bookmark_interval, stopping };
        let mut connections = JoinSet::new();
        let mut collector = JoinSet::new();
        collector.spawn(self.api.clone().collect());
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve_connection(self.api.clone(), settings.clone(), stream, door.clone()));
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
        collector.shutdown().await;
        stop.stop();
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, finished).await.is_err() {
            tracing::debug!("closing connections whose answers did not finish in time");
        }
    }
}

async fn serve_connection(api: Api, settings: WatchSettings, stream: TcpStream, door: Door) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    if let Err(error) = connection::serve(api, settings, stream, door).await {
        // Clients go away; that is their right.
        tracing::debug!(error, "connection");
    }
}

/// Renews the certificate that is served, for ever.
async fn renew(pki: Pki) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(RENEWAL_PERIOD).await;
        if let Err(error) = pki.renew(SystemTime::now()) {
            tracing::warn!(%error, "the certificate of the API could not be renewed");
        }
    }
}
