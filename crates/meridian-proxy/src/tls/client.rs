//! TLS towards endpoints.

use super::store::{Materials, TlsStore};
use super::verify::{PeerVerifier, Role};
use super::{MESH_PROTOCOL, TlsError, TlsFailure, provider, versions};
use crate::pool::OriginatedTls;
use meridian_ir::ProxyConfig;
use meridian_ir::tls::{UpstreamSni, UpstreamTls};
use meridian_tls::{Certificate, RevocationList, Trust, certificate};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// TLS of a cluster's connections.
#[derive(Debug)]
pub struct ClientTls {
    settings: Arc<UpstreamTls>,
    /// A cluster whose certificate or authorities cannot be used fails its handshakes.
    parts: Result<Parts, TlsError>,
    /// Made with the first connection: most clusters of a mesh never have one, and what rustls sets up for each to resume
    /// sessions is 14 KB.
    configs: OnceLock<Result<Configs, TlsError>>,
    materials: Materials,
}

/// What handshakes need, found when the cluster is compiled; shared with other clusters.
#[derive(Debug)]
struct Parts {
    key: Option<Arc<CertifiedKey>>,
    trust: Option<Arc<Trust>>,
    revocation_lists: Option<Arc<Vec<RevocationList>>>,
}

impl Parts {
    fn find(settings: &UpstreamTls, store: &mut TlsStore, config: &ProxyConfig) -> Result<Self, TlsError> {
        let key = settings.certificate.as_ref().map(|name| store.pair(name, config)).transpose()?;
        let trust = store.trust_of(&settings.validation, config)?;
        let revocation_lists = store.revocation_lists_of(&settings.validation)?;
        versions(settings.min_version, settings.max_version)?;
        Ok(Self { key, trust, revocation_lists })
    }
}

/// What is spoken behind a handshake. Proxies of the mesh tell it each other by ALPN, so that the other side finds the
/// right filter chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// Bytes.
    Tcp,
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

impl Application {
    /// What is offered in the mesh instead of the cluster's own protocols (Istio's `istio.alpn` filter; for bytes the
    /// cluster's, without [`PEER_EXCHANGE`]).
    const fn in_mesh(self) -> &'static [&'static str] {
        match self {
            Self::Tcp => &["istio"],
            Self::Http1 => &["istio-http/1.1", "istio", "http/1.1"],
            Self::Http2 => &["istio-h2", "istio", "h2"],
        }
    }
}

/// One configuration for each [`Application`]; outside of the mesh they are the same.
#[derive(Debug)]
struct Configs {
    is_mesh: bool,
    /// What the certificate that endpoints are shown says of itself.
    local: Option<Arc<Certificate>>,
    tcp: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Configs {
    fn new(settings: &UpstreamTls, parts: &Parts) -> Result<Self, TlsError> {
        let config = client_config(settings, parts)?;
        let leaf = parts.key.as_ref().and_then(|key| key.cert.first());
        let local = leaf.and_then(|leaf| certificate::parse(leaf)).map(Arc::new);
        let is_mesh = config.alpn_protocols.iter().any(|protocol| protocol == MESH_PROTOCOL.as_bytes());
        if !is_mesh {
            let config = Arc::new(config);
            return Ok(Self { is_mesh, local, tcp: config.clone(), http1: config.clone(), http2: config });
        }
        let speaking = |application: Application| {
            let mut config = config.clone();
            config.alpn_protocols = application.in_mesh().iter().map(|name| name.as_bytes().to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            is_mesh,
            local,
            tcp: speaking(Application::Tcp),
            http1: speaking(Application::Http1),
            http2: speaking(Application::Http2),
        })
    }

    fn speaking(&self, application: Application) -> &Arc<ClientConfig> {
        match application {
            Application::Tcp => &self.tcp,
            Application::Http1 => &self.http1,
            Application::Http2 => &self.http2,
        }
    }
}

/// The settings of a cluster, ready for its connections.
pub(crate) fn client_tls(settings: &Arc<UpstreamTls>, store: &mut TlsStore, config: &ProxyConfig) -> ClientTls {
    let materials = client_materials(settings, store, config);
    let parts = Parts::find(settings, store, config);
    ClientTls { settings: settings.clone(), parts, configs: OnceLock::new(), materials }
}

/// What the settings of a cluster are made from.
pub(crate) fn client_materials(settings: &UpstreamTls, store: &mut TlsStore, config: &ProxyConfig) -> Materials {
    let mut materials = Materials::default();
    settings.certificate.iter().for_each(|name| materials.push(store.pair_id(name, config)));
    store.add_validation(&settings.validation, config, &mut materials);
    materials
}

fn client_config(settings: &UpstreamTls, parts: &Parts) -> Result<ClientConfig, TlsError> {
    let Parts { key, trust, revocation_lists } = parts;
    let verifier = PeerVerifier::new(&settings.validation, trust.clone(), revocation_lists.clone(), Role::Server);
    let verifier = verifier.validating_sni(settings.validate_sni);
    let versions = versions(settings.min_version, settings.max_version)?;
    let mut client = ClientConfig::builder_with_provider(provider(&[])?)
        .with_protocol_versions(&versions)
        .map_err(|_| TlsError::NoCipherSuite)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(ClientKey(key.clone())));
    client.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(client)
}

