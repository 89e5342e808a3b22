//! `envoy.extensions.transport_sockets.tls.v3`: transport sockets.

use crate::message::{Message, ads};
use crate::type_url;
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use serde_json::{Value, json};

/// The transport socket of a filter chain that terminates TLS. Certificates are named, and come by SDS.
pub fn downstream(tls: &DownstreamTls) -> Value {
    let certificates = tls.certificates.iter().map(|name| json!({"name": &**name, "sdsConfig": Value::from(ads())}));
    let common = Message::new()
        .with_some("tlsParams", parameters(tls))
        .with_list("tlsCertificateSdsSecretConfigs", certificates)
        .with_list("alpnProtocols", tls.alpn.iter().map(|protocol| Value::from(&**protocol)));
    let context = Message::any(type_url::DOWNSTREAM_TLS_CONTEXT)
        .with("commonTlsContext", common)
        .with("requireClientCertificate", false);
    Message::new().with("name", "envoy.transport_sockets.tls").with("typedConfig", context).into()
}

/// Versions, unless they are those that Envoy's servers accept by default.
fn parameters(tls: &DownstreamTls) -> Option<Value> {
    let parameters = Message::new()
        .with_some(
            "tlsMinimumProtocolVersion",
            (tls.min_version != TlsVersion::Tls12).then(|| version(tls.min_version)),
        )
        .with_some(
            "tlsMaximumProtocolVersion",
            (tls.max_version != TlsVersion::Tls13).then(|| version(tls.max_version)),
        );
    let parameters = Value::from(parameters);
    (parameters != json!({})).then_some(parameters)
}

fn version(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "TLSv1_2",
        TlsVersion::Tls13 => "TLSv1_3",
    }
}
