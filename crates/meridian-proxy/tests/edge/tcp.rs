//! TCP forwarding and TLS through a running proxy, with openssl and curl at both ends.

use crate::config::{self, access_log, cluster, endpoints, forward, listener, manager};
use meridian_ir::filter_chain::{ServerName, TransportProtocol};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{ChainMatch, Endpoints, FilterChain, Filters, Listener, Name, ProxyConfig, Secret, TcpProxy};
use meridian_proxy::ProxyHandle;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PASSTHROUGH: &str = "outbound|443||my-nginx.default.svc.cluster.local";

fn openssl(folder: &Path, arguments: &str) -> Output {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn certificate(folder: &Path, name: &str) {
    let subject = format!("-subj /O=example/CN={name} -addext subjectAltName=DNS:{name}");
    openssl(folder, &format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt {subject}"));
}

/// An HTTPS origin: `openssl s_server`, whose page tells about the connection.
struct Origin {
    child: Child,
    address: SocketAddr,
}

impl Origin {
    fn start(folder: &Path, name: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", &format!("{name}.crt")])
            .args(["-key", &format!("{name}.key")])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert!(output.read_line(&mut line).expect("text") > 0, "openssl s_server does not start");
        }
        let address = line.trim_start_matches("ACCEPT ").trim().parse().expect("an address");
        // What it prints from now on is nobody's business, but it must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, address }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tcp_chain(names: &[&str], tls: Option<&str>, clusters: &[(&str, u32)], idle: Duration, log: &Path) -> FilterChain {
    let proxy = TcpProxy {
        stat_prefix: clusters[0].0.into(),
        clusters: clusters
            .iter()
            .map(|(name, weight)| WeightedName { cluster: (*name).into(), weight: *weight })
            .collect(),
        idle_timeout: idle,
        access_log: vec![access_log(log.to_str().expect("UTF-8"))],
        hash_source_ip: false,
        ..TcpProxy::default()
    };
    chain(names, tls, Filters::Tcp(Arc::new(proxy)))
}

fn chain(names: &[&str], tls: Option<&str>, filters: Filters) -> FilterChain {
    let server_names: Vec<ServerName> = names.iter().filter_map(|name| ServerName::new(name)).collect();
    let transport_protocol = (!server_names.is_empty()).then_some(TransportProtocol::Tls);
    let tls = tls.map(|secret| {
        Arc::new(DownstreamTls {
            certificates: vec![secret.into()],
            alpn: vec!["h2".into(), "http/1.1".into()],
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            client_auth: meridian_ir::tls::ClientAuth::None,
            cipher_suites: Vec::new(),
        })
    });
    let matcher = ChainMatch { server_names, transport_protocol, ..ChainMatch::default() };
    FilterChain { name: "".into(), matcher, tls, filters, origin: None }
}

fn with_chains(name: &str, chains: Vec<FilterChain>, log: &Path) -> Listener {
    Listener {
        tls_inspector: chains.iter().any(|chain| chain.matcher.transport_protocol.is_some()),
        chains: chains.into_iter().map(Arc::new).collect(),
        access_log: vec![access_log(log.to_str().expect("UTF-8"))],
        ..listener(name, manager("unused"))
    }
}

fn config(listeners: Vec<Listener>, clusters: Vec<(&str, Endpoints)>) -> ProxyConfig {
    let clusters = clusters.into_iter().map(|(name, endpoints)| (cluster(name), endpoints)).collect();
    config::config(listeners, vec![forward("*", "origin")], clusters)
}

/// A folder, its log and a proxy.
struct Lab {
    folder: tempfile::TempDir,
    log: PathBuf,
    proxy: ProxyHandle,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("access.log");
        let proxy = config::start(config::options());
        Self { folder, log, proxy }
    }

    async fn apply(&self, config: &ProxyConfig, name: &str) -> SocketAddr {
        config::apply(&self.proxy, config, name).await
    }

    /// The first line of the log that has `part`, without its time, once it is there.
    async fn line(&self, part: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(line) = text.lines().find(|line| line.contains(part)) {
                return line.split_once("] ").expect("a time").1.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no line with {part:?} in {text:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn curl(arguments: &str) -> Output {
    let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    let run = move || Command::new("curl").args(["-sS", "--max-time", "10"]).args(arguments).output().expect("curl");
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn matches(line: &str, pattern: &str) {
    assert!(regex::Regex::new(pattern).expect("a pattern").is_match(line), "{line:?} is not {pattern:?}");
}

#[tokio::test]
async fn tls_passes_through_by_its_server_name() {
    let lab = Lab::new();
    certificate(lab.folder.path(), "nginx.example.com");
    let origin = Origin::start(lab.folder.path(), "nginx.example.com");
    let chain = tcp_chain(&["nginx.example.com"], None, &[(PASSTHROUGH, 1)], Duration::from_secs(3600), &lab.log);
    let listener = with_chains("0.0.0.0_8443", vec![chain], &lab.log);
    let config = config(vec![listener], vec![(PASSTHROUGH, endpoints(&[origin.address]))]);
    let at = lab.apply(&config, "0.0.0.0_8443").await;

    let ca = lab.folder.path().join("nginx.example.com.crt");
    let to = |name: &str| format!("--connect-to {name}:443:{at} --cacert {} https://{name}/", ca.display());
    let output = curl(&to("nginx.example.com")).await;
    let body = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && body.contains("Cipher"), "{output:?}");
    let line = lab.line("my-nginx").await;
    matches(
        &line,
        &format!(
            r#"^"- - -" 0 - - - "-" [0-9]{{3,}} [0-9]{{4,}} [0-9]+ - "-" "-" "-" "-" "{}" outbound\|443\|\|my-nginx\.default\.svc\.cluster\.local 127\.0\.0\.1:[0-9]+ {at} 127\.0\.0\.1:[0-9]+ nginx\.example\.com -$"#,
            origin.address
        ),
    );

    // SNI in capitals is the same; another one, and plain text, find no chain.
    assert!(
        curl(&format!("-k --connect-to NGINX.example.COM:443:{at} https://NGINX.example.COM/")).await.status.success()
    );
    let output = curl(&format!("-k {}", to("other.example.com"))).await;
    assert_eq!(output.status.code(), Some(35), "{output:?}");
    matches(
        &lab.line("other.example.com").await,
        &format!(
            r#"^"- - -" 0 NR filter_chain_not_found - "-" 0 0 [0-9]+ - "-" "-" "-" "-" "-" - - {at} 127\.0\.0\.1:[0-9]+ other\.example\.com -$"#
        ),
    );
    assert!(!curl(&format!("http://{at}/")).await.status.success());
}

#[tokio::test]
async fn tls_is_terminated_and_certificates_are_replaced_live() {
    let lab = Lab::new();
    let folder = lab.folder.path();
    for name in ["httpbin.example.com", "new.example.com"] {
        certificate(folder, name);
    }
    let secret = |file: &str| {
        let read = |end: &str| std::fs::read(folder.join(format!("{file}.{end}"))).expect("a file");
        let name: Name = "kubernetes://httpbin-credential".into();
        Arc::new(Secret { name, certificate_chain: read("crt"), private_key: read("key") })
    };
    let origin = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin_address = origin.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in origin.incoming().filter_map(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let _ =
                stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhi\n");
        }
    });
    let http = chain(
        &["*.example.com"],
        Some("kubernetes://httpbin-credential"),
        Filters::Http(Arc::new(manager("http.8080"))),
    );
    let broken = chain(&["missing.test"], Some("kubernetes://missing"), Filters::Http(Arc::new(manager("http.8080"))));
    let mut config =
        config(vec![with_chains("l", vec![http, broken], &lab.log)], vec![("origin", endpoints(&[origin_address]))]);
    config.secrets.insert("kubernetes://httpbin-credential".into(), secret("httpbin.example.com"));
    let at = lab.apply(&config, "l").await;

    let ca = |name: &str| folder.join(format!("{name}.crt")).display().to_string();
    let to = |name: &str, ca: &str| format!("-v --connect-to {name}:443:{at} --cacert {ca} https://{name}/");
    let output = curl(&to("httpbin.example.com", &ca("httpbin.example.com"))).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hi\n", "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("HTTP/2 200") && said.contains("server accepted h2"), "{said}");

    // A missing secret fails its own handshakes only, with its name in the log.
    let output = curl(&format!("-k --connect-to missing.test:443:{at} https://missing.test/")).await;
    assert_eq!(output.status.code(), Some(35), "{output:?}");

    config.version += 1;
    config.secrets.insert("kubernetes://httpbin-credential".into(), secret("new.example.com"));
    assert_eq!(lab.apply(&config, "l").await, at);
    let output = curl(&to("new.example.com", &ca("new.example.com"))).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hi\n", "{output:?}");
    let output = curl(&to("httpbin.example.com", &ca("httpbin.example.com"))).await;
    assert_eq!(output.status.code(), Some(60), "the old certificate is gone: {output:?}");
}

#[tokio::test]
async fn tls_is_terminated_for_tcp() {
    let lab = Lab::new();
    certificate(lab.folder.path(), "a.example.com");
    let echo = echo();
    let chain = tcp_chain(&["a.example.com"], Some("s"), &[("echo", 1)], Duration::from_secs(3600), &lab.log);
    let mut config = config(vec![with_chains("l", vec![chain], &lab.log)], vec![("echo", endpoints(&[echo]))]);
    let read = |end: &str| std::fs::read(lab.folder.path().join(format!("a.example.com.{end}"))).expect("a file");
    let secret = Secret { name: "s".into(), certificate_chain: read("crt"), private_key: read("key") };
    config.secrets.insert("s".into(), Arc::new(secret));
    let at = lab.apply(&config, "l").await;
    let run = move || {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-no_ign_eof", "-connect", &at.to_string(), "-servername", "a.example.com"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let mut output = BufReader::new(client.stdout.take().expect("it is piped"));
        let mut input = client.stdin.take().expect("it is piped");
        input.write_all(b"hello\n").expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        drop(input);
        client.wait().expect("it ends");
        line
    };
    assert_eq!(tokio::task::spawn_blocking(run).await.expect("no panic"), "hello\n");
    matches(
        &lab.line(" echo ").await,
        r#"^"- - -" 0 - - - "-" 6 9 [0-9]+ - "-" "-" "-" "-" "127\.0\.0\.1:[0-9]+" echo .* a\.example\.com -$"#,
    );
}

/// A server that says back what it hears, and `END` behind the client's end.
fn echo() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in socket.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || {
                let mut output = stream.try_clone().expect("another handle");
                let mut input = stream;
                if std::io::copy(&mut input, &mut output).is_ok() {
                    let _ = output.write_all(b"END");
                }
            });
        }
    });
    address
}

