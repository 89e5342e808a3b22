//! Both ends against each other, without sockets: whatever changes, the proxy ends with what the control plane wants,
//! and nothing is sent that did not change.
#![allow(clippy::unwrap_used)]

use meridian_discovery::Kind;
use meridian_discovery::client::{Machine, Own};
use meridian_discovery::message::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use meridian_discovery::server::DeltaSession;
use meridian_ir::cluster::Discovery;
use meridian_ir::endpoint::Address;
use meridian_ir::filter_chain::Filters;
use meridian_ir::http::RouteSource;
use meridian_ir::tls::{ClientAuth, DownstreamTls, TlsVersion};
use meridian_ir::{
    Authority, ChainMatch, Cluster, Endpoint, Endpoints, FilterChain, HttpConnectionManager, Listener, Name,
    ProxyConfig, RouteConfig, Secret, VirtualHost,
};
use proptest::prelude::*;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Parts of each kind.
const PARTS: usize = 4;

/// What a configuration is made of: for each kind the state of each part, of which zero is absence.
type World = [[u16; PARTS]; 5];

fn world() -> impl Strategy<Value = World> {
    proptest::array::uniform5(proptest::array::uniform4(0..4u16))
}

fn cluster(index: usize, state: u16) -> Cluster {
    Cluster {
        name: format!("outbound|80||service-{index}").into(),
        discovery: if state == 3 { Discovery::Static } else { Discovery::Eds },
        max_requests_per_connection: u32::from(state),
        locality_weighted: state == 2,
        ..Cluster::default()
    }
}

fn endpoints(index: usize, state: u16) -> Endpoints {
    let address = format!("10.0.{}.{state}:80", index % 250).parse().unwrap();
    Endpoints { endpoints: vec![Endpoint::new(Address::Socket(address))], ..Endpoints::default() }
}

fn listener(index: usize, state: u16) -> Listener {
    let manager = HttpConnectionManager {
        stat_prefix: format!("outbound_{state}").into(),
        routes: RouteSource::Named(format!("http.{index}").into()),
        ..HttpConnectionManager::default()
    };
    let tls = (state == 3).then(|| {
        let certificates = vec![format!("kubernetes://secret-{index}").into()];
        Arc::new(DownstreamTls {
            certificates,
            client_auth: ClientAuth::None,
            alpn: vec!["h2".into(), "http/1.1".into()],
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
        })
    });
    let chain = FilterChain {
        name: Name::from(""),
        matcher: ChainMatch::default(),
        tls,
        filters: Filters::Http(Arc::new(manager)),
        origin: None,
    };
    Listener {
        name: format!("0.0.0.0_{index}").into(),
        address: ([0, 0, 0, 0], u16::try_from(index).unwrap() + 1000).into(),
        chains: vec![Arc::new(chain)],
        ..Listener::default()
    }
}

fn routes(index: usize, state: u16) -> RouteConfig {
    let host = VirtualHost {
        name: format!("host-{state}").into(),
        domains: vec![format!("host-{state}.example.com").into()],
        routes: Vec::new(),
        require_tls: false,
    };
    RouteConfig::new(format!("http.{index}"), vec![Arc::new(host)])
}

fn secret(index: usize, state: u16) -> Secret {
    let name = format!("kubernetes://secret-{index}").into();
    Secret { name, certificate_chain: format!("chain {state}").into(), private_key: format!("key {state}").into() }
}

/// The configuration of a world, which shares with the one before what is the same in both.
fn config(world: &World, before: Option<(&World, &ProxyConfig)>, version: u64) -> ProxyConfig {
    let mut config = ProxyConfig { version, ..ProxyConfig::default() };
    for index in 0..PARTS {
        let [clusters, assignments, listeners, tables, secrets] = world.map(|parts| parts[index]);
        let old = |kind: usize| before.filter(|(old, _)| old[kind][index] == world[kind][index]).map(|(_, old)| old);
        let name = cluster(index, 1).name;
        if clusters > 0 {
            let shared = old(0).and_then(|old| old.clusters.get(&name).cloned());
            config.clusters.insert(name.clone(), shared.unwrap_or_else(|| Arc::new(cluster(index, clusters))));
        }
        if clusters > 0 && assignments > 0 {
            let shared = old(1).and_then(|old| old.endpoints.get(&name).cloned());
            config.endpoints.insert(name, shared.unwrap_or_else(|| Arc::new(endpoints(index, assignments))));
        }
        if listeners > 0 {
            let new = listener(index, listeners);
            let shared = old(2).and_then(|old| old.listeners.get(&new.name).cloned());
            config.listeners.insert(new.name.clone(), shared.unwrap_or_else(|| Arc::new(new)));
        }
        if tables > 0 {
            let new = routes(index, tables);
            let shared = old(3).and_then(|old| old.routes.get(&new.name).cloned());
            config.routes.insert(new.name.clone(), shared.unwrap_or_else(|| Arc::new(new)));
        }
        if secrets > 0 {
            let new = secret(index, secrets);
            let shared = old(4).and_then(|old| old.secrets.get(&new.name).cloned());
            config.secrets.insert(new.name.clone(), shared.unwrap_or_else(|| Arc::new(new)));
        }
    }
    config
}

