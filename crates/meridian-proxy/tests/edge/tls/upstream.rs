//! TLS towards endpoints, with nginx as the endpoint.

use super::lab::{Lab, add_authority, add_secret, signed_by_ca};
use super::pki::{Ca, Pair, expired};
use crate::config::{self, access_log, cluster, endpoints, forward, listener, manager};
use meridian_ir::string_match::StringMatch;
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{PeerValidation, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{FilterChain, Filters, HttpConnectionManager, Listener, ProxyConfig, TcpProxy};
use meridian_tls::sha256;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOST: &str = "origin.example.com";

/// An nginx that tells what it knows of the connection.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    fn start(folder: &Path, pair: &Pair, ca: &Ca) -> Self {
        let folder = folder.join("nginx");
        std::fs::create_dir(&folder).expect("a folder");
        pair.write(&folder, "tls");
        std::fs::write(folder.join("ca.crt"), &ca.pem).expect("a file");
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        drop(socket);
        let at = folder.display();
        let text = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\nevents {{}}\nhttp {{ access_log off;\n\
             client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at}; uwsgi_temp_path {at}; scgi_temp_path {at};\n\
             server {{ listen {address} ssl; ssl_certificate tls.crt; ssl_certificate_key tls.key;\n\
             ssl_client_certificate ca.crt; ssl_verify_client optional; ssl_protocols TLSv1.2 TLSv1.3;\n\
             return 200 '$ssl_server_name|$ssl_client_s_dn|$ssl_protocol|$connection|$connection_requests'; }} }}\n"
        );
        std::fs::write(folder.join("nginx.conf"), text).expect("a file");
        let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf")).stdin(Stdio::null());
        let child = command.spawn().expect("nginx is needed; cargo xtask setup installs it");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let errors = || std::fs::read_to_string(folder.join("error.log"));
            assert!(begun.elapsed() < Duration::from_secs(10), "nginx does not listen: {:?}", errors());
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, address }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tls(validation: PeerValidation) -> UpstreamTls {
    UpstreamTls {
        certificate: None,
        validation,
        validate_sni: false,
        sni: UpstreamSni::Fixed(HOST.into()),
        alpn: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    }
}

/// The listener `l` sends everything to `origin` with TLS.
fn forwarding(lab: &Lab, origin: SocketAddr, tls: UpstreamTls, version: u64) -> ProxyConfig {
    let log = access_log(lab.path().join("access.log").to_str().expect("UTF-8"));
    let manager = HttpConnectionManager { access_log: vec![log], ..manager("http.8080") };
    let mut cluster = cluster("origin");
    cluster.tls = Some(Arc::new(tls));
    let mut config = config::config(
        vec![listener("l", manager)],
        vec![forward("*", "origin")],
        vec![(cluster, endpoints(&[origin]))],
    );
    config.version = version;
    config
}

async fn curl(at: SocketAddr, arguments: &str) -> (u16, String) {
    let arguments = format!("-sS --max-time 10 -w |%{{http_code}} http://{at}/ {arguments}");
    let run = move || Command::new("curl").args(arguments.split_whitespace()).output().expect("curl");
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    let text = String::from_utf8(output.stdout).expect("text");
    let (body, status) = text.rsplit_once('|').expect("a status");
    (status.parse().expect("a status"), body.to_owned())
}

