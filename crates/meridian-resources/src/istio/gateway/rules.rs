//! What Istio's validation refuses in a Gateway, beyond the schema.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gateway, Server, ServerTlsMode, ServerTlsSettings, TlsProtocol};
use crate::istio::protocol::Protocol;
use crate::object::Object;
use crate::rules::{Findings, dns, net};
use crate::schema::path::Path;

const UNIX: &str = "unix://";
const CRL_IN_CREDENTIAL: &str = "CRL is not supported with credentialName. CRL has to be specified in the credential";

/// The cipher suites of TLS 1.2 that Envoy knows.
const CIPHER_SUITES: [&str; 15] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

pub(super) fn check(gateway: &Object<Gateway>, findings: &mut Findings) {
    let name = &*gateway.meta.name;
    if !name.is_empty() && !dns::is_label(name) {
        findings.invalid(&Path::Root.field("metadata").field("name"), name, format!("invalid gateway name: {name:?}"));
    }
    let spec = Path::Root.field("spec");
    let servers = spec.field("servers");
    if gateway.spec.servers.is_empty() {
        findings.required(&servers, "gateway must have at least one server");
    }
    let mut port_names = BTreeMap::new();
    for (index, server) in gateway.spec.servers.iter().enumerate() {
        let path = servers.index(index);
        check_server(findings, &path, server);
        if let Some(first) = port_names.insert(server.port.name.as_str(), index) {
            let name = server.port.name.as_str();
            let detail =
                format!("port names in servers must be unique: duplicate name {name}, first in servers[{first}]");
            findings.duplicate(&path.field("port").field("name"), name, detail);
            findings.in_istios_words(format!("port names in servers must be unique: duplicate name {name}"));
        }
    }
}

fn check_server(findings: &mut Findings, path: &Path<'_>, server: &Server) {
    let hosts = path.field("hosts");
    if server.hosts.is_empty() {
        findings.required(&hosts, "server config must contain at least one host");
    }
    for (index, host) in server.hosts.iter().enumerate() {
        findings.check(&hosts.index(index), host, gateway_host(host));
    }
    let before = findings.errors.len();
    check_port(findings, path, server);
    let bad_port = findings.errors.len() > before;
    check_bind(findings, path, server);
    if let Some(tls) = &server.tls {
        check_tls(findings, &path.field("tls"), tls);
    }
    let Some(protocol) = Protocol::parse(&server.port.protocol) else { return };
    let before = findings.errors.len();
    let tls_path = &path.field("tls");
    match &server.tls {
        None if protocol.is_tls() => {
            findings.required(tls_path, "server must have TLS settings for HTTPS/TLS protocols");
        }
        Some(tls) if protocol.is_http() => {
            let files = [&tls.ca_certificates, &tls.private_key, &tls.server_certificate];
            if !is_passthrough(tls.mode) || files.iter().any(|file| !file.is_empty()) {
                findings.forbidden(tls_path, "server cannot have TLS settings for plain text HTTP ports");
            }
        }
        Some(_) if !protocol.is_tls() => {
            findings.forbidden(tls_path, "server cannot have TLS settings for non HTTPS/TLS ports");
        }
        Some(tls) if tls.https_redirect => {
            findings.warn(&tls_path.field("httpsRedirect"), "tls.httpsRedirect should only be used with http servers");
        }
        _ => {}
    }
    if bad_port {
        findings.unsaid_since(before);
    }
}

/// A port as Go's protobuf prints it.
fn printed(port: &super::Port) -> String {
    let mut fields = Vec::new();
    if port.number != 0 {
        fields.push(format!("number:{}", port.number));
    }
    for (field, text) in [("protocol", &port.protocol), ("name", &port.name)] {
        if !text.is_empty() {
            fields.push(format!("{field}:{text:?}"));
        }
    }
    if port.target_port != 0 {
        fields.push(format!("target_port:{}", port.target_port));
    }
    fields.join(" ")
}

