//! The DNS proxy, asked by a real resolver, in front of a real name server.
#![allow(clippy::unwrap_used)]

use crate::config::{options, start};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use meridian_ir::ProxyConfig;
use meridian_ir::name_table::{NameInfo, SearchDomain};
use meridian_proxy::dns_proxy::DnsOptions;
use meridian_proxy::{ProxyHandle, ProxyOptions};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// dnsmasq that knows one name.
struct NameServer(Child, SocketAddr);

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None`, loudly, where dnsmasq is not installed.
fn name_server() -> Option<NameServer> {
    if Command::new("dnsmasq").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "dnsmasq is needed for this test");
        eprintln!("SKIPPED: dnsmasq is not installed");
        return None;
    }
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("dnsmasq")
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
        .args(["--listen-address=127.0.0.1", "--user=root", "--pid-file=", "--address=/elsewhere.test/192.0.2.7"])
        .arg(format!("--port={port}"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = NameServer(child, SocketAddr::from(([127, 0, 0, 1], port)));
    let begun = Instant::now();
    while TcpStream::connect(server.1).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "dnsmasq does not listen");
        std::thread::yield_now();
    }
    Some(server)
}

fn proxy(name_servers: Vec<SocketAddr>) -> ProxyHandle {
    let dns = DnsOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        search: SearchDomain::parse("default.svc.cluster.local"),
        name_servers: Some(name_servers),
    };
    start(ProxyOptions { threads: 1, dns: Some(dns), ..options() })
}

fn config(host: &str, address: &str) -> Arc<ProxyConfig> {
    let info = NameInfo { addresses: vec![address.parse().unwrap()], is_service: true };
    Arc::new(ProxyConfig { version: 1, names: [(host.into(), Arc::new(info))].into(), ..ProxyConfig::default() })
}

/// A resolver that asks the proxy over UDP, or over TCP alone.
fn resolver(proxy: &ProxyHandle, udp: bool) -> TokioResolver {
    let address = *proxy.shared().dns.get().expect("the DNS proxy listens");
    let mut connection = if udp { ConnectionConfig::udp() } else { ConnectionConfig::tcp() };
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let mut wanted = ResolverOpts::default();
    (wanted.cache_size, wanted.attempts) = (0, 1);
    *builder.options_mut() = wanted;
    builder.build().unwrap()
}

async fn ask(resolver: &TokioResolver, name: &str) -> Result<Vec<String>, String> {
    let answer = resolver.lookup_ip(name).await.map_err(|error| error.to_string())?;
    Ok(answer.iter().map(|address| address.to_string()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_of_the_mesh_are_answered_and_others_passed_on() {
    let Some(name_server) = name_server() else { return };
    let proxy = proxy(vec![name_server.1]);
    proxy.apply(config("db.default.svc.cluster.local", "240.240.0.9")).await.unwrap();
    for udp in [true, false] {
        let resolver = resolver(&proxy, udp);
        assert_eq!(ask(&resolver, "db.default.svc.cluster.local.").await.unwrap(), ["240.240.0.9"], "udp: {udp}");
        assert_eq!(ask(&resolver, "db.").await.unwrap(), ["240.240.0.9"]);
        assert_eq!(ask(&resolver, "www.elsewhere.test.").await.unwrap(), ["192.0.2.7"], "udp: {udp}");
        assert!(ask(&resolver, "unknown.invalid.").await.is_err(), "the name server does not know it either");
    }
    // The table of the next configuration answers at once.
    proxy.apply(config("other.default.svc.cluster.local", "240.240.0.10")).await.unwrap();
    let resolver = resolver(&proxy, true);
    assert_eq!(ask(&resolver, "other.").await.unwrap(), ["240.240.0.10"]);
    assert!(ask(&resolver, "db.default.svc.cluster.local.").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_next_name_server_answers_where_the_first_is_silent() {
    let Some(name_server) = name_server() else { return };
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let proxy = proxy(vec![silent.local_addr().unwrap(), name_server.1]);
    assert_eq!(ask(&resolver(&proxy, true), "www.elsewhere.test.").await.unwrap(), ["192.0.2.7"]);
}
