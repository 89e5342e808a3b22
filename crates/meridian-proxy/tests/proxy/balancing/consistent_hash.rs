//! Affinity: by header, cookie, address and query parameter.

use super::{ask, gateway, numbered};
use crate::support::client::Client;
use crate::support::origin::{Origin, response};
use crate::support::{cluster, endpoints, forward, istio_retries};
use meridian_ir::Cluster;
use meridian_ir::cluster::LbPolicy;
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::route::{Forward, RetryPolicy};
use std::collections::HashSet;
use std::time::Duration;

const RING: LbPolicy = LbPolicy::RingHash { minimum_size: 1024 };
const MAGLEV: LbPolicy = LbPolicy::Maglev { table_size: 65_537 };

fn by(policy: HashPolicy) -> Forward {
    Forward { hash_policies: vec![policy], ..forward("origin") }
}

fn hashing(lb_policy: LbPolicy) -> Cluster {
    Cluster { lb_policy, ..cluster("origin") }
}

#[test]
fn a_value_always_meets_the_same_endpoint() {
    let origins = numbered(4);
    for (policy, lb_policy) in [
        (HashPolicy::Header("x-user".into()), RING),
        (HashPolicy::Header("x-user".into()), MAGLEV),
        (HashPolicy::Query("user".into()), RING),
    ] {
        let gateway = gateway(by(policy.clone()), hashing(lb_policy), &origins);
        let request =
            |client: &mut Client, user: usize| ask(client, &format!("/?user={user}"), &format!("X-User: {user}\r\n"));
        let mut one = Client::connect(gateway.address);
        let first: Vec<String> = (0..40).map(|user| request(&mut one, user)).collect();
        let mut other = Client::connect(gateway.address);
        let second: Vec<String> = (0..40).map(|user| request(&mut other, user)).collect();
        assert_eq!(first, second, "{policy:?}");
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 4, "all endpoints are used");
        // A request without the value goes anywhere.
        let without: HashSet<String> = (0..60).map(|_| ask(&mut one, "/", "")).collect();
        assert_eq!(without.len(), 4, "{policy:?}");
    }
}

#[test]
fn a_client_without_the_cookie_gets_one_and_stays() {
    let origins = numbered(4);
    let cookie = HashPolicy::Cookie {
        name: "who".into(),
        path: "/".into(),
        ttl: Some(Duration::from_secs(60)),
        attributes: Vec::new(),
    };
    let gateway = gateway(by(cookie.clone()), hashing(RING), &origins);
    let mut endpoints = HashSet::new();
    for _ in 0..20 {
        let mut client = Client::connect(gateway.address);
        let answer = client.get("/");
        let set = answer.header("set-cookie").expect("a cookie is set").to_owned();
        let value = set.strip_prefix("who=\"").and_then(|rest| rest.strip_suffix("\"; Max-Age=60; Path=/; HttpOnly"));
        let value = value.unwrap_or_else(|| panic!("{set}"));
        assert!(value.len() == 16 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{set}");
        endpoints.insert(answer.text());
        for _ in 0..5 {
            let mut client = Client::connect(gateway.address);
            client.send(format!("GET / HTTP/1.1\r\nHost: h.test\r\nCookie: a=b; who=\"{value}\"\r\n\r\n"));
            let again = client.answer();
            assert_eq!((again.header("set-cookie"), again.text()), (None, answer.text()));
        }
    }
    assert!(endpoints.len() > 1, "{endpoints:?}");
    // Where the cluster does not balance by hash there is no cookie either.
    let gateway = super::gateway(by(cookie), cluster("origin"), &origins);
    assert_eq!(Client::connect(gateway.address).get("/").header("set-cookie"), None);
}

#[test]
fn an_address_always_meets_the_same_endpoint() {
    let origins = numbered(4);
    let gateway = gateway(by(HashPolicy::SourceIp), hashing(RING), &origins);
    let all: HashSet<String> = (0..20).map(|_| Client::connect(gateway.address).get("/").text()).collect();
    assert_eq!(all.len(), 1);
}

#[test]
fn another_try_goes_elsewhere_only_if_the_policy_says_so() {
    let origins = [Origin::start(|_| response("503 No", "no")), Origin::ok()];
    for avoid_previous_hosts in [false, true] {
        let retry = RetryPolicy { on_5xx: true, avoid_previous_hosts, ..istio_retries() };
        let action = Forward { retry: Some(retry.into()), ..by(HashPolicy::Header("x-user".into())) };
        let gateway = gateway(action, hashing(RING), &origins);
        let mut client = Client::connect(gateway.address);
        let failed = (0..100).filter(|user| ask(&mut client, "/", &format!("X-User: {user}\r\n")) == "no").count();
        // As in Envoy, five more points of the ring are looked at, which may all be of the same endpoint.
        assert!(if avoid_previous_hosts { failed < 15 } else { failed > 25 }, "{failed} of 100");
    }
}

#[test]
fn endpoints_that_stay_keep_their_keys() {
    let origins = numbered(5);
    let mut config = super::to_cluster(
        by(HashPolicy::Header("x-user".into())),
        hashing(MAGLEV),
        endpoints(&super::addresses(&origins)),
    );
    let gateway = crate::support::gateway::Gateway::run(config.clone());
    let mut client = Client::connect(gateway.address);
    let mut answers =
        || -> Vec<String> { (0..100).map(|user| ask(&mut client, "/", &format!("X-User: {user}\r\n"))).collect() };
    let before = answers();
    config.endpoints.insert("origin".into(), endpoints(&super::addresses(&origins[..4])).into());
    gateway.apply_to_same_listener(&config);
    let after = answers();
    let moved = before.iter().zip(&after).filter(|(before, after)| *before != "4" && before != after).count();
    assert!(moved <= 10 && !after.contains(&"4".to_owned()), "{moved} of 100 keys moved");
}
