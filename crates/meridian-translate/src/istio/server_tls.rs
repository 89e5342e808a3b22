//! TLS of a Gateway's server: what is offered to clients and demanded of them, and the credentials that it needs.

use crate::condition::{Finding, Topic};
use crate::istio::credential;
use crate::istio::gateway::Server;
use crate::mesh::MeshConfig;
use meridian_ir::Name;
use meridian_ir::cipher_suites::{self, Support};
use meridian_ir::string_match::StringMatch;
use meridian_ir::tls::{
    ClientAuth, DownstreamTls, FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, PeerValidation, TlsVersion,
    WORKLOAD_CERTIFICATE,
};
use meridian_resources::istio::gateway::{ServerTlsMode, ServerTlsSettings, TlsProtocol};
use std::sync::Arc;

/// What a server's TLS came to.
#[derive(Debug)]
pub(crate) struct ServerTls {
    pub(crate) tls: DownstreamTls,
    /// Credentials that must be there.
    pub(crate) needs: Vec<Need>,
    /// To be said of the Gateway.
    pub(crate) findings: Vec<Finding>,
}

/// A credential that a server refers to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Need {
    /// Its SDS name.
    pub(crate) name: Name,
    /// Whether it is authorities rather than a certificate with its key.
    pub(crate) is_authority: bool,
    /// The server that refers to it.
    pub(crate) server: Arc<Server>,
    /// The field that does: `credentialName`.
    pub(crate) field: &'static str,
}

/// What cannot be served: the field, and what to do.
type Refusal = (&'static str, String);

/// TLS termination by `server`. A server whose settings are not supported keeps its server names and has no
/// certificate, so that its handshakes fail: its hosts must not be served by another server under other terms.
pub(crate) fn downstream(server: &Arc<Server>, mesh: &MeshConfig) -> ServerTls {
    let settings = server.tls.clone().unwrap_or_default();
    let path = format!("{}.tls", server.path());
    let server = Some(server);
    let mut reader = Reader { server, path, settings: &settings, mesh, needs: Vec::new(), findings: Vec::new() };
    let tls = reader.read().unwrap_or_else(|refusal| reader.refuse(refusal, "handshakes of this server's hosts fail"));
    ServerTls { tls, needs: reader.needs, findings: reader.findings }
}

/// TLS termination by a listener of a Sidecar, whose settings are at `path`, and what is to be said of them. Its
/// credentials are files, which the proxy reads itself. Settings that are not supported fail every handshake.
pub(crate) fn of_sidecar(settings: &ServerTlsSettings, path: &str, mesh: &MeshConfig) -> (DownstreamTls, Vec<Finding>) {
    let path = path.to_owned();
    let mut reader = Reader { server: None, path, settings, mesh, needs: Vec::new(), findings: Vec::new() };
    let tls = reader.read().unwrap_or_else(|refusal| reader.refuse(refusal, "handshakes on this port fail"));
    (tls, reader.findings)
}

struct Reader<'a> {
    /// The server of a Gateway.
    server: Option<&'a Arc<Server>>,
    /// Where the settings are.
    path: String,
    settings: &'a ServerTlsSettings,
    mesh: &'a MeshConfig,
    needs: Vec<Need>,
    findings: Vec<Finding>,
}

/// What is offered by ALPN, as Istio's gateways do.
fn alpn() -> Vec<Name> {
    ["h2", "http/1.1"].map(Name::from).into()
}

