//! Clusters whose endpoint is where the client was going.

use super::to_cluster;
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::Origin;
use crate::support::{cluster, forward, listener, manager};
use meridian_ir::cluster::{Discovery, LbPolicy};
use meridian_ir::{Cluster, Endpoints};
use std::net::SocketAddr;
use std::sync::Arc;

/// Status and body of a request that was on its way to `destination` when a balancer sent it here.
fn ask(gateway: &Gateway, destination: SocketAddr) -> (u16, String) {
    let proxied = gateway.proxy.shared().listener_address("proxied").expect("it listens");
    let mut client = Client::connect(proxied);
    client.send(format!("PROXY TCP4 192.0.2.1 {} 4711 {}\r\n", destination.ip(), destination.port()));
    let answer = client.get("/");
    (answer.status(), answer.text())
}

fn run(port_override: Option<u16>) -> Gateway {
    let original = Cluster {
        discovery: Discovery::OriginalDst,
        lb_policy: LbPolicy::ClusterProvided,
        port_override,
        ..cluster("origin")
    };
    let mut config = to_cluster(forward("origin"), original, Endpoints::default());
    let mut proxied = listener("proxied", manager("http.8080"));
    proxied.proxy_protocol = true;
    config.listeners.insert("proxied".into(), Arc::new(proxied));
    Gateway::run(config)
}

#[test]
fn requests_go_where_the_client_was_going() {
    let origins = super::numbered(2);
    let gateway = run(None);
    for _ in 0..2 {
        for (number, origin) in origins.iter().enumerate() {
            assert_eq!(ask(&gateway, origin.address), (200, number.to_string()));
        }
    }
    assert!(origins.iter().all(|origin: &Origin| origin.seen().len() == 2));
    let gateway = run(Some(origins[1].address.port()));
    assert_eq!(ask(&gateway, origins[0].address), (200, "1".to_owned()), "another port");
}

#[test]
fn a_client_that_came_here_has_no_other_destination() {
    let answer = Client::connect(run(None).address).get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (503, "no healthy upstream"));
}
