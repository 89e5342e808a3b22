use super::*;
use std::collections::HashMap as Map;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A real name server, dnsmasq, on a port of loopback.
struct NameServer {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl NameServer {
    /// `None`, loudly, where dnsmasq is not installed.
    fn start(hosts: &str) -> Option<Self> {
        if Command::new("dnsmasq").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "dnsmasq is needed for this test");
            eprintln!("SKIPPED: dnsmasq is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hosts"), hosts).unwrap();
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(&folder, port);
        let server = Self { child, folder, port };
        server.wait();
        Some(server)
    }

    fn spawn(folder: &tempfile::TempDir, port: u16) -> Child {
        Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", "--local-ttl=1", "--user=root", "--pid-file="])
            .arg(format!("--port={port}"))
            .arg(format!("--addn-hosts={}", folder.path().join("hosts").display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Until it listens: its TCP socket accepts.
    fn wait(&self) {
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "dnsmasq does not listen");
            std::thread::yield_now();
        }
    }

    fn restart(&mut self, hosts: &str) {
        self.stop();
        std::fs::write(self.folder.path().join("hosts"), hosts).unwrap();
        self.child = Self::spawn(&self.folder, self.port);
        self.wait();
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn source(&self) -> SystemSource {
        use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        connections.iter_mut().for_each(|connection| connection.port = self.port);
        let server = NameServerConfig::new([127, 0, 0, 1].into(), true, connections);
        let mut source = SystemSource::default();
        source.servers = Some(ResolverConfig::from_parts(None, Vec::new(), vec![server]));
        source
    }
}

/// A resolver with the notifications of its changes.
fn start(source: impl Source) -> (Resolver, std::sync::mpsc::Receiver<()>) {
    let (send, changes) = std::sync::mpsc::channel();
    let resolver = Resolver::start_with(source, move || send.send(()).unwrap()).unwrap();
    (resolver, changes)
}

const PATIENCE: Duration = Duration::from_secs(60);

fn sorted(resolver: &Resolver, name: &str) -> Vec<String> {
    let mut addresses: Vec<String> =
        resolver.addresses(name).iter().flat_map(|list| list.iter()).map(IpAddr::to_string).collect();
    addresses.sort();
    addresses
}

#[test]
fn addresses_follow_a_real_name_server() {
    let Some(mut server) = NameServer::start("10.0.0.1 a.test\n10.0.0.2 a.test\n2001:db8::1 six.test\n") else {
        return;
    };
    let (resolver, changes) = start(server.source());
    resolver.watch(["a.test".into(), "six.test".into()]);
    changes.recv_timeout(PATIENCE).unwrap();
    changes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(sorted(&resolver, "a.test"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(sorted(&resolver, "six.test"), ["2001:db8::1"], "IPv6 where there is no IPv4");
    server.restart("10.0.0.3 a.test\n2001:db8::1 six.test\n");
    changes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(sorted(&resolver, "a.test"), ["10.0.0.3"], "asked again after its time to live");
    server.stop();
    assert!(changes.recv_timeout(Duration::from_millis(2_500)).is_err(), "failing to ask changes nothing");
    assert_eq!(sorted(&resolver, "a.test"), ["10.0.0.3"], "the last answer stays in use");
    resolver.watch(["six.test".into()]);
    while resolver.addresses("a.test").is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn a_name_that_does_not_exist_settles_and_comes_up_later() {
    let Some(mut server) = NameServer::start("10.0.0.1 a.test\n") else { return };
    let (resolver, changes) = start(server.source());
    let generation = resolver.watch(["late.test".into(), "127.0.0.9".into(), "localhost".into()]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(resolver.settled(generation));
    assert_eq!(resolver.addresses("late.test"), None);
    assert_eq!(sorted(&resolver, "127.0.0.9"), ["127.0.0.9"]);
    assert!(sorted(&resolver, "localhost").contains(&"127.0.0.1".to_owned()), "from /etc/hosts");
    server.restart("10.0.0.7 late.test\n");
    while resolver.addresses("late.test").is_none() {
        changes.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(sorted(&resolver, "late.test"), ["10.0.0.7"]);
}

/// Answers from a table; counts questions and openings.
struct Table {
    answers: Arc<Mutex<Map<&'static str, Vec<IpAddr>>>>,
    opened: Arc<Mutex<u32>>,
    changed: Arc<Mutex<bool>>,
}

impl Source for Table {
    type Asker = Arc<Mutex<Map<&'static str, Vec<IpAddr>>>>;

    fn open(&mut self) -> Result<Self::Asker, String> {
        *self.opened.lock().unwrap() += 1;
        *self.changed.lock().unwrap() = false;
        Ok(self.answers.clone())
    }

    fn has_changed(&self) -> bool {
        *self.changed.lock().unwrap()
    }

    async fn ask(asker: &Self::Asker, name: &Name) -> Result<(Vec<IpAddr>, Duration), String> {
        let answer = asker.lock().unwrap().get(&**name).cloned();
        answer.map(|addresses| (addresses, Duration::from_secs(1))).ok_or_else(|| "no such name".to_owned())
    }
}

#[test]
fn an_answer_in_another_order_is_no_change() {
    let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    let answers = Arc::new(Mutex::new(Map::from([("a", vec![one, two])])));
    let table = Table { answers: answers.clone(), opened: Arc::default(), changed: Arc::default() };
    let (resolver, changes) = start(table);
    resolver.watch(["a".into()]);
    changes.recv_timeout(PATIENCE).unwrap();
    answers.lock().unwrap().insert("a", vec![two, one]);
    while resolver.addresses("a").as_deref() != Some(&[two, one]) {
        std::thread::yield_now();
    }
    assert!(changes.try_recv().is_err(), "the order is taken over in silence");
}

#[test]
fn a_changed_configuration_is_read_again() {
    let (opened, changed) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(false)));
    let answers = Arc::new(Mutex::new(Map::from([("a", vec![IpAddr::from([10, 0, 0, 1])])])));
    let (resolver, changes) = start(Table { answers, opened: opened.clone(), changed: changed.clone() });
    resolver.watch(["a".into()]);
    changes.recv_timeout(PATIENCE).unwrap();
    *changed.lock().unwrap() = true;
    while *opened.lock().unwrap() < 2 {
        std::thread::yield_now();
    }
}

#[test]
fn names_that_are_not_watched_are_asked_for_once_for_all() {
    let answers = Arc::new(Mutex::new(Map::from([("a", vec![IpAddr::from([10, 0, 0, 1])])])));
    let table = Table { answers: answers.clone(), opened: Arc::default(), changed: Arc::default() };
    let (resolver, _changes) = start(table);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert_eq!(*resolver.lookup("a").await.unwrap(), [IpAddr::from([10, 0, 0, 1])]);
        answers.lock().unwrap().clear();
        assert_eq!(resolver.lookup("a").await.unwrap().len(), 1, "from the cache");
        assert_eq!(&*resolver.lookup("b").await.unwrap_err(), "no such name");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(resolver.lookup("a").await.unwrap().len(), 1, "the last answer while asking fails");
    });
    assert_eq!(resolver.addresses("a"), None, "it is not watched");
}
