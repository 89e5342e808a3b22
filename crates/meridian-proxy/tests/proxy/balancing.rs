//! Which endpoint a request goes to, when none is left, and what a cluster may be asked for at once.

mod consistent_hash;
mod lifetimes;
mod limits;
mod original_destination;
mod outliers;
mod real_envoy;
mod tcp;

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, response};
use crate::support::{config, endpoints, route, virtual_host};
use meridian_ir::route::Forward;
use meridian_ir::{Action, Cluster, Endpoints, ProxyConfig};
use std::net::SocketAddr;

/// Origins that answer with their numbers.
fn numbered(count: usize) -> Vec<Origin> {
    (0..count).map(|number| Origin::start(move |_| response("200 OK", &number.to_string()))).collect()
}

fn addresses(origins: &[Origin]) -> Vec<SocketAddr> {
    origins.iter().map(|origin| origin.address).collect()
}

/// A configuration whose only route forwards to `cluster` with `endpoints`.
fn to_cluster(forward: Forward, cluster: Cluster, endpoints: Endpoints) -> ProxyConfig {
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward))])];
    config(hosts, vec![(cluster, endpoints)])
}

fn gateway(forward: Forward, cluster: Cluster, origins: &[Origin]) -> Gateway {
    Gateway::run(to_cluster(forward, cluster, endpoints(&addresses(origins))))
}

/// The body of an answer to `GET path` with these further header lines, each with its line end.
fn ask(client: &mut Client, path: &str, fields: &str) -> String {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: h.test\r\n{fields}\r\n"));
    client.answer().text()
}

/// A page of the admin endpoint.
fn admin(gateway: &Gateway, path: &str) -> String {
    let endpoints = gateway.proxy.shared().endpoints.get().expect("it has endpoints of its own");
    Client::connect(endpoints.admin.expect("it listens")).get(path).text()
}

/// The number that `/stats` shows under this name.
fn stat(gateway: &Gateway, name: &str) -> u64 {
    let page = admin(gateway, "/stats");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("{name} is not in:\n{page}")).parse().expect("a number")
}
