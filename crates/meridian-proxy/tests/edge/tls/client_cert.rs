//! What endpoints and logs are told of a client's certificate.

use super::lab::{Lab, add_authority, add_secret, chain, curl, settings, signed_by_ca};
use super::pki::Ca;
use crate::config;
use meridian_ir::access_log::{AccessLog, JsonFormat, LogFormat};
use meridian_ir::format::Format;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::http::{ClientCertDetails, ClientCertHeader};
use meridian_ir::tls::ClientAuth;
use meridian_ir::{FilterChain, Filters, HttpConnectionManager, ProxyConfig, Route, RouteConfig, VirtualHost};
use meridian_tls::sha256;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOST: &str = "a.example.com";
const CLIENT: &str = "spiffe://cluster.local/ns/n/sa/client";
const SERVER: &str = "spiffe://cluster.local/ns/n/sa/server";

/// Istio's details at gateways.
const DETAILS: ClientCertDetails = ClientCertDetails { subject: true, cert: true, chain: false, dns: true, uri: true };

/// Every answer says in `x-seen` what the endpoint would get.
fn telling(mut config: ProxyConfig) -> ProxyConfig {
    let value = Format::parse("%REQ(X-FORWARDED-CLIENT-CERT)%").expect("a format");
    let header = HeaderValue { name: "x-seen".into(), value, action: AppendAction::Overwrite };
    let routes = &config.routes["http.8080"];
    let hosts = routes.virtual_hosts.iter().map(|host| {
        let tell = |route: &Arc<Route>| {
            let mut route = (**route).clone();
            route.response_headers.write = vec![header.clone()];
            Arc::new(route)
        };
        Arc::new(VirtualHost { routes: host.routes.iter().map(tell).collect(), ..(**host).clone() })
    });
    let routes = RouteConfig::new("http.8080", hosts.collect());
    config.routes.insert("http.8080".into(), Arc::new(routes));
    config
}

fn chain_with(mode: ClientCertHeader, log: AccessLog) -> FilterChain {
    let manager = HttpConnectionManager {
        client_cert_header: mode,
        client_cert_details: DETAILS,
        access_log: vec![log],
        ..config::manager("http.8080")
    };
    let filters = Filters::Http(Arc::new(manager));
    FilterChain { filters, ..chain(HOST, settings(ClientAuth::Optional(signed_by_ca()))) }
}

fn json_log(lab: &Lab) -> AccessLog {
    let member = |name: &str, format: &str| (name.into(), JsonFormat::String(Format::parse(format).expect("a format")));
    let format = JsonFormat::Object(vec![
        member("subject", "%DOWNSTREAM_PEER_SUBJECT%"),
        member("serial", "%DOWNSTREAM_PEER_SERIAL%"),
        member("uri", "%DOWNSTREAM_PEER_URI_SAN%"),
        member("own", "%DOWNSTREAM_LOCAL_URI_SAN%"),
        member("print", "%DOWNSTREAM_PEER_FINGERPRINT_256%"),
        member("version", "%DOWNSTREAM_TLS_VERSION%"),
        member("group", "%DOWNSTREAM_TLS_GROUP%"),
        member("code", "%RESPONSE_CODE%"),
    ]);
    let path = lab.path().join("json.log").to_str().expect("UTF-8").into();
    AccessLog { path, format: LogFormat::Json(Arc::new(format)), filter: None }
}