impl ClientTls {
    /// The server name for a request to `host` (a Host field's value): connections with another one are not for it.
    /// `None` where all connections are alike.
    #[must_use]
    pub fn server_name(&self, host: &[u8]) -> Option<Arc<str>> {
        match &self.settings.sni {
            UpstreamSni::None | UpstreamSni::Fixed(_) => None,
            UpstreamSni::Host => std::str::from_utf8(without_port(host)).ok().map(Arc::from),
        }
    }

    /// Whether it was made from these.
    pub(crate) fn is_made_from(&self, materials: &Materials) -> bool {
        self.materials == *materials
    }

    /// Why connections cannot be made.
    #[must_use]
    pub fn error(&self) -> Option<&TlsError> {
        self.parts.as_ref().err()
    }

    fn configs(&self) -> Option<&Configs> {
        let parts = self.parts.as_ref().ok()?;
        let made = self.configs.get_or_init(|| {
            let made = Configs::new(&self.settings, parts);
            made.inspect_err(|error| tracing::warn!("TLS handshakes fail: {error}"))
        });
        made.as_ref().ok()
    }

    /// Does the handshake with the endpoint at `address`, to speak `application` behind it. `server_name` is that of [`ClientTls::server_name`].
    ///
    /// # Errors
    /// A [`TlsFailure`] in an [`io::Error`], or the connection's own.
    pub async fn connect(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        application: Application,
        server_name: Option<Arc<str>>,
    ) -> io::Result<OriginatedTls> {
        let configs = self.configs().ok_or(TlsFailure::NotReady)?;
        let sent_name = match &self.settings.sni {
            UpstreamSni::Fixed(name) => Some(name.clone()),
            UpstreamSni::None | UpstreamSni::Host => server_name.clone(),
        };
        // An address is not sent as a server name (RFC 6066 section 3).
        let name = sent_name.as_deref().and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = name.unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        let connecting = TlsConnector::from(configs.speaking(application).clone()).connect(name, stream).await;
        let stream = connecting.map_err(|error| TlsFailure::of(&error).map_or(error, io::Error::from))?;
        Ok(OriginatedTls { stream, server_name, is_mesh: configs.is_mesh, sent_name, local: configs.local.clone() })
    }
}

/// `host` without `:port`, and without the brackets of an IPv6 address.
fn without_port(host: &[u8]) -> &[u8] {
    if let Some(rest) = host.strip_prefix(b"[") {
        return rest.split(|byte| *byte == b']').next().unwrap_or(rest);
    }
    host.split(|byte| *byte == b':').next().unwrap_or(host)
}

/// The one certificate that endpoints are shown, if any.
#[derive(Debug)]
struct ClientKey(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientKey {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().filter(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_their_port() {
        for (host, expected) in
            [("a.example.com", "a.example.com"), ("a.example.com:8443", "a.example.com"), ("[::1]:443", "::1")]
        {
            assert_eq!(without_port(host.as_bytes()), expected.as_bytes());
        }
    }
}