/// `host`, also after `namespace/`, `./` or `*/`.
fn gateway_host(entry: &str) -> Result<(), String> {
    let host = match entry.split_once('/') {
        Some((namespace, host)) => {
            if namespace.is_empty() || host.is_empty() {
                return Err("config namespace and dnsName in host entry cannot be empty".to_owned());
            }
            if !matches!(namespace, "*" | ".") && !dns::is_label(namespace) {
                return Err(format!("invalid namespace value {namespace:?} in gateway"));
            }
            host
        }
        None => entry,
    };
    if host != "*" && !host.contains('.') {
        return Err("short names (non FQDN) are not allowed".to_owned());
    }
    if !net::is_ip(host) {
        dns::wildcard_domain(host)?;
    }
    dns::partial_wildcard(host)
}

fn check_port(findings: &mut Findings, path: &Path<'_>, server: &Server) {
    let (path, port) = (path.field("port"), &server.port);
    if Protocol::parse(&port.protocol).is_none() {
        let allowed: Vec<&str> = Protocol::NAMES.split(", ").collect();
        let found = port.protocol.as_str().into();
        findings.errors.push(crate::error::FieldError::not_supported(path.field("protocol"), &found, &allowed));
        findings.in_istios_words(format!(
            "invalid protocol {:?}, supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP",
            port.protocol
        ));
    }
    if (port.number > 0 || !server.bind.starts_with(UNIX))
        && let Err(detail) = net::port(port.number.into())
    {
        findings.invalid(&path.field("number"), port.number, detail);
    }
    if port.target_port > 0 {
        findings.forbidden(&path.field("targetPort"), "targetPort has no impact on Gateways");
    }
    if port.name.is_empty() {
        findings.required(&path.field("name"), "port name must be set");
        findings.in_istios_words(format!("port name must be set: {}", printed(port)));
    }
}

fn check_bind(findings: &mut Findings, path: &Path<'_>, server: &Server) {
    let bind = &path.field("bind");
    match server.bind.strip_prefix(UNIX) {
        Some(socket) => {
            findings.check(bind, &server.bind, net::unix_socket(socket));
            if server.port.number != 0 {
                let port = path.field("port");
                findings.invalid(
                    &port.field("number"),
                    server.port.number,
                    "port number must be 0 for unix domain socket",
                );
                let port = printed(&server.port);
                findings.in_istios_words(format!("port number must be 0 for unix domain socket: {port}"));
            }
        }
        None if server.bind.is_empty() => {}
        None => findings.check(bind, &server.bind, net::ip(&server.bind)),
    }
}

fn is_passthrough(mode: ServerTlsMode) -> bool {
    matches!(mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough)
}

/// What TLS settings of a server may say, whatever the protocol of its port.
pub(crate) fn check_tls(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    let old = matches!(tls.min_protocol_version, TlsProtocol::V1_0 | TlsProtocol::V1_1);
    if old && tls.cipher_suites.is_empty() {
        let detail = "TLS version below TLSV1_2 require setting compatible ciphers as by default they no longer \
                      include compatible ciphers.";
        findings.warn(&path.field("minProtocolVersion"), detail);
    }
    warn_of_ciphers(findings, path, tls);
    match tls.mode {
        ServerTlsMode::IstioMutual => check_istio_mutual(findings, path, tls),
        ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => check_passthrough(findings, path, tls),
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => {
            check_terminated(findings, path, tls);
        }
    }
}

