//! Session persistence: a client stays at one endpoint, by what it was told in a cookie or a header.

use crate::support::client::Client;
use crate::support::origin::{Origin, response};
use crate::support::{apply, cluster, config, endpoints, forward, route, start, virtual_host};
use meridian_ir::cluster::LbPolicy;
use meridian_ir::route::{Forward, WeightedCluster};
use meridian_ir::{Action, Cluster, HeaderEdits, ProxyConfig, SessionPersistence};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

fn cookie() -> SessionPersistence {
    SessionPersistence::Cookie { name: "who".into(), path: "/".into(), ttl: Some(Duration::from_secs(600)) }
}

/// Endpoints that answer with their numbers.
fn numbered(count: usize) -> Vec<Origin> {
    (0..count).map(|number| Origin::start(move |_| response("200 OK", &number.to_string()))).collect()
}

fn weighted(name: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: name.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    }
}

/// Two clusters of two endpoints each, by the same weights.
fn gateway(session: SessionPersistence, origins: &[Vec<std::net::SocketAddr>]) -> ProxyConfig {
    let names: Vec<String> = (0..origins.len()).map(|number| format!("cluster-{number}")).collect();
    let clusters = names.iter().map(|name| weighted(name, 50)).collect();
    let action = Forward { clusters, session: Some(Arc::new(session)), ..forward("unused") };
    let clusters = std::iter::zip(&names, origins)
        .map(|(name, addresses)| (Cluster { lb_policy: LbPolicy::Random, ..cluster(name) }, endpoints(addresses)));
    config(vec![virtual_host("*", vec![route("/", Action::Forward(action))])], clusters.collect())
}

fn get(client: &mut Client, field: &str) -> (String, Option<String>, Option<String>) {
    client.send(format!("GET / HTTP/1.1\r\nHost: h.test\r\n{field}\r\n"));
    let answer = client.answer();
    let header = |name| answer.header(name).map(str::to_owned);
    (answer.text(), header("set-cookie"), header("x-session"))
}

#[tokio::test]
async fn a_client_that_was_told_stays_across_weights_and_connections() {
    let origins = numbered(4);
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address).collect();
    let addresses = [addresses[..2].to_vec(), addresses[2..].to_vec()];
    let proxy = start(2);
    for is_cookie in [true, false] {
        let session = if is_cookie { cookie() } else { SessionPersistence::Header("x-session".into()) };
        let address = apply(&proxy, &gateway(session, &addresses), "http").await;
        let mut seen = HashSet::new();
        for _ in 0..12 {
            let (endpoint, set_cookie, header) = get(&mut Client::connect(address), "");
            let field = match is_cookie {
                true => {
                    let set = set_cookie.expect("a cookie is set");
                    let (pair, attributes) = set.split_once("; ").expect("attributes");
                    assert_eq!(attributes, "Max-Age=600; Path=/; HttpOnly");
                    format!("Cookie: {pair}\r\n")
                }
                false => format!("X-Session: {}\r\n", header.expect("a header is set")),
            };
            for _ in 0..6 {
                let (again, set_cookie, header) = get(&mut Client::connect(address), &field);
                assert_eq!(again, endpoint, "the client belongs there");
                assert_eq!((set_cookie, header), (None, None), "it knows already");
            }
            seen.insert(endpoint);
        }
        assert!(seen.len() > 1, "new clients go anywhere: {seen:?}");
    }
}

#[tokio::test]
async fn a_client_whose_endpoint_is_gone_gets_another_and_is_told() {
    let origins = numbered(2);
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address).collect();
    let proxy = start(1);
    let address = apply(&proxy, &gateway(cookie(), std::slice::from_ref(&addresses)), "http").await;
    let field_of = |set: Option<String>| {
        let set = set.expect("a cookie is set");
        format!("Cookie: {}\r\n", set.split_once(';').expect("attributes").0)
    };
    let (endpoint, set, _) = get(&mut Client::connect(address), "");
    let field = field_of(set);
    let other = 1 - endpoint.parse::<usize>().expect("a number");
    apply(&proxy, &gateway(cookie(), &[vec![addresses[other]]]), "http").await;
    let (moved, set, _) = get(&mut Client::connect(address), &field);
    assert_eq!(moved, other.to_string());
    let field = field_of(set);
    apply(&proxy, &gateway(cookie(), &[addresses]), "http").await;
    for _ in 0..10 {
        assert_eq!(get(&mut Client::connect(address), &field), (moved.clone(), None, None));
    }
    // An address that is no endpoint of the route, and what is none, count for nothing: nobody is sent elsewhere.
    for forged in ["who=MTI3LjAuMC4xOjIy", "who=nonsense"] {
        let (_, set, _) = get(&mut Client::connect(address), &format!("Cookie: {forged}\r\n"));
        assert!(set.is_some(), "{forged}");
    }
}