fn plain(name: &str, clusters: &[(&str, u32)], idle: Duration, log: &Path) -> Listener {
    with_chains(name, vec![tcp_chain(&[], None, clusters, idle, log)], log)
}

/// What a client hears that says `hello` and ends its side.
async fn hello(at: SocketAddr) -> std::io::Result<String> {
    let run = move || {
        let mut client = TcpStream::connect(at)?;
        client.write_all(b"hello")?;
        client.shutdown(Shutdown::Write)?;
        let mut heard = String::new();
        client.read_to_string(&mut heard)?;
        Ok(heard)
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

#[tokio::test]
async fn failures_end_and_are_logged_as_in_envoy() {
    let lab = Lab::new();
    let hour = Duration::from_secs(3600);
    let refused = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let limited = meridian_ir::cluster::CircuitBreakers { max_connections: 0, ..Default::default() };
    let mut config = config(
        vec![
            plain("nocluster", &[("nocluster", 1)], hour, &lab.log),
            plain("refused", &[("refused", 1)], hour, &lab.log),
            plain("empty", &[("empty", 1)], hour, &lab.log),
            plain("limited", &[("limited", 1)], hour, &lab.log),
        ],
        vec![("refused", endpoints(&[refused])), ("empty", endpoints(&[])), ("limited", endpoints(&[refused]))],
    );
    let mut limited_cluster = cluster("limited");
    limited_cluster.circuit_breakers = limited;
    config.clusters.insert("limited".into(), Arc::new(limited_cluster));
    for (name, expected) in [
        ("nocluster", r#"^"- - -" 0 NC - - "-" 0 0 [0-9]+ - "-" "-" "-" "-" "-" - - AT 127\.0\.0\.1:[0-9]+ - -$"#),
        (
            "refused",
            r#"^"- - -" 0 UF,URX - - "delayed_connect_error:_Connection_refused" 0 0 [0-9]+ - "-" "-" "-" "-" "REFUSED" refused - AT .* - -$"#,
        ),
        ("empty", r#"^"- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" empty - AT .* - -$"#),
        ("limited", r#"^"- - -" 0 UO - - "-" 0 0 0 - "-" "-" "-" "-" "-" limited - AT .* - -$"#),
    ] {
        let at = lab.apply(&config, name).await;
        assert!(hello(at).await.is_err(), "{name}: a client that has sent something is reset");
        let pattern = expected.replace("AT", &at.to_string()).replace("REFUSED", &refused.to_string());
        matches(&lab.line(&format!(" {at} ")).await, &pattern);
    }
}

#[tokio::test]
async fn half_close_idle_timeout_and_resets() {
    let lab = Lab::new();
    let echo = echo();
    let config = config(
        vec![
            plain("echo", &[("echo", 1)], Duration::from_secs(3600), &lab.log),
            plain("idle", &[("idle", 1)], Duration::from_millis(100), &lab.log),
        ],
        vec![("echo", endpoints(&[echo])), ("idle", endpoints(&[echo]))],
    );
    let at = lab.apply(&config, "echo").await;
    assert_eq!(hello(at).await.expect("no reset"), "helloEND");
    matches(&lab.line(" echo ").await, r#"^"- - -" 0 - - - "-" 5 8 [0-9]+ - "#);
    let at = lab.apply(&config, "idle").await;
    let run = move || {
        let mut client = TcpStream::connect(at)?;
        client.write_all(b"hello")?;
        let mut heard = String::new();
        client.read_to_string(&mut heard).map(|_| heard)
    };
    let heard = tokio::task::spawn_blocking(run).await.expect("no panic");
    assert_eq!(heard.expect("an end, not a reset"), "hello");
    matches(&lab.line(" idle ").await, r#"^"- - -" 0 - - - "-" 5 5 1[0-9]{2} - "#);
}

#[tokio::test]
async fn weights_divide_connections() {
    let lab = Lab::new();
    let servers: Vec<SocketAddr> = ["a", "b"]
        .map(|name| {
            let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = socket.local_addr().expect("an address");
            std::thread::spawn(move || {
                for mut stream in socket.incoming().filter_map(Result::ok) {
                    let _ = stream.write_all(name.as_bytes());
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                }
            });
            address
        })
        .to_vec();
    let config = config(
        vec![plain("l", &[("a", 90), ("b", 10)], Duration::from_secs(3600), &lab.log)],
        vec![("a", endpoints(&servers[..1])), ("b", endpoints(&servers[1..]))],
    );
    let at = lab.apply(&config, "l").await;
    let mut heard = String::new();
    for _ in 0..300 {
        heard += &hello(at).await.expect("no reset");
    }
    let share = heard.matches('b').count();
    assert!(heard.len() == 300 && (5..=70).contains(&share), "{share} of {}", heard.len());
}
