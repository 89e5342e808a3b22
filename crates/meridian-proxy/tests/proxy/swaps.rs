//! Configurations that change under running traffic, and the end of a proxy.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Gate, Origin, Step, response};
use crate::support::{
    apply, cluster, config, endpoints, forward, listener, manager, plain, route, start, virtual_host,
};
use meridian_ir::http::ServerHeader;
use meridian_ir::{Action, ProxyConfig, RouteConfig};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// `config` with one more virtual host, and with its cluster made anew.
fn with_host(config: &ProxyConfig, number: usize) -> ProxyConfig {
    let mut changed = config.clone();
    changed.version += number as u64;
    let routes = changed.routes.get_mut("http.8080").expect("the plain routes");
    let mut hosts: Vec<_> = routes.virtual_hosts.iter().cloned().collect();
    let answer = route("/", Action::Forward(forward(&format!("other-{number}"))));
    hosts.push(Arc::new(virtual_host(&format!("h{number}.test"), vec![answer])));
    *routes = Arc::new(RouteConfig::new("http.8080", hosts));
    let origin = changed.clusters["origin"].clone();
    changed.clusters.insert(format!("other-{number}").into(), origin.clone());
    changed.clusters.insert("origin".into(), Arc::new((*origin).clone()));
    changed
}

