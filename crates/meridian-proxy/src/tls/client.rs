//! TLS towards endpoints.

use super::store::{Materials, TlsStore};
use super::verify::{PeerVerifier, Role};
use super::{TlsError, TlsFailure, provider, versions};
use crate::pool::OriginatedTls;
use meridian_ir::ProxyConfig;
use meridian_ir::tls::{UpstreamSni, UpstreamTls};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// TLS of a cluster's connections.
#[derive(Debug)]
pub struct ClientTls {
    /// A cluster whose certificate or authorities cannot be used fails its handshakes.
    config: Result<Arc<ClientConfig>, TlsError>,
    sni: UpstreamSni,
    materials: Materials,
}

/// The settings of a cluster, ready for its connections.
pub(crate) fn client_tls(settings: &UpstreamTls, store: &mut TlsStore, config: &ProxyConfig) -> ClientTls {
    let materials = client_materials(settings, store, config);
    ClientTls { config: client_config(settings, store, config), sni: settings.sni.clone(), materials }
}

/// What the settings of a cluster are made from.
pub(crate) fn client_materials(settings: &UpstreamTls, store: &mut TlsStore, config: &ProxyConfig) -> Materials {
    let mut materials = Materials::default();
    settings.certificate.iter().for_each(|name| materials.push(store.pair_id(name, config)));
    store.add_validation(&settings.validation, config, &mut materials);
    materials
}

fn client_config(
    settings: &UpstreamTls,
    store: &mut TlsStore,
    config: &ProxyConfig,
) -> Result<Arc<ClientConfig>, TlsError> {
    let key = settings.certificate.as_ref().map(|name| store.pair(name, config)).transpose()?;
    let trust = store.trust_of(&settings.validation, config)?;
    let lists = store.revocation_lists_of(&settings.validation)?;
    let verifier = PeerVerifier::new(&settings.validation, trust, lists, Role::Server);
    let verifier = verifier.validating_sni(settings.validate_sni);
    let versions = versions(settings.min_version, settings.max_version)?;
    let mut client = ClientConfig::builder_with_provider(provider(&[])?)
        .with_protocol_versions(&versions)
        .map_err(|_| TlsError::NoCipherSuite)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(ClientKey(key)));
    client.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(client))
}

impl ClientTls {
    /// The server name for a request to `host` (a Host field's value): connections with another one are not for it.
    /// `None` where all connections are alike.
    #[must_use]
    pub fn server_name(&self, host: &[u8]) -> Option<Arc<str>> {
        match &self.sni {
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
        self.config.as_ref().err()
    }

    /// Does the handshake with the endpoint at `address`. `server_name` is that of [`ClientTls::server_name`].
    ///
    /// # Errors
    /// A [`TlsFailure`] in an [`io::Error`], or the connection's own.
    pub async fn connect(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        server_name: Option<Arc<str>>,
    ) -> io::Result<OriginatedTls> {
        let config = self.config.as_ref().map_err(|_| TlsFailure::NotReady)?;
        let name = match &self.sni {
            UpstreamSni::Fixed(name) => Some(&**name),
            UpstreamSni::None | UpstreamSni::Host => server_name.as_deref(),
        };
        // An address is not sent as a server name (RFC 6066 section 3).
        let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = name.unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        let connecting = TlsConnector::from(config.clone()).connect(name, stream).await;
        let stream = connecting.map_err(|error| TlsFailure::of(&error).map_or(error, io::Error::from))?;
        Ok(OriginatedTls { stream, server_name })
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