/// Unknown and repeated suites, which have no effect. An expression of OpenSSL (`ALL`, `-SHA`) is taken as it is.
fn warn_of_ciphers(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    let mut seen = BTreeSet::new();
    let (mut unknown, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    for suite in tls.cipher_suites.iter().map(String::as_str) {
        let expression = matches!(suite, "" | "ALL") || !suite.starts_with(char::is_alphanumeric);
        if !expression && !CIPHER_SUITES.contains(&suite) {
            unknown.insert(suite);
        } else if !seen.insert(suite) {
            repeated.insert(suite);
        }
    }
    let path = &path.field("cipherSuites");
    for (what, suites) in [("invalid", unknown), ("duplicate", repeated)] {
        if !suites.is_empty() {
            let suites = suites.into_iter().collect::<Vec<_>>().join(" ");
            findings.warn(path, format!("ignoring {what} cipher suites: [{suites}]"));
        }
    }
}

fn check_istio_mutual(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    let given = [
        ("serverCertificate", "server certificate", !tls.server_certificate.is_empty()),
        ("privateKey", "private key", !tls.private_key.is_empty()),
        ("caCertificates", "CA bundle", !tls.ca_certificates.is_empty()),
        ("tlsCertificates", "tlsCertificates", !tls.tls_certificates.is_empty()),
        ("credentialName", "credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", "credentialNames", !tls.credential_names.is_empty()),
    ];
    for (field, what, given) in given {
        if given {
            findings.forbidden(&path.field(field), format!("ISTIO_MUTUAL TLS cannot have associated {what}"));
        }
    }
}

fn check_passthrough(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    let texts = [&tls.ca_crl, &tls.server_certificate, &tls.private_key, &tls.ca_certificates, &tls.credential_name];
    let lists = !tls.tls_certificates.is_empty() || !tls.credential_names.is_empty();
    if lists || texts.iter().any(|text| !text.is_empty()) {
        let mode = if tls.mode == ServerTlsMode::Passthrough { "PASSTHROUGH" } else { "AUTO_PASSTHROUGH" };
        findings.warn(path, format!("{mode} mode does not use certificates, they will be ignored"));
    }
    one_source(findings, path, tls);
    if !tls.ca_crl.is_empty() && !tls.credential_name.is_empty() {
        findings.forbidden(&path.field("caCrl"), CRL_IN_CREDENTIAL);
    }
}

/// Certificates come from one place only.
fn one_source(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    let sources = [
        !tls.server_certificate.is_empty() && !tls.private_key.is_empty(),
        !tls.credential_name.is_empty(),
        !tls.credential_names.is_empty(),
        !tls.tls_certificates.is_empty(),
    ];
    if sources.iter().filter(|given| **given).count() > 1 {
        let detail = "only one of credential_name, credential_names, server_certificate/private_key, \
                      tls_certificates should be specified";
        findings.forbidden(path, detail);
    }
}

fn check_terminated(findings: &mut Findings, path: &Path<'_>, tls: &ServerTlsSettings) {
    one_source(findings, path, tls);
    if !tls.credential_name.is_empty() || !tls.credential_names.is_empty() {
        if !tls.ca_crl.is_empty() && !tls.credential_name.is_empty() {
            findings.warn(&path.field("caCrl"), CRL_IN_CREDENTIAL);
        }
        return;
    }
    let (prefix, mutual) = if tls.mode == ServerTlsMode::Simple { ("SIMPLE TLS", false) } else { ("MUTUAL TLS", true) };
    if mutual && tls.ca_certificates.is_empty() {
        findings.required(&path.field("caCertificates"), format!("{prefix} requires a client CA bundle"));
    }
    let mut files = |path: &Path<'_>, certificate: &str, key: &str| {
        if certificate.is_empty() {
            let detail = format!("{prefix} requires a server certificate, by credentialName or as a file");
            findings.required(&path.field("serverCertificate"), detail);
            findings.in_istios_words(format!("{prefix} requires a server certificate"));
        }
        if key.is_empty() {
            let detail = format!("{prefix} requires a private key, by credentialName or as a file");
            findings.required(&path.field("privateKey"), detail);
            findings.in_istios_words(format!("{prefix} requires a private key"));
        }
    };
    if tls.tls_certificates.is_empty() {
        files(path, &tls.server_certificate, &tls.private_key);
    }
    let list = path.field("tlsCertificates");
    for (index, certificate) in tls.tls_certificates.iter().enumerate() {
        files(&list.index(index), &certificate.server_certificate, &certificate.private_key);
    }
    if !tls.ca_crl.is_empty() && !mutual {
        findings.forbidden(&path.field("caCrl"), "CRL is not supported with SIMPLE TLS");
    }
}
