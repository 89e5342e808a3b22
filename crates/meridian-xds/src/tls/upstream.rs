//! `UpstreamTlsContext`: TLS towards endpoints.

use super::parameters::{self, Parameters};
use super::{alpn, known_name, read_alpn, sds, socket, validation};
use crate::message::Message;
use crate::read::{Node, ReadError};
use crate::type_url;
use meridian_ir::tls::{TlsVersion, UpstreamSni, UpstreamTls};
use serde_json::Value;

/// Versions that Envoy's clients accept by default.
const VERSIONS: (TlsVersion, TlsVersion) = (TlsVersion::Tls12, TlsVersion::Tls12);

/// The transport socket of a cluster that originates TLS. Both versions are always there, as Istio has them. That the
/// server name is the request's Host is said in the cluster's HTTP options.
pub fn upstream(tls: &UpstreamTls) -> Value {
    let UpstreamTls { min_version, max_version, .. } = *tls;
    let common = Message::new()
        .with_some(
            "tlsParams",
            parameters::parameters(&Parameters { min_version, max_version, cipher_suites: &[] }, None),
        )
        .with_list("tlsCertificateSdsSecretConfigs", tls.certificate.iter().map(|name| sds::sds_secret_config(name)))
        .with_list("alpnProtocols", alpn(&tls.alpn));
    let common = validation::with_validation(common, &tls.validation, false);
    let sni = match &tls.sni {
        UpstreamSni::Fixed(name) => Some(&**name),
        UpstreamSni::None | UpstreamSni::Host => None,
    };
    socket(Message::any(type_url::UPSTREAM_TLS_CONTEXT).with("commonTlsContext", common).with_some("sni", sni))
}

/// See [`upstream`]; `auto_sni` and `auto_san_validation` are the cluster's HTTP options.
pub(crate) fn read(node: &Node<'_>, auto_sni: bool, auto_san_validation: bool) -> Result<UpstreamTls, ReadError> {
    node.message(|socket| {
        known_name(socket);
        socket.any("typedConfig", type_url::UPSTREAM_TLS_CONTEXT)?.message(|context| {
            let sni = match context.some_name("sni")? {
                _ if auto_sni => UpstreamSni::Host,
                Some(name) => UpstreamSni::Fixed(name),
                None => UpstreamSni::None,
            };
            context.need("commonTlsContext")?.message(|common| {
                let (min_version, max_version, cipher_suites) = parameters::read(common, VERSIONS)?;
                if !cipher_suites.is_empty() {
                    return Err(common.error("TLS towards endpoints without cipherSuites"));
                }
                let certificates = common.each("tlsCertificateSdsSecretConfigs", sds::read)?;
                let certificate = match &certificates[..] {
                    [] => None,
                    [only] => Some(only.clone()),
                    _ => return Err(common.error("one certificate towards endpoints")),
                };
                Ok(UpstreamTls {
                    certificate,
                    validation: validation::read(common)?.unwrap_or_default(),
                    validate_sni: auto_san_validation,
                    sni,
                    alpn: read_alpn(common)?,
                    min_version,
                    max_version,
                })
            })
        })
    })
}
