//! The API of a Meridian that a benchmark has started: TLS with the certificates of the kubeconfig that it writes.

use super::client::Client;
use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How to reach an API.
#[derive(Clone)]
pub(crate) struct Api {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Api {
    /// The API of the Meridian with this data folder, once it has written its kubeconfig.
    ///
    /// # Errors
    /// It has not within `patience`, or what it wrote is not understood.
    pub(crate) fn of(data: &Path, patience: Duration) -> anyhow::Result<Api> {
        let (file, start) = (data.join("kubeconfig"), Instant::now());
        let text = loop {
            match std::fs::read_to_string(&file) {
                Ok(text) => break text,
                Err(error) if start.elapsed() > patience => return Err(error).context(file.display().to_string()),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        Api::parse(&text).with_context(|| file.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Api> {
        // It is Meridian's own, where each of these fields is a line.
        let field = |name: &str| {
            let prefix = format!("{name}: ");
            let value = text.lines().find_map(|line| line.trim().strip_prefix(&prefix).map(str::to_owned));
            value.with_context(|| format!("there is no {name}"))
        };
        let pem = |name: &str| anyhow::Ok(STANDARD.decode(field(name)?)?);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem("certificate-authority-data")?)?)?;
        let certificate = CertificateDer::from_pem_slice(&pem("client-certificate-data")?)?;
        let key = PrivateKeyDer::from_pem_slice(&pem("client-key-data")?)?;
        let server = field("server")?;
        let Some(address) = server.strip_prefix("https://") else { bail!("server is {server:?}") };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)?;
        Ok(Api { address: address.parse()?, config: Arc::new(config) })
    }

    /// Connects; every later read waits at most `patience`.
    ///
    /// # Errors
    /// Nothing listens there.
    pub(crate) fn connect(&self, patience: Duration) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(self.address).with_context(|| self.address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let session = ClientConnection::new(self.config.clone(), ServerName::from(self.address.ip()))?;
        Ok(Client::over(StreamOwned::new(session, stream)))
    }

    /// Connects as soon as the API listens.
    ///
    /// # Errors
    /// It does not within `patience`.
    pub(crate) fn connect_when_open(&self, patience: Duration) -> anyhow::Result<Client> {
        let start = Instant::now();
        loop {
            match self.connect(patience) {
                Ok(client) => return Ok(client),
                Err(error) if start.elapsed() > patience => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}