#[tokio::test]
async fn client_certificates_are_told() {
    let (lab, ca) = (Lab::new(), Ca::new("ca"));
    let client = ca.issue(&["c.test", CLIENT], 0x2a, |_| {});
    client.write(lab.path(), "client");
    let hash: String = sha256(&client.der).iter().map(|byte| format!("{byte:02x}")).collect();
    let pem = client.chain.replace('\n', "%0A").replace("\r", "").replace(' ', "%20");
    let pem = pem.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let told = format!(
        "By={SERVER};Hash={hash};Cert=\"{pem}\";Subject=\"O=some organization,CN=good\";URI={CLIENT};DNS=c.test"
    );
    for (mode, with_certificate, without) in [
        (ClientCertHeader::Sanitize, String::new(), ""),
        (ClientCertHeader::ForwardOnly, "forged".to_owned(), ""),
        (ClientCertHeader::AppendForward, format!("forged,{told}"), ""),
        (ClientCertHeader::SanitizeSet, told.clone(), ""),
        (ClientCertHeader::AlwaysForwardOnly, "forged".to_owned(), "forged"),
    ] {
        let mut config = telling(lab.config(vec![chain_with(mode, json_log(&lab))]));
        add_secret(&mut config, "s", &ca.good(&[HOST, SERVER]));
        add_authority(&mut config, "ca", &ca, "");
        let at = lab.apply(&config).await;
        for (arguments, expected) in [("--cert client.crt --key client.key", &*with_certificate), ("", without)] {
            let arguments = format!("-i --http1.1 -H X-Forwarded-Client-Cert:forged {arguments}");
            let answer = curl(lab.path(), HOST, at, &arguments).await.expect("an answer");
            let seen = answer.lines().find_map(|line| line.strip_prefix("x-seen:")).expect("the header").trim();
            assert_eq!(seen, expected, "{mode:?} {arguments}");
        }
    }
    let begun = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(lab.path().join("json.log")).unwrap_or_default();
        if text.lines().count() == 10 {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // Each worker writes its own lines, so that their order says nothing.
    let line = |has_certificate: bool| {
        lines.iter().find(|line| line["subject"].is_string() == has_certificate).expect("a line of each")
    };
    assert_eq!(
        *line(true),
        serde_json::json!({
            "subject": "O=some organization,CN=good", "serial": "2a", "uri": CLIENT, "own": SERVER, "print": hash,
            "version": "TLSv1.3", "group": line(true)["group"], "code": 200,
        })
    );
    assert!(["X25519", "X25519MLKEM768", "P-256"].contains(&line(true)["group"].as_str().expect("a group")));
    assert_eq!(line(false)["own"], SERVER);
}

/// Whoever has no good certificate is served, also when a session is resumed, and nobody behind hears of it.
#[tokio::test]
async fn where_bad_certificates_are_no_reason_to_refuse_they_are_not_told() {
    let (lab, ca, other) = (Lab::new(), Ca::new("ca"), Ca::new("ca"));
    ca.issue(&["c.test", CLIENT], 1, |_| {}).write(lab.path(), "good");
    other.issue(&["c.test", CLIENT], 2, |_| {}).write(lab.path(), "foreign");
    ca.issue(&["c.test", CLIENT], 3, super::pki::expired).write(lab.path(), "late");
    let lenient = meridian_ir::tls::PeerValidation { accept_untrusted: true, ..signed_by_ca() };
    let told = chain_with(ClientCertHeader::SanitizeSet, json_log(&lab));
    let chain = FilterChain { tls: Some(Arc::new(settings(ClientAuth::Optional(lenient)))), ..told };
    let mut config = telling(lab.config(vec![chain]));
    add_secret(&mut config, "s", &ca.good(&[HOST, SERVER]));
    add_authority(&mut config, "ca", &ca, "");
    let at = lab.apply(&config).await;
    for (name, is_told) in [("good", true), ("foreign", false), ("late", false), ("", false)] {
        let shown = if name.is_empty() { String::new() } else { format!("--cert {name}.crt --key {name}.key") };
        for version in ["--tlsv1.3", "--tls-max 1.2"] {
            let answer =
                curl(lab.path(), HOST, at, &format!("-i --http1.1 {version} {shown}")).await.expect("an answer");
            let seen = answer.lines().find_map(|line| line.strip_prefix("x-seen:")).expect("the header").trim();
            assert_eq!(seen.contains(CLIENT), is_told, "{name} {version}: {seen}");
            assert_eq!(seen.is_empty(), !is_told, "{name} {version}: {seen}");
        }
    }
}
