//! TLS towards backends, as BackendTLSPolicies say.

use crate::gateway_api::backend::Backends;
use crate::gateway_api::model::{BackendTls, GatewayModel};
use crate::istio::credential;
use crate::key::Key;
use crate::registry::service::Service;
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::tls::{PeerValidation, SYSTEM_AUTHORITY, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{Name, StringMatch};

/// What is said of backends for one Gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackendPolicies<'a> {
    pub(crate) backends: Backends<'a>,
    pub(crate) model: &'a GatewayModel,
    /// Requests go to the cluster addresses of Services.
    pub(crate) to_services: bool,
}

/// TLS towards one backend.
#[derive(Debug)]
pub(crate) struct TlsTo<'a> {
    tls: BackendTls,
    /// The Secret whose certificate is shown.
    client_certificate: Option<&'a Key>,
}

impl<'a> BackendPolicies<'a> {
    /// TLS towards a port of a Service; `None`: nobody asks for it.
    pub(crate) fn tls(&self, service: &Service, port: u16) -> Option<TlsTo<'a>> {
        let tls = self.backends.tls_of(&service.host, port)?;
        Some(TlsTo { tls, client_certificate: self.model.client_certificate.as_ref() })
    }
}

impl TlsTo<'_> {
    /// The settings of a cluster; `None` when what is said cannot be used.
    pub(crate) fn upstream(&self, protocol: UpstreamProtocol) -> Option<UpstreamTls> {
        let certificate = self.client_certificate.map(credential::granted_certificate);
        Some(UpstreamTls { certificate, ..upstream(&self.tls, protocol)? })
    }
}

/// What `tls` asks for, without a certificate that is shown; `None` when it cannot be used.
pub(crate) fn upstream(tls: &BackendTls, protocol: UpstreamProtocol) -> Option<UpstreamTls> {
    if !tls.usable {
        return None;
    }
    let authority: Name = match &tls.authorities[..] {
        [] => SYSTEM_AUTHORITY.into(),
        config_maps => credential::config_maps(config_maps),
    };
    let names = tls.dns_names.iter().chain(&tls.uris).map(|name| StringMatch::Exact(name.clone()));
    let validation =
        PeerValidation { authority: Some(authority), subject_alt_names: names.collect(), ..PeerValidation::default() };
    Some(UpstreamTls {
        certificate: None,
        // Without other names it is the server name that counts.
        validate_sni: validation.subject_alt_names.is_empty(),
        validation,
        sni: UpstreamSni::Fixed(tls.hostname.clone()),
        alpn: if protocol == UpstreamProtocol::Http2 { vec!["h2".into()] } else { Vec::new() },
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    })
}