#[tokio::test]
async fn endpoints_are_judged() {
    let lab = Lab::new();
    let (ca, stranger) = (Ca::new("ca"), Ca::new("stranger"));
    let pair = ca.good(&[HOST]);
    let nginx = Nginx::start(lab.path(), &pair, &ca);
    let names =
        |name: &str| PeerValidation { subject_alt_names: vec![StringMatch::Exact(name.into())], ..signed_by_ca() };
    let of_stranger = PeerValidation { authority: Some("stranger".into()), ..PeerValidation::default() };
    let other_name =
        UpstreamTls { sni: UpstreamSni::Fixed("other.example.com".into()), validate_sni: true, ..tls(signed_by_ca()) };
    let pinned = |hash: [u8; 32]| PeerValidation { hashes: vec![hash], ..signed_by_ca() };
    let failed = "CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_";
    let unknown = "X509_verify_cert:_certificate_verification_error_at_depth_0:_unable_to_get_local_issuer_certificate";
    let cases: Vec<(UpstreamTls, Result<(), String>, &str)> = vec![
        (tls(signed_by_ca()), Ok(()), "ssl.handshake"),
        (tls(names(HOST)), Ok(()), "ssl.handshake"),
        (UpstreamTls { validate_sni: true, ..tls(signed_by_ca()) }, Ok(()), "ssl.handshake"),
        (tls(pinned(sha256(&pair.der))), Ok(()), "ssl.handshake"),
        (tls(PeerValidation::default()), Ok(()), "ssl.handshake"),
        (tls(of_stranger.clone()), Err(format!("{failed}{unknown}")), "ssl.fail_verify_error"),
        (tls(names("x.example.com")), Err(format!("{failed}SAN_matcher")), "ssl.fail_verify_san"),
        (other_name, Err(format!("{failed}SAN_matcher")), "ssl.fail_verify_san"),
        (tls(pinned([0; 32])), Err(format!("{failed}cert_hash_and_spki")), "ssl.fail_verify_cert_hash"),
        (
            tls(PeerValidation { authority: Some("gone".into()), ..PeerValidation::default() }),
            Err(String::new()),
            "client_ssl_socket_factory.upstream_context_secrets_not_ready",
        ),
    ];
    for (version, (settings, expected, counter)) in cases.into_iter().enumerate() {
        let counter = format!("cluster.origin.{counter}");
        let mut config = forwarding(&lab, nginx.address, settings, version as u64 + 1);
        add_authority(&mut config, "ca", &ca, "");
        add_authority(&mut config, "stranger", &stranger, "");
        let at = lab.apply(&config).await;
        let before = if version == 0 { 0 } else { lab.counter(&counter) };
        let got = curl(at, "").await;
        let line = lab.line(version + 1).await;
        match expected {
            Ok(()) => {
                assert_eq!(got.0, 200, "{line}");
                assert!(got.1.starts_with(&format!("{HOST}||TLSv1.3|")), "{got:?}");
            }
            Err(reason) => {
                let body = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
                assert_eq!(got, (503, body.to_owned()));
                let reason = match &*reason {
                    "" => "TLS_error:_Secret_is_not_supplied_by_SDS".to_owned(),
                    reason => format!("TLS_error:|268435581:SSL_routines:OPENSSL_internal:{reason}:TLS_error_end"),
                };
                let details = format!(
                    "503 UF upstream_reset_before_response_started{{remote_connection_failure|{reason}}} - \"{reason}\""
                );
                assert!(line.contains(&details), "no {details} in {line}");
            }
        }
        assert_eq!(lab.counter(&counter), before + 1, "{counter}");
    }
}

#[tokio::test]
async fn an_expired_endpoint_is_refused_and_an_old_one_taken() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    std::fs::write(lab.path().join("ca.crt"), &ca.pem).expect("a file");
    std::fs::write(lab.path().join("ca.key"), &ca.key).expect("a file");
    for arguments in [
        "req -new -newkey rsa:2048 -nodes -keyout v1.key -subj /CN=origin -out v1.csr",
        "x509 -req -in v1.csr -CA ca.crt -CAkey ca.key -set_serial 6 -days 30 -out v1.crt",
    ] {
        assert!(super::lab::run("openssl", lab.path(), arguments.to_owned()).await.status.success());
    }
    let read = |name: &str| std::fs::read_to_string(lab.path().join(name)).expect("a file");
    let version_1 = Pair { chain: read("v1.crt"), key: read("v1.key"), der: Vec::new(), public_key_info: Vec::new() };
    for (number, pair, status) in [(1, ca.issue(&[HOST], 2, expired), 503), (2, version_1, 200)] {
        let folder = lab.path().join(number.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let nginx = Nginx::start(&folder, &pair, &ca);
        for max_version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let settings = UpstreamTls { max_version, ..tls(signed_by_ca()) };
            let mut config = forwarding(&lab, nginx.address, settings, number);
            add_authority(&mut config, "ca", &ca, "");
            let at = lab.apply(&config).await;
            let got = curl(at, "").await;
            assert_eq!(got.0, status, "{number} {max_version:?}: {got:?}");
        }
    }
    lab.line_with("certificate_has_expired").await;
}

