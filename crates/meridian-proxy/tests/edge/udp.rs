//! Packets through a running proxy: sessions, their limits and their ends.

use crate::config::{self, access_log, cluster, endpoints};
use meridian_ir::cluster::{CircuitBreakers, LbPolicy};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{Cluster, Endpoints, Listener, ProxyConfig, UdpProxy};
use meridian_proxy::ProxyHandle;
use std::collections::{BTreeMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LISTENER: &str = "127.0.0.1_5300_udp";

/// An endpoint that answers every packet with its name and the packet, from a thread of its own.
struct Echo {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<HashSet<SocketAddr>>>,
}

impl Echo {
    fn start(name: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).expect("an option");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("an option");
        let (address, stop) = (socket.local_addr().expect("bound"), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut peers, mut packet) = (HashSet::new(), vec![0; 65_535]);
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut packet) else { continue };
                peers.insert(peer);
                let answer = [name.as_bytes(), b":", &packet[..length]].concat();
                let answer = &answer[..answer.len().min(65_507)];
                let _sent = socket.send_to(answer, peer);
            }
            peers
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Ends it. Who has sent it packets.
    fn stop(mut self) -> HashSet<SocketAddr> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("it ends")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Client(UdpSocket);

impl Client {
    fn new(proxy: SocketAddr) -> Self {
        let socket = UdpSocket::bind((proxy.ip(), 0)).expect("a socket");
        socket.connect(proxy).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("an option");
        Self(socket)
    }

    fn send(&self, text: &str) {
        self.0.send(text.as_bytes()).expect("sent");
    }

    fn receive(&self) -> Option<String> {
        let mut answer = vec![0; 65_535];
        let length = self.0.recv(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    /// What comes back for `text`.
    fn ask(&self, text: &str) -> String {
        self.send(text);
        self.receive().unwrap_or_else(|| panic!("no answer to {text:.20?}"))
    }

    /// Whether nothing comes back for `text`.
    fn is_ignored(&self, text: &str) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).expect("an option");
        self.send(text);
        self.receive().is_none()
    }
}

fn proxy(clusters: &[(&str, u32)]) -> UdpProxy {
    let share = |(name, weight): &(&str, u32)| WeightedName { cluster: (*name).into(), weight: *weight };
    UdpProxy { stat_prefix: "dns".into(), clusters: clusters.iter().map(share).collect(), ..UdpProxy::default() }
}

fn listener(proxy: UdpProxy) -> Listener {
    Listener {
        name: LISTENER.into(),
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        udp: Some(Arc::new(proxy)),
        ..Listener::default()
    }
}

fn config(proxy: UdpProxy, clusters: Vec<(Cluster, Endpoints)>) -> ProxyConfig {
    config::config(vec![listener(proxy)], Vec::new(), clusters)
}

fn round_robin(name: &str) -> Cluster {
    Cluster { lb_policy: LbPolicy::RoundRobin, ..cluster(name) }
}