/// Both ends, and what is between them.
struct Pair {
    session: DeltaSession,
    machine: Machine,
    /// What the proxy runs.
    running: Arc<ProxyConfig>,
    /// What was sent since this was emptied.
    sent: Vec<DeltaDiscoveryResponse>,
}

impl Pair {
    fn connect(config: Arc<ProxyConfig>, machine: Machine, running: Arc<ProxyConfig>) -> Pair {
        let mut pair = Pair { session: DeltaSession::new(config), machine, running, sent: Vec::new() };
        let requests = pair.machine.connected();
        pair.exchange(requests, Vec::new());
        pair
    }

    fn change(&mut self, config: Arc<ProxyConfig>) {
        let responses = self.session.config(config);
        self.exchange(Vec::new(), responses);
    }

    /// Delivers everything, in order, until both are silent.
    fn exchange(&mut self, requests: Vec<DeltaDiscoveryRequest>, responses: Vec<DeltaDiscoveryResponse>) {
        let (mut requests, mut responses) = (VecDeque::from(requests), VecDeque::from(responses));
        for _ in 0..1000 {
            if let Some(request) = requests.pop_front() {
                responses.extend(self.session.request(&request));
            } else if let Some(response) = responses.pop_front() {
                self.sent.push(response.clone());
                let step = self.machine.response(response);
                assert_eq!((step.rejected, step.unsupported), (Vec::new(), Vec::new()));
                requests.extend(step.requests);
                if let Some(applicable) = step.apply {
                    self.running = applicable.0;
                    requests.extend(self.machine.applied(&[]));
                }
            } else {
                return;
            }
        }
        panic!("the two ends never fall silent");
    }

    /// The versions that were sent, by type and name.
    fn take_sent(&mut self) -> BTreeMap<(String, String), String> {
        let mut all = BTreeMap::new();
        for response in self.sent.drain(..) {
            for resource in response.resources {
                all.insert((response.type_url.clone(), resource.name), resource.version);
            }
        }
        all
    }
}