impl Reader<'_> {
    fn say(&mut self, field: &str, message: impl AsRef<str>) {
        let path = format!("{}.{field}", self.path);
        self.findings.push(Finding::at(Topic::Unsupported, &path, message));
    }

    /// What cannot be served has no certificate.
    fn refuse(&mut self, (field, message): Refusal, effect: &str) -> DownstreamTls {
        self.say(field, format!("{message}; until then, {effect}"));
        self.needs.clear();
        DownstreamTls {
            certificates: Vec::new(),
            client_auth: ClientAuth::None,
            alpn: alpn(),
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
        }
    }

    fn need(&mut self, name: Name, is_authority: bool, field: &'static str) -> Name {
        let need = self.server.map(|server| Need { name: name.clone(), is_authority, server: server.clone(), field });
        self.needs.extend(need.filter(|need| !self.needs.contains(need)));
        name
    }

    fn read(&mut self) -> Result<DownstreamTls, Refusal> {
        let is_mesh = self.settings.mode == ServerTlsMode::IstioMutual;
        let (min_version, max_version) =
            if is_mesh { (TlsVersion::Tls12, TlsVersion::Tls13) } else { self.versions()? };
        if is_mesh {
            self.say_what_the_mesh_decides();
        }
        Ok(DownstreamTls {
            certificates: self.certificates()?,
            client_auth: self.client_auth()?,
            alpn: alpn(),
            min_version,
            max_version,
            cipher_suites: if is_mesh { Vec::new() } else { self.cipher_suites() },
        })
    }

    /// Istio has versions and cipher suites of its own for the mesh's mutual TLS.
    fn say_what_the_mesh_decides(&mut self) {
        let settings = self.settings;
        for (field, is_set) in [
            ("minProtocolVersion", settings.min_protocol_version != TlsProtocol::Auto),
            ("maxProtocolVersion", settings.max_protocol_version != TlsProtocol::Auto),
            ("cipherSuites", !settings.cipher_suites.is_empty()),
        ] {
            if is_set {
                self.say(field, "has no effect with mode ISTIO_MUTUAL, as in Istio; TLS 1.2 and 1.3 are spoken");
            }
        }
    }

    fn versions(&mut self) -> Result<(TlsVersion, TlsVersion), Refusal> {
        let min = match self.settings.min_protocol_version {
            TlsProtocol::Auto => self.mesh.tls_defaults.min_version,
            TlsProtocol::V1_2 => TlsVersion::Tls12,
            TlsProtocol::V1_3 => TlsVersion::Tls13,
            TlsProtocol::V1_0 | TlsProtocol::V1_1 => {
                self.say("minProtocolVersion", "TLS below 1.2 is never spoken: 1.2 is the lowest version here");
                TlsVersion::Tls12
            }
        };
        let max = match self.settings.max_protocol_version {
            TlsProtocol::Auto | TlsProtocol::V1_3 => TlsVersion::Tls13,
            TlsProtocol::V1_2 => TlsVersion::Tls12,
            TlsProtocol::V1_0 | TlsProtocol::V1_1 => {
                return Err(("maxProtocolVersion", "TLS below 1.2 is not supported; use TLSV1_2 or TLSV1_3".into()));
            }
        };
        if min > max {
            let message = match self.settings.min_protocol_version {
                TlsProtocol::Auto => "is below TLSV1_3, the lowest version of meshConfig.tlsDefaults; raise it",
                _ => "is below minProtocolVersion; swap them",
            };
            return Err(("maxProtocolVersion", message.into()));
        }
        Ok((min, max))
    }

    /// Suites that are not known are said and left out, as Istio leaves them out.
    fn cipher_suites(&mut self) -> Vec<Name> {
        let own = !self.settings.cipher_suites.is_empty();
        let written: Vec<Name> = if own {
            self.settings.cipher_suites.iter().map(|suite| suite.as_str().into()).collect()
        } else {
            self.mesh.tls_defaults.cipher_suites.clone()
        };
        let supported = |suite: &Name| cipher_suites::support(suite) == Support::Supported;
        let (known, unknown): (Vec<Name>, Vec<Name>) = written.into_iter().partition(supported);
        if own && !unknown.is_empty() {
            let rest = if known.is_empty() { "the default suites are used" } else { "the others are used" };
            let allowed = cipher_suites::SUPPORTED.join(", ");
            self.say("cipherSuites", format!("{} cannot be used; {rest}. Allowed are {allowed}", unknown.join(", ")));
        }
        known
    }

    fn certificates(&mut self) -> Result<Vec<Name>, Refusal> {
        let settings = self.settings;
        if settings.mode == ServerTlsMode::IstioMutual {
            return Ok(vec![self.need(WORKLOAD_CERTIFICATE.into(), false, "mode")]);
        }
        if !settings.credential_names.is_empty() {
            if settings.credential_names.len() > 2 {
                let message = format!("found {} names, allowed: one or two", settings.credential_names.len());
                return Err(("credentialNames", message));
            }
            return (settings.credential_names.iter()).map(|name| self.secret("credentialNames", name)).collect();
        }
        if !settings.credential_name.is_empty() {
            return Ok(vec![self.secret("credentialName", &settings.credential_name)?]);
        }
        let files = |certificate: &str, key: &str| Name::from(format!("{FILE_CERTIFICATE}{certificate}~{key}"));
        if settings.tls_certificates.len() > 2 {
            let message = format!("found {} certificates, allowed: one or two", settings.tls_certificates.len());
            return Err(("tlsCertificates", message));
        }
        let listed = settings.tls_certificates.iter().map(|pair| (&*pair.server_certificate, &*pair.private_key));
        let single = Some((&*settings.server_certificate, &*settings.private_key)).filter(|pair| *pair != ("", ""));
        let field = if single.is_some() { "serverCertificate" } else { "tlsCertificates" };
        let pairs: Vec<(&str, &str)> =
            if settings.tls_certificates.is_empty() { single.into_iter().collect() } else { listed.collect() };
        if pairs.is_empty() {
            return Err(("credentialName", "is needed: the name of a Secret with certificate and key".into()));
        }
        if pairs.iter().any(|(certificate, key)| certificate.is_empty() || key.is_empty()) {
            return Err((field, "needs both the file of the certificate and the file of its private key".into()));
        }
        Ok(pairs.into_iter().map(|(certificate, key)| files(certificate, key)).collect())
    }

    fn secret(&mut self, field: &'static str, credential: &str) -> Result<Name, Refusal> {
        let name = credential::certificate_name(credential).map_err(|message| (field, message))?;
        Ok(self.need(name, false, field))
    }

    fn client_auth(&mut self) -> Result<ClientAuth, Refusal> {
        let required = match self.settings.mode {
            ServerTlsMode::Mutual | ServerTlsMode::IstioMutual => true,
            ServerTlsMode::OptionalMutual => false,
            ServerTlsMode::Simple | ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => {
                self.say_what_clients_do_not_show();
                return Ok(ClientAuth::None);
            }
        };
        let settings = self.settings;
        let validation = PeerValidation {
            authority: self.authority()?,
            crl_file: Some(&*settings.ca_crl).filter(|path| !path.is_empty()).map(Name::from),
            subject_alt_names: settings
                .subject_alt_names
                .iter()
                .map(|name| StringMatch::Exact(name.as_str().into()))
                .collect(),
            spki: digests("verifyCertificateSpki", &settings.verify_certificate_spki, spki)?,
            hashes: digests("verifyCertificateHash", &settings.verify_certificate_hash, certificate_hash)?,
            accept_untrusted: false,
        };
        Ok(if required { ClientAuth::Required(validation) } else { ClientAuth::Optional(validation) })
    }

    fn say_what_clients_do_not_show(&mut self) {
        let settings = self.settings;
        for (field, is_set) in [
            ("subjectAltNames", !settings.subject_alt_names.is_empty()),
            ("verifyCertificateSpki", !settings.verify_certificate_spki.is_empty()),
            ("verifyCertificateHash", !settings.verify_certificate_hash.is_empty()),
            ("insecureSkipVerify", settings.insecure_skip_verify == Some(true)),
        ] {
            if is_set {
                self.say(field, "has no effect, because mode SIMPLE asks clients for no certificate; use MUTUAL");
            }
        }
    }

    /// What clients' certificates are verified against; `None` when they are not.
    fn authority(&mut self) -> Result<Option<Name>, Refusal> {
        let settings = self.settings;
        if settings.insecure_skip_verify == Some(true) {
            return Ok(None);
        }
        if settings.mode == ServerTlsMode::IstioMutual {
            return Ok(Some(self.need(MESH_AUTHORITY.into(), true, "mode")));
        }
        let credential = [&settings.ca_cert_credential_name, &settings.credential_name];
        let credential = credential.into_iter().chain(settings.credential_names.first());
        if let Some(credential) = credential.into_iter().find(|name| !name.is_empty()) {
            let field = if !settings.ca_cert_credential_name.is_empty() {
                "caCertCredentialName"
            } else if settings.credential_name.is_empty() {
                "credentialNames"
            } else {
                "credentialName"
            };
            let name = credential::authority_name(credential).map_err(|message| (field, message))?;
            return Ok(Some(self.need(name, true, field)));
        }
        let files = settings.tls_certificates.iter().map(|pair| &pair.ca_certificates);
        match std::iter::once(&settings.ca_certificates).chain(files).find(|path| !path.is_empty()) {
            Some(path) => Ok(Some(format!("{FILE_AUTHORITY}{path}").into())),
            None => Err((
                "caCertificates",
                "is needed: the file with the authorities that signed clients' certificates".into(),
            )),
        }
    }
}