#[tokio::test]
async fn the_client_shows_its_certificate_and_keeps_connections_apart_by_name() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    let nginx = Nginx::start(lab.path(), &ca.good(&[HOST, "*.example.com"]), &ca);
    let settings = UpstreamTls {
        certificate: Some("client".into()),
        sni: UpstreamSni::Host,
        validate_sni: true,
        ..tls(signed_by_ca())
    };
    let mut config = forwarding(&lab, nginx.address, settings, 1);
    add_authority(&mut config, "ca", &ca, "");
    add_secret(&mut config, "client", &ca.good(&["client.example.com"]));
    // One worker, so that it is known which connections there are.
    let proxy = config::start(meridian_proxy::ProxyOptions { threads: 1, ..config::options() });
    let at = config::apply(&proxy, &config, "l").await;
    let mut seen = Vec::new();
    for host in ["a.example.com", "b.example.com:8080", "A.example.com", "a.example.com"] {
        let (status, body) = curl(at, &format!("-H host:{host}")).await;
        assert_eq!(status, 200, "{body}");
        let parts: Vec<String> = body.split('|').map(str::to_owned).collect();
        assert_eq!(parts[1], "CN=good,O=some organization".split(',').rev().collect::<Vec<_>>().join(","), "{body}");
        seen.push((parts[0].clone(), parts[3].clone(), parts[4].clone()));
    }
    assert_eq!((&*seen[0].0, &*seen[1].0), ("a.example.com", "b.example.com"));
    assert_ne!(seen[0].1, seen[1].1, "a connection with another SNI is not used: {seen:?}");
    assert_eq!((&seen[3].1, &*seen[3].2), (&seen[0].1, "2"), "one with the same is: {seen:?}");
    let (status, _) = curl(at, "-H host:other.test").await;
    assert_eq!(status, 503, "the certificate is not for this name");
}

#[tokio::test]
async fn tcp_is_sent_with_tls_too() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    let nginx = Nginx::start(lab.path(), &ca.good(&[HOST]), &ca);
    let proxy = TcpProxy {
        stat_prefix: "origin".into(),
        clusters: vec![WeightedName { cluster: "origin".into(), weight: 1 }],
        idle_timeout: Duration::from_secs(3600),
        access_log: vec![access_log(lab.path().join("tcp.log").to_str().expect("UTF-8"))],
        hash_source_ip: false,
        ..TcpProxy::default()
    };
    let plain = listener("l", manager("unused"));
    let chain = FilterChain { filters: Filters::Tcp(Arc::new(proxy)), ..(*plain.chains[0]).clone() };
    let tcp = Listener { chains: vec![Arc::new(chain)], ..plain };
    for (validation, expected) in
        [(signed_by_ca(), true), (PeerValidation { spki: vec![[1; 32]], ..signed_by_ca() }, false)]
    {
        let mut config = forwarding(&lab, nginx.address, tls(validation), 1);
        config.listeners.insert("l".into(), Arc::new(tcp.clone()));
        add_authority(&mut config, "ca", &ca, "");
        let at = lab.apply(&config).await;
        let arguments = format!("-sS --max-time 10 http://{at}/");
        let output = super::lab::run("curl", lab.path(), arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.starts_with(&format!("{HOST}|")), expected, "{output:?}");
    }
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(lab.path().join("tcp.log")).unwrap_or_default();
        if text.contains("0 UF,URX - - \"TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:")
        {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the log does not say why: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