/// What a proxy does with a configuration: what nothing refers to has no effect.
fn effect(config: &ProxyConfig) -> serde_json::Value {
    let mut config = ProxyConfig { version: 0, ..config.clone() };
    let routes: BTreeSet<Name> = meridian_xds::references::routes(&config).into_iter().cloned().collect();
    config.routes.retain(|name, _| routes.contains(name));
    let secrets: BTreeSet<Name> = meridian_xds::references::secrets(&config).into_iter().map(Name::from).collect();
    config.secrets.retain(|name, _| secrets.contains(name));
    let keys: Vec<Vec<u8>> = config.secrets.values().map(|secret| secret.private_key.clone()).collect();
    serde_json::json!([meridian_xds::config_dump(&config), keys])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_proxy_ends_with_what_is_wanted(worlds in proptest::collection::vec(world(), 1..6)) {
        let mut current = Arc::new(config(&worlds[0], None, 1));
        let mut pair = Pair::connect(current.clone(), Machine::new(None), Arc::default());
        prop_assert_eq!(effect(&pair.running), effect(&current));
        for (version, worlds) in (2..).zip(worlds.windows(2)) {
            let before = pair.running.clone();
            current = Arc::new(config(&worlds[1], Some((&worlds[0], &current)), version));
            pair.take_sent();
            pair.change(current.clone());
            prop_assert_eq!(effect(&pair.running), effect(&current));
            for kind in Kind::ALL {
                let progress = pair.session.outcome().progress(kind);
                prop_assert_eq!(progress.sent, progress.acknowledged, "{:?}", kind);
            }
            // What did not come is what ran before, not a copy of it.
            let sent = pair.take_sent();
            let came = |kind: Kind, name: &Name| sent.contains_key(&(kind.type_url().to_owned(), name.to_string()));
            for (name, cluster) in pair.running.clusters.iter().filter(|(name, _)| !came(Kind::Cluster, name)) {
                prop_assert!(Arc::ptr_eq(cluster, &before.clusters[name]));
            }
            for (name, listener) in pair.running.listeners.iter().filter(|(name, _)| !came(Kind::Listener, name)) {
                prop_assert!(Arc::ptr_eq(listener, &before.listeners[name]));
            }
        }
        // Another control plane that wants the same sends nothing to a proxy that has it.
        let Pair { machine, running, .. } = pair;
        let mut pair = Pair::connect(current.clone(), machine, running);
        prop_assert_eq!(pair.take_sent(), BTreeMap::new());
        prop_assert_eq!(effect(&pair.running), effect(&current));
        for kind in Kind::ALL {
            let progress = pair.session.outcome().progress(kind);
            prop_assert_eq!(progress.sent, progress.acknowledged, "{:?}", kind);
        }
    }

    #[test]
    fn a_proxy_that_comes_back_gets_what_changed(first in world(), second in world()) {
        let old = Arc::new(config(&first, None, 1));
        let mut pair = Pair::connect(old, Machine::new(None), Arc::default());
        let had = pair.take_sent();
        // Another process: nothing is shared with the old configuration.
        let new = Arc::new(config(&second, None, 1));
        let mut pair = Pair::connect(new.clone(), pair.machine, pair.running);
        prop_assert_eq!(effect(&pair.running), effect(&new));
        for (key, version) in pair.take_sent() {
            // What nothing referred to in between was forgotten, and comes again.
            let by_name = [Kind::Endpoints, Kind::Route, Kind::Secret].iter().any(|kind| kind.type_url() == key.0);
            prop_assert!(by_name || had.get(&key) != Some(&version), "{:?} came again", key);
        }
        // And from disk.
        let mut restored = Machine::new(None);
        let running = restored.restore(pair.machine.saved()).map(|applicable| applicable.0).unwrap_or_default();
        prop_assert_eq!(effect(&running), effect(&new));
        let mut pair = Pair::connect(new.clone(), restored, running);
        prop_assert_eq!(pair.take_sent(), BTreeMap::new());
        prop_assert_eq!(effect(&pair.running), effect(&new));
    }
}

#[test]
fn a_change_to_one_of_a_thousand_services_is_small() {
    let mut before = ProxyConfig { version: 1, ..ProxyConfig::default() };
    for index in 0..1000 {
        let one = Cluster { name: format!("outbound|80||service-{index}").into(), ..Cluster::default() };
        before.endpoints.insert(one.name.clone(), Arc::new(endpoints(index, 1)));
        before.clusters.insert(one.name.clone(), Arc::new(one));
    }
    let host = |index: usize, require_tls: bool| {
        let name: Name = format!("service-{index:03}.example.com:80").into();
        let domains = vec![format!("service-{index:03}.example.com").into()];
        Arc::new(VirtualHost { name, domains, routes: Vec::new(), require_tls })
    };
    let table = RouteConfig::new("http.0", (0..1000).map(|index| host(index, false)).collect());
    before.routes.insert(table.name.clone(), Arc::new(table));
    before.listeners.insert("0.0.0.0_0".into(), Arc::new(listener(0, 1)));
    let mut pair = Pair::connect(Arc::new(before.clone()), Machine::new(None), Arc::default());
    let bytes = |pair: &Pair| pair.sent.iter().map(Message::encoded_len).sum::<usize>();
    let whole = bytes(&pair);
    pair.sent.clear();
    let mut after = ProxyConfig { version: 2, ..before };
    let name: Name = "outbound|80||service-500".into();
    let changed = Cluster { max_requests_per_connection: 1, ..(*after.clusters[&name]).clone() };
    after.clusters.insert(name.clone(), Arc::new(changed));
    after.endpoints.insert(name, Arc::new(endpoints(7, 7)));
    let mut hosts: Vec<_> = after.routes["http.0"].virtual_hosts.iter().cloned().collect();
    hosts[500] = host(500, true);
    let table = after.routes["http.0"].with_virtual_hosts(&hosts);
    after.routes.insert("http.0".into(), Arc::new(table));
    pair.change(Arc::new(after.clone()));
    assert_eq!(effect(&pair.running), effect(&after));
    let small = bytes(&pair);
    println!("a first configuration of 1,000 services: {whole} bytes; a change to one of them: {small} bytes");
    assert!(small < 10_000, "{small}");
}

