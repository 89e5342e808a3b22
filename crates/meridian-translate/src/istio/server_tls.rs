//! TLS of a Gateway's server: what is offered to clients, and the Secrets that it needs.

use crate::condition::{Finding, Topic};
use crate::istio::gateway::Server;
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::resources::Resources;
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{Name, Secret};
use meridian_resources::core;
use meridian_resources::istio::gateway::{ServerTlsMode, ServerTlsSettings, TlsProtocol};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Types of Secrets that are never certificates, however they look.
const FOREIGN_TYPES: [&str; 2] = ["helm.sh/release.v1", "kubernetes.io/service-account-token"];

/// TLS termination by `server`. A server whose settings are not supported keeps its server names and has no
/// certificate, so that its handshakes fail: its hosts must not be served by another server under other terms.
pub(crate) fn downstream(server: &Server, mesh: &MeshConfig, findings: &mut Vec<Finding>) -> DownstreamTls {
    let settings = server.tls.clone().unwrap_or_default();
    let mut alpn: Vec<Name> = Vec::new();
    if mesh.downstream_http2 {
        alpn.push("h2".into());
    }
    alpn.push("http/1.1".into());
    let mut tls = DownstreamTls {
        certificates: credentials(&settings).map(secret_name).collect(),
        alpn,
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        client_auth: meridian_ir::tls::ClientAuth::None,
        cipher_suites: Vec::new(),
    };
    let refused = versions(&settings, &mut tls).and_then(|()| supported(&settings));
    if let Err((field, message)) = refused {
        let path = format!("{}.tls.{field}", server.path());
        let message = format!("{message}; until then, handshakes of this server's hosts fail");
        findings.push(Finding::at(Topic::Unsupported, &path, message));
        tls.certificates.clear();
    }
    tls
}

/// Istio's name for a Secret of the proxy's namespace.
fn secret_name(credential: &str) -> Name {
    format!("kubernetes://{credential}").into()
}

/// The Secrets that a server refers to.
fn credentials(settings: &ServerTlsSettings) -> impl Iterator<Item = &str> {
    let single = Some(settings.credential_name.as_str()).filter(|name| !name.is_empty());
    single.into_iter().chain(settings.credential_names.iter().map(String::as_str))
}

/// What cannot be served: the field, and what to do.
type Refusal = (&'static str, String);

fn versions(settings: &ServerTlsSettings, tls: &mut DownstreamTls) -> Result<(), Refusal> {
    match settings.min_protocol_version {
        TlsProtocol::Auto | TlsProtocol::V1_2 => {}
        TlsProtocol::V1_3 => tls.min_version = TlsVersion::Tls13,
        TlsProtocol::V1_0 | TlsProtocol::V1_1 => {
            return Err(("minProtocolVersion", "TLS below 1.2 is not supported; use TLSV1_2 or TLSV1_3".into()));
        }
    }
    match settings.max_protocol_version {
        TlsProtocol::Auto | TlsProtocol::V1_3 => {}
        TlsProtocol::V1_2 => tls.max_version = TlsVersion::Tls12,
        TlsProtocol::V1_0 | TlsProtocol::V1_1 => {
            return Err(("maxProtocolVersion", "TLS below 1.2 is not supported; use TLSV1_2 or TLSV1_3".into()));
        }
    }
    if tls.min_version > tls.max_version {
        return Err(("minProtocolVersion", "is above maxProtocolVersion; swap them".into()));
    }
    Ok(())
}

fn supported(settings: &ServerTlsSettings) -> Result<(), Refusal> {
    let mode = match settings.mode {
        ServerTlsMode::Simple | ServerTlsMode::Passthrough => None,
        ServerTlsMode::Mutual => Some("MUTUAL"),
        ServerTlsMode::OptionalMutual => Some("OPTIONAL_MUTUAL"),
        ServerTlsMode::IstioMutual => Some("ISTIO_MUTUAL"),
        ServerTlsMode::AutoPassthrough => Some("AUTO_PASSTHROUGH"),
    };
    if let Some(mode) = mode {
        return Err(("mode", format!("{mode} is not supported yet; use SIMPLE or PASSTHROUGH")));
    }
    let files = [&settings.server_certificate, &settings.private_key].iter().any(|path| !path.is_empty());
    if files || !settings.tls_certificates.is_empty() {
        let field = if files { "serverCertificate" } else { "tlsCertificates" };
        return Err((field, "certificates from files are not supported yet; use credentialName".into()));
    }
    if !settings.cipher_suites.is_empty() {
        return Err(("cipherSuites", "is not supported yet; leave it out to have the default ones".into()));
    }
    let foreign = |name: &&str| name.contains("://") || name.contains('/');
    match (credentials(settings).next(), credentials(settings).find(foreign)) {
        (None, _) => Err(("credentialName", "is needed: the name of a Secret with certificate and key".into())),
        (_, Some(name)) => Err((
            "credentialName",
            format!("{name:?} is not the name of a Secret in the proxy's namespace; others are not supported yet"),
        )),
        _ => Ok(()),
    }
}

/// The Secret of that name, as `server` refers to it, in `namespace`, the proxy's.
///
/// # Errors
/// Why there is none that can be used, and what to do.
pub(crate) fn secret(resources: &Resources, namespace: &Name, server: &Server, name: &Name) -> Result<Secret, Finding> {
    let credential = name.strip_prefix("kubernetes://").unwrap_or(name);
    let path = format!("{}.tls.credentialName", server.path());
    let create = format!("kubectl create -n {namespace} secret tls {credential} --cert=CERT.pem --key=KEY.pem");
    let key = Key { namespace: namespace.clone(), name: credential.into() };
    let found = resources.secrets.get(&key).filter(|secret| !FOREIGN_TYPES.contains(&&*secret.spec.type_));
    let Some(found) = found else {
        let message = format!(
            "Secret {key} does not exist, so that handshakes of this server's hosts fail; create it with `{create}`"
        );
        return Err(Finding::at(Topic::SecretNotFound, &path, message));
    };
    pair(&found.spec)
        .map(|(certificate_chain, private_key)| Secret { name: name.clone(), certificate_chain, private_key })
        .map_err(|reason| {
            let message = format!(
                "Secret {key} cannot be used, so that handshakes of this server's hosts fail: {reason}; replace it, as \
                 with `{create}`"
            );
            Finding::at(Topic::InvalidSecret, &path, message)
        })
}

/// Certificate chain and key of a Secret: `cert` and `key`, or `tls.crt` and `tls.key`.
fn pair(secret: &core::Secret) -> Result<(Vec<u8>, Vec<u8>), String> {
    let names =
        if secret.keys().any(|key| matches!(key, "cert" | "key")) { ("cert", "key") } else { ("tls.crt", "tls.key") };
    let value = |name: &str| match secret.get(name) {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(format!("it has no {name:?}")),
    };
    let (certificate, key) = (value(names.0)?, value(names.1)?);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    match certificates {
        Ok(chain) if !chain.is_empty() => {}
        Ok(_) => return Err(format!("{:?} holds no PEM certificate", names.0)),
        Err(error) => return Err(format!("{:?} is not PEM: {error}", names.0)),
    }
    // The parser's message is not told: nothing of a key ever shows.
    match PrivateKeyDer::from_pem_slice(&key) {
        Ok(_) => Ok((certificate, key)),
        Err(_) => Err(format!("{:?} holds no PEM private key (PKCS#8, PKCS#1 or SEC1)", names.1)),
    }
}
