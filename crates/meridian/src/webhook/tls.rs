//! The webhook's certificate: of the mesh's authority, for the control plane's names, renewed at half of its life.

use crate::up::issue;
use anyhow::Context;
use meridian_identity::{MeshAuthority, WorkloadCertificate};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::server::TlsStream;

/// How long to wait before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// The certificate as it is now; `None` until there is an authority.
#[derive(Clone)]
pub(super) struct Certificate(watch::Receiver<Option<Arc<ServerConfig>>>);

impl Certificate {
    /// A handshake with the API server. It waits for the first certificate.
    ///
    /// # Errors
    /// The other side wants something else.
    pub(super) async fn accept(&self, stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut receiver = self.0.clone();
        let config = receiver.wait_for(Option::is_some).await.context("there is no certificate any more")?.clone();
        let config = config.context("there is no certificate")?;
        Ok(TlsAcceptor::from(config).accept(stream).await?)
    }
}

/// Keeps a certificate for as long as somebody has it.
pub(super) fn certificates(authority: MeshAuthority, address: SocketAddr, namespace: Arc<str>) -> Certificate {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let mut mesh = authority.subscribe();
        loop {
            mesh.mark_unchanged();
            let own = issue(&authority, address, &namespace);
            match own.as_ref().map(config).transpose() {
                Ok(Some(config)) => drop(sender.send_replace(Some(Arc::new(config)))),
                Ok(None) => {}
                Err(error) => tracing::error!("the webhook's certificate: {error:#}"),
            }
            let due = async {
                match &own {
                    Some(own) => own.until_due(Duration::ZERO).await,
                    None => tokio::time::sleep(AGAIN).await,
                }
            };
            tokio::select! {
                () = sender.closed() => return,
                changed = mesh.changed() => if changed.is_err() { return },
                () = due => {}
            }
        }
    });
    Certificate(receiver)
}

/// API servers show no certificate.
fn config(own: &WorkloadCertificate) -> anyhow::Result<ServerConfig> {
    let pair = meridian_tls::load_pair(own.chain.as_bytes(), own.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(meridian_tls::PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