/// A world of two listeners with routes, and of two clusters with endpoints.
fn two_of_each() -> Arc<ProxyConfig> {
    let two = [1, 1, 0, 0];
    Arc::new(config(&[two, two, two, two, [0; PARTS]], None, 1))
}

#[test]
fn what_is_rejected_is_known_by_name_and_reason() {
    let mut session = DeltaSession::new(two_of_each());
    let mut machine = Machine::new(None);
    let mut requests = VecDeque::from(machine.connected());
    while let Some(request) = requests.pop_front() {
        let Some(response) = session.request(&request) else { continue };
        let step = machine.response(response);
        requests.extend(step.requests);
        if step.apply.is_some() {
            requests.extend(machine.applied(&[("0.0.0.0_1".into(), "address in use".to_owned())]));
        }
    }
    let rejected = session.outcome().rejected();
    let [one] = &rejected[..] else { panic!("{rejected:?}") };
    assert_eq!((one.kind, &*one.name), (Kind::Listener, "0.0.0.0_1"));
    assert_eq!(&*one.reason, "listener 0.0.0.0_1: address in use");
    assert!(session.take_rejections_changed());
    let progress = session.outcome().progress(Kind::Listener);
    assert_eq!((progress.sent, progress.acknowledged, progress.is_rejected), (1, 0, true));
}

#[test]
fn bytes_that_are_no_resource_are_rejected_and_hurt_nothing_else() {
    let mut session = DeltaSession::new(two_of_each());
    let mut machine = Machine::new(None);
    let first = machine.connected();
    let mut response = session.request(&first[0]).unwrap();
    response.resources[0].resource.as_mut().unwrap().value = b"\xff\xff".as_slice().into();
    let name = response.resources[0].name.clone();
    let step = machine.response(response);
    let error = step.requests[0].error_detail.clone().unwrap();
    assert!(error.message.contains(&name), "{}", error.message);
    let subscribed = step.requests.iter().find(|one| one.type_url == Kind::Endpoints.type_url()).unwrap();
    assert_eq!(subscribed.resource_names_subscribe.len(), 1, "the other cluster is there");
}

#[test]
fn a_proxy_with_a_certificate_of_its_own_asks_nobody_for_one() {
    let secret = |name: &str| Secret { name: name.into(), ..secret(0, 1) };
    let authority = Authority { name: "ROOTCA".into(), certificates: b"roots".to_vec(), revocation_lists: Vec::new() };
    let own = Own { certificate: Arc::new(secret("default")), authority: Arc::new(authority) };
    let mut listener = listener(0, 3);
    let mut chain = (*listener.chains[0]).clone();
    let mut tls = (**chain.tls.as_ref().unwrap()).clone();
    tls.certificates = vec!["default".into()];
    chain.tls = Some(Arc::new(tls));
    listener.chains = vec![Arc::new(chain)];
    let mut config = ProxyConfig { version: 1, ..ProxyConfig::default() };
    config.listeners.insert(listener.name.clone(), Arc::new(listener));
    config.secrets.insert("default".into(), Arc::new(secret("default")));
    let config = Arc::new(config);
    let asks = |machine: &mut Machine| {
        let requests = machine.connected();
        requests.iter().any(|request| request.resource_names_subscribe.iter().any(|name| name == "default"))
    };

    // On the control plane's own machine it has none, and asks.
    let mut pair = Pair::connect(config.clone(), Machine::new(None), Arc::default());
    assert!(pair.running.secrets.contains_key("default") && asks(&mut pair.machine));
    // What was kept runs without one until it comes, and then it is not asked for.
    let mut restored = Machine::new(None);
    restored.restore(pair.machine.saved());
    let applicable = restored.set_own(Some(own.clone())).unwrap();
    assert!(Arc::ptr_eq(&applicable.0.secrets["default"], &own.certificate));
    assert!(!asks(&mut restored));
    let pair = Pair::connect(config, restored, applicable.0);
    assert!(Arc::ptr_eq(&pair.running.secrets["default"], &own.certificate));
}
