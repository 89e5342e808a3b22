//! HTTP/2 by ALPN, and connections that are reused for hosts of another certificate policy.

use super::h2spec;
use super::output;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step};
use crate::support::plain;
use meridian_ir::filter_chain::{FilterChain, ServerName, TransportProtocol};
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion};
use meridian_ir::{Authority, ProxyConfig, Secret};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const SECRET: &str = "kubernetes://own";
const AUTHORITY: &str = "kubernetes://own-cacert";

fn origin() -> Origin {
    Origin::start(|_| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world".into())])
}

/// The plain gateway with TLS: hosts below `h.test`, of which `a.h.test` asks for certificates.
fn with_tls(folder: &Path, mut config: ProxyConfig) -> ProxyConfig {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj /CN=h";
    let made = Command::new("openssl").args(request.split(' ')).current_dir(folder).output().expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    let read = |file: &str| std::fs::read(folder.join(file)).expect("openssl has written it");
    let secret = Secret { name: SECRET.into(), certificate_chain: read("c.pem"), private_key: read("k.pem") };
    config.secrets.insert(SECRET.into(), Arc::new(secret));
    let authority = Authority { name: AUTHORITY.into(), certificates: read("c.pem"), revocation_lists: Vec::new() };
    config.authorities.insert(AUTHORITY.into(), Arc::new(authority));
    config
}

/// Puts TLS on all chains of a gateway that was made for this.
fn chains(plain: &FilterChain) -> Vec<Arc<FilterChain>> {
    let tls = |client_auth: ClientAuth| {
        Some(Arc::new(DownstreamTls {
            certificates: vec![SECRET.into()],
            client_auth,
            alpn: vec!["h2".into(), "http/1.1".into()],
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
        }))
    };
    let required = PeerValidation { authority: Some(AUTHORITY.into()), ..PeerValidation::default() };
    [("*.h.test", ClientAuth::None), ("a.h.test", ClientAuth::Required(required))]
        .into_iter()
        .map(|(host, client_auth)| {
            let mut chain = FilterChain { tls: tls(client_auth), ..plain.clone() };
            chain.matcher.server_names = vec![ServerName::new(host).expect("a name")];
            chain.matcher.transport_protocol = Some(TransportProtocol::Tls);
            Arc::new(chain)
        })
        .collect()
}

fn gateway(folder: &Path, origin: &Origin) -> Gateway {
    Gateway::run_listener(with_tls(folder, plain(origin.address)), |listener| {
        listener.tls_inspector = true;
        listener.chains = chains(&listener.chains[0]);
    })
}

#[test]
fn clients_choose_by_alpn() {
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), origin());
    let gateway = gateway(folder.path(), &origin);
    let to = format!("x.h.test:443:{}", gateway.address);
    for (version, expected) in [("--http2", "2 200"), ("--http1.1", "1.1 200")] {
        let format = "%{http_version} %{http_code}";
        let words = ["-sSk", "-o", "/dev/null", "-w", format, version, "--connect-to", &to, "https://x.h.test/"];
        assert_eq!(output("curl", &words), expected);
    }
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET / HTTP/2\" 200 ") && lines[1].starts_with("\"GET / HTTP/1.1\" 200 "));
}

#[test]
fn all_cases_of_h2spec_pass_over_tls() {
    let Some(program) = h2spec::program() else { return };
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), origin());
    // h2spec sends no server name.
    let gateway = Gateway::run_listener(with_tls(folder.path(), plain(origin.address)), |listener| {
        let mut chain = FilterChain::clone(&chains(&listener.chains[0])[0]);
        chain.matcher = listener.chains[0].matcher.clone();
        listener.chains = vec![Arc::new(chain)];
    });
    h2spec::passes(&program, gateway.address, true);
}

#[test]
fn a_host_that_asks_for_certificates_is_not_served_on_others_connections() {
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), origin());
    let gateway = gateway(folder.path(), &origin);
    let to = format!("::{}", gateway.address);
    let status = |version: &str, host: &str, more: &[&str]| {
        let host = format!("Host: {host}");
        let words = ["-sSk", "-o", "/dev/null", "-w", "%{http_code}", version, "--connect-to", &to, "-H", &host];
        output("curl", &[&words[..], more].concat())
    };
    for version in ["--http2", "--http1.1"] {
        assert_eq!(status(version, "x.h.test", &["https://x.h.test/"]), "200");
        assert_eq!(status(version, "y.h.test:443", &["https://x.h.test/"]), "200", "the policy is the same");
        assert_eq!(status(version, "A.h.test:443", &["https://x.h.test/"]), "421");
        let path = |file: &str| folder.path().join(file).display().to_string();
        let (certificate, key) = (path("c.pem"), path("k.pem"));
        let own = ["--cert", &certificate, "--key", &key, "https://a.h.test/"];
        assert_eq!(status(version, "a.h.test", &own), "200");
        assert_eq!(status(version, "x.h.test", &own), "200", "a laxer host is served on any connection");
    }
    let lines = gateway.stop();
    let refused = "\"GET / HTTP/2\" 421 - misdirected_request - \"-\" 0 0 ";
    assert!(lines.iter().any(|line| line.starts_with(refused)), "{lines:?}");
}