fn digests(
    field: &'static str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<[u8; 32], String>,
) -> Result<Vec<[u8; 32]>, Refusal> {
    texts.iter().map(|text| parse(text).map_err(|message| (field, message))).collect()
}

/// The base64 of a SHA-256, as `openssl dgst -sha256 -binary | openssl enc -base64` writes it.
fn spki(text: &str) -> Result<[u8; 32], String> {
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    decoded.ok_or_else(|| format!("found {text:?}, allowed: the base64 of a SHA-256, 44 characters"))
}

/// A SHA-256 in hexadecimal digits, with or without colons, as `openssl x509 -fingerprint -sha256` writes it.
fn certificate_hash(text: &str) -> Result<[u8; 32], String> {
    let refused = || format!("found {text:?}, allowed: a SHA-256 as 64 hexadecimal digits, with or without colons");
    let digits: Vec<u8> = match text.len() {
        64 => text.bytes().collect(),
        95 if text.bytes().skip(2).step_by(3).all(|byte| byte == b':') => {
            text.bytes().enumerate().filter(|(index, _)| index % 3 != 2).map(|(_, byte)| byte).collect()
        }
        _ => return Err(refused()),
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let (high, low) = (nibble(pair[0]).ok_or_else(refused)?, nibble(pair[1]).ok_or_else(refused)?);
        *byte = high << 4 | low;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_hexadecimal_with_or_without_colons() {
        let expected: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).expect("below 256"));
        let plain: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons = expected.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        assert_eq!(certificate_hash(&plain), Ok(expected));
        assert_eq!(certificate_hash(&colons), Ok(expected));
        for broken in ["", &plain[1..], &plain.replace('0', "g"), &colons.replace(':', "-"), &"é".repeat(32)] {
            assert!(
                certificate_hash(broken).is_err_and(|message| message.contains("64 hexadecimal digits")),
                "{broken}"
            );
        }
    }

    #[test]
    fn keys_are_pinned_by_base64() {
        assert_eq!(spki("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), Ok(std::array::from_fn(|index| index as u8)));
        for broken in
            ["", "AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "not base64 not base64 not base64 not base64"]
        {
            assert!(spki(broken).is_err_and(|message| message.contains("44 characters")), "{broken}");
        }
    }
}
