//! `DownstreamTlsContext`: TLS towards clients.

use super::parameters::{self, Parameters};
use super::{alpn, known_name, read_alpn, sds, socket, validation};
use crate::message::Message;
use crate::read::{Node, ReadError};
use crate::type_url;
use meridian_ir::Name;
use meridian_ir::tls::{ClientAuth, DownstreamTls, TlsVersion};
use serde_json::Value;

/// What a server without certificates refers to: Envoy runs no TLS listener without one, and fails the handshakes of a
/// chain whose certificate has not come, as this one never does.
pub const REFUSED_CERTIFICATE: &str = "meridian://refused";

/// Versions that Envoy's servers accept by default.
const VERSIONS: (TlsVersion, TlsVersion) = (TlsVersion::Tls12, TlsVersion::Tls13);

/// The transport socket of a filter chain that terminates TLS.
pub fn downstream(tls: &DownstreamTls) -> Value {
    let refused = tls.certificates.is_empty().then_some(REFUSED_CERTIFICATE);
    let certificates = tls.certificates.iter().map(|name| &**name).chain(refused).map(sds::sds_secret_config);
    let DownstreamTls { min_version, max_version, ref cipher_suites, .. } = *tls;
    let parameters = parameters::parameters(&Parameters { min_version, max_version, cipher_suites }, Some(VERSIONS));
    let common = Message::new()
        .with_some("tlsParams", parameters)
        .with_list("tlsCertificateSdsSecretConfigs", certificates)
        .with_list("alpnProtocols", alpn(&tls.alpn));
    let common = match tls.client_auth.validation() {
        Some(validation) => validation::with_validation(common, validation, true),
        None => common,
    };
    let context = Message::any(type_url::DOWNSTREAM_TLS_CONTEXT)
        .with("commonTlsContext", common)
        .with("requireClientCertificate", tls.client_auth.is_required());
    socket(context)
}

/// See [`downstream`].
pub(crate) fn read(node: &Node<'_>) -> Result<DownstreamTls, ReadError> {
    node.message(|socket| {
        known_name(socket);
        socket.any("typedConfig", type_url::DOWNSTREAM_TLS_CONTEXT)?.message(|context| {
            let required = context.flag("requireClientCertificate")?;
            context.need("commonTlsContext")?.message(|common| {
                let (min_version, max_version, cipher_suites) = parameters::read(common, VERSIONS)?;
                let mut certificates: Vec<Name> = common.each("tlsCertificateSdsSecretConfigs", sds::read)?;
                certificates.retain(|name| **name != *REFUSED_CERTIFICATE);
                let client_auth = match (validation::read(common)?, required) {
                    (None, false) => ClientAuth::None,
                    (None, true) => {
                        return Err(common.error("a validation context where clients must have certificates"));
                    }
                    (Some(validation), false) => ClientAuth::Optional(validation),
                    (Some(validation), true) => ClientAuth::Required(validation),
                };
                let alpn = read_alpn(common)?;
                Ok(DownstreamTls { certificates, client_auth, alpn, min_version, max_version, cipher_suites })
            })
        })
    })
}