/// A counter of the proxy.
fn count(proxy: &ProxyHandle, name: &str) -> u64 {
    let samples = proxy.shared().stats.collect();
    let found = samples.iter().find(|sample| sample.name == name);
    match found.map(|sample| &sample.value) {
        Some(meridian_proxy::stats::Value::Counter(value) | meridian_proxy::stats::Value::Gauge(value)) => *value,
        _ => panic!("no {name}"),
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn packets_go_to_an_endpoint_and_answers_come_back() {
    let echo = Echo::start("a");
    let proxy_handle = config::start(config::options());
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("udp.log");
    let udp = UdpProxy {
        idle_timeout: Duration::from_secs(2),
        access_log: vec![access_log(log.to_str().expect("UTF-8"))],
        ..proxy(&[("dns", 1)])
    };
    let config = config(udp, vec![(cluster("dns"), endpoints(&[echo.address]))]);
    let address = config::apply(&proxy_handle, &config, LISTENER).await;
    let client = Client::new(address);
    assert_eq!(client.ask("one"), "a:one");
    assert_eq!(client.ask(""), "a:", "an empty packet is one, too");
    let long = "x".repeat(65_000);
    assert_eq!(client.ask(&long).len(), long.len() + 2);
    assert_eq!(count(&proxy_handle, "udp.dns.downstream_sess_total"), 1);
    assert_eq!(count(&proxy_handle, "udp.dns.downstream_sess_rx_datagrams"), 3);
    let sent = || count(&proxy_handle, "udp.dns.downstream_sess_tx_bytes");
    until("the count of what was sent", || sent() == 5 + 2 + 65_002).await;
    assert_eq!(count(&proxy_handle, "cluster.dns.udp.sess_tx_datagrams"), 3);
    until("the end of the session", || count(&proxy_handle, "udp.dns.downstream_sess_active") == 0).await;
    assert_eq!(count(&proxy_handle, "udp.dns.idle_timeout"), 1);
    let own = client.0.local_addr().expect("bound");
    until("the log's line", || read(&log).contains(&own.to_string())).await;
    let line = read(&log);
    assert!(line.contains("\"- - -\" 0 - - - \"-\" 65003 65009 "), "{line}");
    assert!(line.contains(&format!("\"{}\" dns ", echo.address)), "{line}");
    assert_eq!(client.ask("again"), "a:again", "a new session");
    assert_eq!(count(&proxy_handle, "udp.dns.downstream_sess_total"), 2);
    assert_eq!(echo.stop().len(), 2, "each session has a socket of its own");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test]
async fn thousands_of_clients_each_get_their_own_answers() {
    const CLIENTS: usize = 3000;
    let (a, b) = (Echo::start("a"), Echo::start("b"));
    let handle = config::start(config::options());
    let config = config(proxy(&[("dns", 1)]), vec![(round_robin("dns"), endpoints(&[a.address, b.address]))]);
    let address = config::apply(&handle, &config, LISTENER).await;
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(address)).collect();
    let mut of_endpoint = BTreeMap::<String, usize>::new();
    for (number, client) in clients.iter().enumerate() {
        let answer = client.ask(&format!("question {number}"));
        let (name, question) = answer.split_once(':').expect("a name");
        assert_eq!(question, format!("question {number}"));
        *of_endpoint.entry(name.to_owned()).or_default() += 1;
    }
    assert!(of_endpoint.values().all(|share| share.abs_diff(CLIENTS / 2) <= 4), "{of_endpoint:?}");
    assert_eq!(count(&handle, "udp.dns.downstream_sess_active"), CLIENTS as u64);
    let first = clients[0].ask("first");
    assert!((0..20).all(|_| clients[0].ask("first") == first), "a client stays at its endpoint");
    let begun = Instant::now();
    handle.drain_and_stop(Duration::from_secs(20)).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "sessions that are silent do not hold up the end");
}

#[tokio::test]
async fn clusters_have_their_shares_and_none_of_nothing() {
    let (a, b, c) = (Echo::start("a"), Echo::start("b"), Echo::start("c"));
    let handle = config::start(config::options());
    let clusters = vec![
        (cluster("a"), endpoints(&[a.address])),
        (cluster("b"), endpoints(&[b.address])),
        (cluster("c"), endpoints(&[c.address])),
    ];
    let config = config(proxy(&[("a", 90), ("b", 10), ("c", 0)]), clusters);
    let address = config::apply(&handle, &config, LISTENER).await;
    let mut shares = BTreeMap::<String, u32>::new();
    for _ in 0..600 {
        *shares.entry(Client::new(address).ask("")).or_default() += 1;
    }
    assert!((30..=95).contains(&shares["b:"]) && !shares.contains_key("c:"), "{shares:?}");
}

#[tokio::test]
async fn the_sessions_of_an_endpoint_that_is_gone_go_elsewhere() {
    let (a, b) = (Echo::start("a"), Echo::start("b"));
    let handle = config::start(config::options());
    let addresses = [a.address, b.address];
    let both = config(proxy(&[("dns", 1)]), vec![(round_robin("dns"), endpoints(&addresses))]);
    let address = config::apply(&handle, &both, LISTENER).await;
    let clients: Vec<Client> = (0..20).map(|_| Client::new(address)).collect();
    let at_a: Vec<&Client> = clients.iter().filter(|client| client.ask("") == "a:").collect();
    assert!(!at_a.is_empty());
    // The control plane has not heard of it: the kernel says that nobody listens there.
    a.stop();
    for client in &at_a {
        let asked = (0..5).any(|_| {
            client.0.set_read_timeout(Some(Duration::from_millis(500))).expect("an option");
            client.send("still there?");
            client.receive().is_some_and(|answer| answer == "b:still there?")
        });
        assert!(asked, "no answer of the other endpoint");
    }
    // The control plane takes the other one away, and brings a new one.
    let c = Echo::start("c");
    let one = config(proxy(&[("dns", 1)]), vec![(round_robin("dns"), endpoints(&[c.address]))]);
    assert_eq!(config::apply(&handle, &one, LISTENER).await, address, "the listener stays");
    assert_eq!(at_a[0].ask("and now?"), "c:and now?");
}

