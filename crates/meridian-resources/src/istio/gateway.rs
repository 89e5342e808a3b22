//! Gateway: ports, protocols and TLS that a proxy at the edge opens (`networking.istio.io` Gateway).

pub(crate) mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Gateway` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "Gateway",
    list_kind: "GatewayList",
    plural: "gateways",
    singular: "gateway",
    short_names: &["gw"],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<Gateway>,
};

schema::forms!(schema::of_spec::<Gateway>(&KIND, false));

impl Spec for Gateway {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Gateway(object)
    }
}

/// Gateway describes a load balancer at the edge of the mesh that receives incoming or outgoing connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateway {
    /// Labels of the pods (or workloads) that this Gateway configures. Empty selects every gateway.
    pub selector: BTreeMap<String, String>,
    /// The ports that are opened, each with its hosts and its TLS settings.
    pub servers: Vec<Server>,
}

/// One port of a Gateway with the hosts that are exposed on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hosts", "port"]))]
pub struct Server {
    /// The IP address, or `unix://` path, that the listener binds to. Empty binds to all addresses.
    pub bind: String,
    /// Where traffic goes that no VirtualService routes. Not implemented by Istio.
    pub default_endpoint: String,
    /// Hosts that this server exposes: `host`, `*.host`, `*`, each optionally after `namespace/`, `./` or `*/`.
    pub hosts: Vec<String>,
    /// A name for the server, unique within the Gateway; only a label for statistics.
    pub name: String,
    /// The port that the proxy listens on.
    pub port: Port,
    /// TLS settings: required for HTTPS and TLS ports, only `httpsRedirect` is allowed for HTTP ports.
    pub tls: Option<ServerTlsSettings>,
}

/// A port that a gateway listens on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "number", "protocol"]))]
pub struct Port {
    /// A label for the port, unique among the servers of the Gateway.
    pub name: String,
    /// The port number, 1 to 65535; 0 only with a `unix://` bind.
    pub number: u32,
    /// HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP or TLS; compared without regard to case.
    pub protocol: String,
    /// Deprecated, has no effect on Gateways.
    pub target_port: u32,
}

/// How the server of a Gateway speaks TLS (Istio `ServerTLSSettings`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "server-tls-credentials"))]
pub struct ServerTlsSettings {
    /// Secret (or ConfigMap) with the CA certificates that verify clients, apart from `credentialName`.
    pub ca_cert_credential_name: String,
    /// Path of the file with the CA certificates that verify clients.
    pub ca_certificates: String,
    /// Path of the file with the certificate revocation list.
    pub ca_crl: String,
    /// TLS 1.2 cipher suites by their OpenSSL names; empty means the default set.
    pub cipher_suites: Vec<String>,
    /// Name of the Secret, in the gateway's namespace, that holds certificate and key.
    pub credential_name: String,
    /// Names of at most two Secrets, one with an RSA and one with an ECDSA key.
    #[schemars(length(min = 1, max = 2))]
    pub credential_names: Vec<String>,
    /// Answer every plain HTTP request on this server with a 301 to https.
    pub https_redirect: bool,
    /// Do not verify the certificate that a client presents.
    #[schemars(extend("nullable" = true))]
    pub insecure_skip_verify: Option<bool>,
    /// The highest TLS version that is accepted.
    pub max_protocol_version: TlsProtocol,
    /// The lowest TLS version that is accepted; `TLS_AUTO` means TLS 1.2.
    pub min_protocol_version: TlsProtocol,
    /// Whether TLS is terminated, and whether clients need a certificate.
    pub mode: ServerTlsMode,
    /// Path of the file with the server's private key.
    pub private_key: String,
    /// Path of the file with the server's certificate chain.
    pub server_certificate: String,
    /// Subject alternative names, one of which the client's certificate must carry.
    pub subject_alt_names: Vec<String>,
    /// At most two certificates given as files, one with an RSA and one with an ECDSA key.
    #[schemars(length(min = 1, max = 2))]
    pub tls_certificates: Vec<TlsCertificate>,
    /// Hex SHA-256 hashes of client certificates, one of which must match.
    pub verify_certificate_hash: Vec<String>,
    /// Base64 SHA-256 hashes of client public keys (SPKI), one of which must match.
    pub verify_certificate_spki: Vec<String>,
}

/// A certificate given as files (Istio `ServerTLSSettings.TLSCertificate`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsCertificate {
    /// Path of the file with the CA certificates that verify clients.
    pub ca_certificates: String,
    /// Path of the file with the private key.
    pub private_key: String,
    /// Path of the file with the certificate chain.
    pub server_certificate: String,
}

/// What a Gateway's server does with TLS (Istio `ServerTLSSettings.TLSmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerTlsMode {
    /// Forwarded unopened, routed by SNI.
    #[default]
    Passthrough,
    /// Terminated with the server's certificate.
    Simple,
    /// Terminated; clients must present a certificate.
    Mutual,
    /// Forwarded unopened to the service that the SNI names, with no VirtualService.
    AutoPassthrough,
    /// Mutual TLS with the mesh's own certificates.
    IstioMutual,
    /// Terminated; clients may present a certificate, which is then verified.
    OptionalMutual,
}

/// A version of TLS (Istio `ServerTLSSettings.TLSProtocol`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TlsProtocol {
    /// The proxy's default.
    #[default]
    #[serde(rename = "TLS_AUTO")]
    Auto,
    /// TLS 1.0.
    #[serde(rename = "TLSV1_0")]
    V1_0,
    /// TLS 1.1.
    #[serde(rename = "TLSV1_1")]
    V1_1,
    /// TLS 1.2.
    #[serde(rename = "TLSV1_2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "TLSV1_3")]
    V1_3,
}
