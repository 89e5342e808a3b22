//! Sidecars: connections that were captured on their way to somewhere else.
//!
//! Where the kernel cannot be asked for redirect rules, a PROXY protocol header stands in for what it would tell of the
//! connection's destination; [`redirected`] runs the same with real rules in a network namespace.

mod inbound;
mod inspected;
mod outbound;
mod redirected;

use crate::support::client::Client;
use crate::support::{access_log, cluster, forward, manager, options, route, start_with, virtual_host};
use meridian_ir::cluster::{Discovery, LbPolicy, UpstreamProtocol};
use meridian_ir::http::RouteSource;
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::route::{DirectResponse, Forward};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{
    Action, ChainMatch, Cluster, FilterChain, Filters, HttpConnectionManager, Listener, ProxyConfig, RouteConfig,
    TcpProxy,
};
use meridian_proxy::{ProxyHandle, ProxyOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PASSTHROUGH: &str = "PassthroughCluster";

/// A running sidecar with its access log in a file.
struct Sidecar {
    proxy: ProxyHandle,
    runtime: Runtime,
    log: tempfile::NamedTempFile,
}

impl Sidecar {
    /// Runs what `config` makes of the path of the log.
    fn run(config: impl FnOnce(&str) -> ProxyConfig) -> Self {
        Self::run_with(options(), config)
    }

    fn run_with(options: ProxyOptions, config: impl FnOnce(&str) -> ProxyConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let sidecar = Self { proxy: start_with(options), runtime, log };
        let config = config(sidecar.log.path().to_str().expect("UTF-8"));
        let applied = sidecar.runtime.block_on(sidecar.proxy.apply(Arc::new(config))).expect("the proxy runs");
        assert!(applied.listener_errors.is_empty(), "{:?}", applied.listener_errors);
        sidecar
    }

    /// A client that the listener `name` is told to have been on its way to `destination`.
    fn captured(&self, name: &str, destination: SocketAddr) -> Client {
        let address = self.proxy.shared().listener_address(name).expect("it listens");
        let mut client = Client::connect(address);
        client.send(format!("PROXY TCP4 192.0.2.1 {} 4711 {}\r\n", destination.ip(), destination.port()));
        client
    }

    /// The only line of the log, without its time, once it is there.
    fn line(&self) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.log.path()).expect("the log is there");
            if let Some(line) = text.lines().next().filter(|_| text.ends_with('\n')) {
                assert_eq!(text.lines().count(), 1, "{text}");
                return line.split_once("] ").map_or(line, |(_, rest)| rest).to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "there is no line");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The number that is counted under this name; zero where nothing is.
    fn count(&self, name: &str) -> u64 {
        let samples = self.proxy.shared().stats.collect();
        let sample = samples.iter().find(|sample| sample.name == name);
        match sample.map(|sample| &sample.value) {
            Some(meridian_proxy::stats::Value::Counter(value)) => *value,
            Some(other) => panic!("{name} is {other:?}"),
            None => 0,
        }
    }

    /// Waits until so much is counted.
    fn await_count(&self, name: &str, count: u64) {
        let begun = Instant::now();
        while self.count(name) < count {
            assert!(begun.elapsed() < Duration::from_secs(10), "{name} is {}", self.count(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A cluster of original destinations, as Istio makes `PassthroughCluster`.
fn original(name: &str) -> Cluster {
    Cluster {
        discovery: Discovery::OriginalDst,
        lb_policy: LbPolicy::ClusterProvided,
        protocol: UpstreamProtocol::Downstream,
        idle_timeout: Duration::from_secs(300),
        ..cluster(name)
    }
}

/// A cluster without endpoints.
fn black_hole() -> Cluster {
    Cluster { discovery: Discovery::Static, ..cluster("BlackHoleCluster") }
}

fn chain(name: &str, matcher: ChainMatch, filters: Filters) -> Arc<FilterChain> {
    Arc::new(FilterChain { name: name.into(), matcher, tls: None, filters, origin: None })
}

fn tcp(cluster: &str, log: &str) -> Filters {
    Filters::Tcp(Arc::new(TcpProxy {
        stat_prefix: cluster.into(),
        clusters: vec![WeightedName { cluster: cluster.into(), weight: 1 }],
        access_log: vec![access_log(log)],
        ..TcpProxy::default()
    }))
}

/// A connection manager as Istio's sidecars have it outbound, whose one route does `action`.
fn http(route_name: &str, action: Action, log: &str) -> Filters {
    let mut route = route("/", action);
    route.name = route_name.into();
    let hosts = vec![Arc::new(virtual_host("*", vec![route]))];
    Filters::Http(Arc::new(HttpConnectionManager {
        routes: RouteSource::Inline(Arc::new(RouteConfig::new("80", hosts))),
        use_remote_address: false,
        access_log: vec![access_log(log)],
        ..manager("80")
    }))
}

fn to(cluster: &str) -> Action {
    Action::Forward(Forward { retry: None, ..forward(cluster) })
}

fn block_all() -> Action {
    Action::Direct(DirectResponse { status: 502, body: Vec::new() })
}

/// What the HTTP inspector finds.
fn is_http() -> ChainMatch {
    ChainMatch { application_protocols: vec!["http/1.1".into(), "h2c".into()], ..ChainMatch::default() }
}

/// The listener that takes outbound connections; what it hands over to nobody goes to `cluster`.
fn virtual_outbound(address: SocketAddr, cluster: &str, log: &str) -> Listener {
    let guard = ChainMatch { destination_port: Some(15001), ..ChainMatch::default() };
    Listener {
        name: "virtualOutbound".into(),
        address,
        capture: Capture { hand_over: true, ..Capture::default() },
        chains: vec![
            chain("virtualOutbound-blackhole", guard, tcp("BlackHoleCluster", log)),
            chain("virtualOutbound-catchall-tcp", ChainMatch::default(), tcp(cluster, log)),
        ],
        ..Listener::default()
    }
}

/// A listener that is not bound, for connections to `port` of any address.
fn unbound(port: u16, chains: Vec<Arc<FilterChain>>, default_chain: Option<Arc<FilterChain>>) -> Listener {
    Listener {
        name: format!("0.0.0.0_{port}").into(),
        address: SocketAddr::from(([0, 0, 0, 0], port)),
        bind_to_port: false,
        tls_inspector: true,
        http_inspector: true,
        inspect_timeout: Some(Duration::ZERO),
        continue_on_inspect_timeout: true,
        chains,
        default_chain,
        ..Listener::default()
    }
}

/// The listener that takes inbound connections.
fn virtual_inbound(address: SocketAddr, chains: Vec<Arc<FilterChain>>) -> Listener {
    Listener {
        name: "virtualInbound".into(),
        address,
        direction: Direction::Inbound,
        tls_inspector: true,
        http_inspector: true,
        capture: Capture { original_dst: true, ..Capture::default() },
        inspect_timeout: Some(Duration::ZERO),
        continue_on_inspect_timeout: true,
        chains,
        ..Listener::default()
    }
}

fn config(listeners: Vec<Listener>, clusters: Vec<Cluster>) -> ProxyConfig {
    let mut config = ProxyConfig { version: 1, ..ProxyConfig::default() };
    for listener in listeners {
        config.listeners.insert(listener.name.clone(), Arc::new(listener));
    }
    for cluster in clusters {
        config.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    }
    config
}

/// Any free port of loopback, where connections begin with a PROXY protocol header.
fn stand_in(listener: Listener) -> Listener {
    Listener { address: SocketAddr::from(([127, 0, 0, 1], 0)), proxy_protocol: true, ..listener }
}