#[tokio::test]
async fn what_leads_nowhere_is_dropped_and_counted() {
    let handle = config::start(config::options());
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("udp.log");
    let udp =
        |cluster| UdpProxy { access_log: vec![access_log(log.to_str().expect("UTF-8"))], ..proxy(&[(cluster, 1)]) };
    let address = config::apply(&handle, &config(udp("missing"), Vec::new()), LISTENER).await;
    assert!(Client::new(address).is_ignored("x"));
    assert_eq!(count(&handle, "udp.dns.downstream_sess_no_route"), 1);
    let empty = config(udp("empty"), vec![(cluster("empty"), endpoints(&[]))]);
    config::apply(&handle, &empty, LISTENER).await;
    until("a second", || Client::new(address).is_ignored("x") && read(&log).contains(" UH ")).await;
    assert!(count(&handle, "cluster.empty.upstream_cx_none_healthy") >= 1);
    assert!(count(&handle, "udp.dns.downstream_sess_rx_datagrams_dropped") >= 2);
    assert!(read(&log).contains(" NC "), "{}", read(&log));
}

#[tokio::test]
async fn there_are_no_more_sessions_than_allowed() {
    let echo = Echo::start("a");
    let handle = config::start(config::options());
    let limited = UdpProxy { max_sessions: 5, idle_timeout: Duration::from_secs(1), ..proxy(&[("dns", 1)]) };
    let config_of = |udp, cluster| config(udp, vec![(cluster, endpoints(&[echo.address]))]);
    let address = config::apply(&handle, &config_of(limited, cluster("dns")), LISTENER).await;
    let clients: Vec<Client> = (0..5).map(|_| Client::new(address)).collect();
    assert!(clients.iter().all(|client| client.ask("x") == "a:x"));
    assert!(Client::new(address).is_ignored("x"));
    assert!(clients.iter().all(|client| client.ask("x") == "a:x"), "the others go on");
    assert_eq!(count(&handle, "udp.dns.downstream_sess_overflow"), 1);
    until("room", || count(&handle, "udp.dns.downstream_sess_active") == 0).await;
    assert_eq!(Client::new(address).ask("x"), "a:x");
    let breakers = CircuitBreakers { max_connections: 2, ..CircuitBreakers::default() };
    let narrow = Cluster { circuit_breakers: breakers, ..cluster("narrow") };
    config::apply(&handle, &config_of(proxy(&[("narrow", 1)]), narrow), LISTENER).await;
    let clients: Vec<Client> = (0..2).map(|_| Client::new(address)).collect();
    assert!(clients.iter().all(|client| client.ask("x") == "a:x"));
    assert!(Client::new(address).is_ignored("x"));
    assert_eq!(count(&handle, "cluster.narrow.upstream_cx_overflow"), 1);
}

#[tokio::test]
async fn answers_come_from_the_address_that_was_asked() {
    let echo = Echo::start("a");
    let handle = config::start(config::options());
    let everywhere = Listener { address: SocketAddr::from(([0, 0, 0, 0], 0)), ..listener(proxy(&[("dns", 1)])) };
    let clusters = vec![(cluster("dns"), endpoints(&[echo.address]))];
    let config = config::config(vec![everywhere], Vec::new(), clusters);
    let port = config::apply(&handle, &config, LISTENER).await.port();
    // The client's socket hears the address that it is connected to, and no other.
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.connect(("127.0.0.77", port)).expect("connected");
    assert_eq!(Client(client).ask("x"), "a:x");
}

#[tokio::test]
async fn a_port_has_packets_and_connections_and_listeners_that_go_give_it_back() {
    let echo = Echo::start("a");
    let handle = config::start(config::options());
    let clusters = || vec![(cluster("dns"), endpoints(&[echo.address]))];
    let address = config::apply(&handle, &config(proxy(&[("dns", 1)]), clusters()), LISTENER).await;
    let tcp = Listener { address, ..config::listener("tcp", config::manager("http.8080")) };
    let both = config::config(vec![listener(proxy(&[("dns", 1)])), tcp.clone()], Vec::new(), clusters());
    config::apply(&handle, &both, LISTENER).await;
    assert_eq!(Client::new(address).ask("x"), "a:x");
    std::net::TcpStream::connect(address).expect("the other protocol");
    config::apply(&handle, &config::config(vec![tcp], Vec::new(), clusters()), "tcp").await;
    until("the port", || UdpSocket::bind(address).is_ok()).await;
}