#[test]
fn a_thousand_changes_lose_no_request_and_no_connection() {
    let origin = Origin::ok();
    let plain = plain(origin.address);
    let (proxy, runtime) = (start(2), runtime());
    let address = runtime.block_on(apply(&proxy, &plain, "http"));
    let (stop, served) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (stop.clone(), served.clone());
            std::thread::spawn(move || {
                let mut clients: Vec<Client> = (0..16).map(|_| Client::connect(address)).collect();
                while !stop.load(Ordering::Relaxed) {
                    for client in &mut clients {
                        client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
                    }
                    for client in &mut clients {
                        let answer = client.answer();
                        assert_eq!((answer.status(), answer.header("connection")), (200, None));
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for number in 1..=500 {
        let changed = with_host(&plain, number);
        for config in [&changed, &plain] {
            let applied = runtime.block_on(proxy.apply(Arc::new(config.clone()))).expect("the proxy runs");
            assert_eq!(applied.version, config.version);
        }
    }
    let during = served.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    load.into_iter().for_each(|thread| thread.join().expect("no request is lost"));
    assert!(during > 64, "the changes met traffic: {during} requests");
}

#[test]
fn a_change_is_there_when_apply_returns() {
    let (old, new) = (Origin::start(|_| response("200 OK", "old")), Origin::start(|_| response("200 OK", "new")));
    let gateway = Gateway::run(plain(old.address));
    let mut client = Client::connect(gateway.address);
    let (old, new) = (plain(old.address), plain(new.address));
    for _ in 0..20 {
        gateway.apply_to_same_listener(&new);
        assert_eq!(client.get("/").text(), "new");
        gateway.apply_to_same_listener(&old);
        assert_eq!(client.get("/").text(), "old");
    }
}

#[test]
fn a_changed_chain_keeps_its_connections() {
    let origin =
        Origin::start(|_| crate::support::origin::send("HTTP/1.1 200 OK\r\nServer: own\r\nContent-Length: 0\r\n\r\n"));
    let (proxy, runtime) = (start(1), runtime());
    let mut config = plain(origin.address);
    let address = runtime.block_on(apply(&proxy, &config, "http"));
    let mut client = Client::connect(address);
    assert_eq!(client.get("/").header("server"), Some("istio-envoy"));
    let mut changed = manager("http.8080");
    changed.server_header = ServerHeader::PassThrough;
    config.listeners.insert("http".into(), Arc::new(listener("http", changed)));
    assert_eq!(runtime.block_on(apply(&proxy, &config, "http")), address, "the socket stays");
    assert_eq!(client.get("/").header("server"), Some("own"));
    let mut gone = listener("http", manager("http.8080"));
    gone.chains.clear();
    config.listeners.insert("http".into(), Arc::new(gone));
    runtime.block_on(apply(&proxy, &config, "http"));
    assert_eq!(client.get("/").header("connection"), Some("close"), "its chain is gone");
    assert!(client.is_closed());
}

#[test]
fn a_removed_listener_lets_its_connections_finish() {
    let origin = Origin::ok();
    let (proxy, runtime) = (start(1), runtime());
    let mut config = plain(origin.address);
    config.listeners.insert("other".into(), Arc::new(listener("other", manager("http.8080"))));
    let address = runtime.block_on(apply(&proxy, &config, "http"));
    let other = proxy.shared().listener_address("other").expect("it listens");
    let (mut client, mut undisturbed) = (Client::connect(address), Client::connect(other));
    assert_eq!((client.get("/").status(), undisturbed.get("/").status()), (200, 200));
    config.listeners.remove("http");
    runtime.block_on(apply(&proxy, &config, "other"));
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    let answer = client.get("/");
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
    assert!(client.is_closed());
    assert_eq!(undisturbed.get("/").header("connection"), None);
}

#[test]
fn a_listener_may_take_over_an_address_but_not_share_it() {
    let origin = Origin::ok();
    let (proxy, runtime) = (start(2), runtime());
    let mut config = plain(origin.address);
    let address = runtime.block_on(apply(&proxy, &config, "http"));
    let mut client = Client::connect(address);
    client.get("/");
    let mut renamed = listener("renamed", manager("http.8080"));
    renamed.address = address;
    config.listeners.remove("http");
    config.listeners.insert("renamed".into(), Arc::new(renamed.clone()));
    assert_eq!(runtime.block_on(apply(&proxy, &config, "renamed")), address);
    assert_eq!(client.get("/").header("connection"), Some("close"), "its own listener is gone");
    assert_eq!(Client::connect(address).get("/").header("connection"), None);
    renamed.name = "second".into();
    config.listeners.insert("second".into(), Arc::new(renamed));
    let applied = runtime.block_on(proxy.apply(Arc::new(config))).expect("the proxy runs");
    assert_eq!(applied.listener_errors.len(), 1);
    assert_eq!(&*applied.listener_errors[0].name, "second");
    assert_eq!(Client::connect(address).get("/").status(), 200);
}

#[test]
fn a_listener_that_cannot_listen_is_told_and_tried_again() {
    let origin = Origin::ok();
    let (proxy, runtime) = (start(2), runtime());
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("bound");
    let mut config = plain(origin.address);
    let mut blocked = listener("blocked", manager("http.8080"));
    blocked.address = address;
    config.listeners.insert("blocked".into(), Arc::new(blocked));
    let applied = runtime.block_on(proxy.apply(Arc::new(config.clone()))).expect("the proxy runs");
    let message = applied.listener_errors[0].to_string();
    assert!(
        message.contains("blocked") && message.contains(&address.to_string()) && message.contains("in use"),
        "{message}"
    );
    let good = proxy.shared().listener_address("http").expect("the other one listens");
    assert_eq!(Client::connect(good).get("/").status(), 200);
    drop(taken);
    assert_eq!(runtime.block_on(apply(&proxy, &config, "blocked")), address);
    assert_eq!(Client::connect(address).get("/").status(), 200);
}

#[test]
fn a_removed_endpoint_is_left_without_breaking_its_request() {
    let gate = Gate::default();
    let held = gate.clone();
    let old = Origin::start(move |_| {
        let mut steps = vec![Step::Until(held.clone())];
        steps.extend(response("200 OK", "old"));
        steps
    });
    let new = Origin::start(|_| response("200 OK", "new"));
    let gateway = Gateway::run(plain(old.address));
    let mut client = Client::connect(gateway.address);
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
    old.await_seen(1);
    gateway.apply_to_same_listener(&plain(new.address));
    assert_eq!(Client::connect(gateway.address).get("/").text(), "new");
    gate.open();
    assert_eq!(client.answer().text(), "old");
    assert_eq!(client.get("/").text(), "new");
}

#[test]
fn a_removed_cluster_is_not_found_and_comes_back() {
    let origin = Origin::ok();
    let full = plain(origin.address);
    let mut without = full.clone();
    without.clusters.clear();
    without.endpoints.clear();
    let gateway = Gateway::run(full.clone());
    let mut client = Client::connect(gateway.address);
    for _ in 0..3 {
        assert_eq!(client.get("/").status(), 200);
        gateway.apply_to_same_listener(&without);
        assert_eq!(client.get("/").status(), 503);
        gateway.apply_to_same_listener(&full);
    }
    let lines = gateway.stop();
    assert!(lines[1].contains(" 503 NC cluster_not_found "), "{lines:?}");
}

#[test]
fn a_stop_finishes_requests_and_closes_idle_connections() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::start(move |seen| {
        let mut steps = if seen.path() == "/slow" { vec![Step::Until(held.clone())] } else { Vec::new() };
        steps.extend(response("200 OK", "ok"));
        steps
    });
    let gateway = Gateway::run(plain(origin.address));
    let (mut idle, mut busy) = (Client::connect(gateway.address), Client::connect(gateway.address));
    idle.get("/");
    busy.send("GET /slow HTTP/1.1\r\nHost: h.test\r\n\r\n");
    origin.await_seen(2);
    let address = gateway.address;
    let stopping = std::thread::spawn(move || gateway.stop());
    assert!(idle.is_closed());
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    gate.open();
    let answer = busy.answer();
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
    assert_eq!(stopping.join().expect("it stops").len(), 2);
}

#[test]
fn a_stop_does_not_wait_for_clients_that_say_nothing() {
    let (proxy, runtime) = (start(1), runtime());
    let mut config = plain(SocketAddr::from(([127, 0, 0, 1], 9)));
    let mut inspecting = listener("inspecting", manager("http.8080"));
    inspecting.tls_inspector = true;
    config.listeners.insert("inspecting".into(), Arc::new(inspecting));
    let address = runtime.block_on(apply(&proxy, &config, "http"));
    let inspecting = proxy.shared().listener_address("inspecting").expect("it listens");
    let mut silent = [Client::connect(address), Client::connect(inspecting)];
    // Both are accepted when a request behind them is answered.
    Client::connect(address).get("/");
    Client::connect(inspecting).get("/");
    let begun = Instant::now();
    runtime.block_on(proxy.drain_and_stop(Duration::from_secs(60)));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(silent.iter_mut().all(Client::is_closed));
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let origin = Origin::start(|_| vec![Step::AwaitClose]);
    let (proxy, runtime) = (start(1), runtime());
    let address = runtime.block_on(apply(&proxy, &plain(origin.address), "http"));
    let mut client = Client::connect(address);
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
    origin.await_seen(1);
    let begun = Instant::now();
    runtime.block_on(proxy.drain_and_stop(Duration::from_millis(200)));
    assert!(begun.elapsed() >= Duration::from_millis(200) && begun.elapsed() < Duration::from_secs(5));
    assert!(client.is_closed());
}

#[test]
fn all_workers_serve() {
    let origin = Origin::ok();
    let (proxy, runtime) = (start(4), runtime());
    let address = runtime.block_on(apply(&proxy, &plain(origin.address), "http"));
    let mut clients: Vec<Client> = (0..64).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }
    let connections = origin.seen().iter().map(|seen| seen.connection).max().expect("requests") + 1;
    assert_eq!(connections, 4, "each worker has its own connection to the endpoint");
}

#[test]
fn endpoints_are_used_by_policy() {
    let origins: Vec<Origin> = (0..3).map(|_| Origin::ok()).collect();
    let addresses: Vec<SocketAddr> = origins.iter().map(|origin| origin.address).collect();
    let mut in_turn = cluster("origin");
    in_turn.lb_policy = meridian_ir::cluster::LbPolicy::RoundRobin;
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("origin")))])];
    let gateway = Gateway::run(config(hosts, vec![(in_turn, endpoints(&addresses))]));
    let mut client = Client::connect(gateway.address);
    for _ in 0..30 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(origins.iter().map(|origin| origin.seen().len()).collect::<Vec<_>>(), [10, 10, 10]);
}
