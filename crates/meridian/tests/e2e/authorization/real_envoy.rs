//! The same policies and the same requests in the real Envoy: what it denies and what it lets pass is the same.

use super::ways::{ALLOWED, DENIED, Way, way};
use super::{ALLOW, DENY, send, start};
use crate::support::{Answer, Meridian, connect, eventually};
use meridian_envoy::Envoy;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;

/// A bootstrap with one listener, `http`.
fn bootstrap(manager: &Value) -> Value {
    let listener = json!({
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    });
    json!({
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "static_resources": {"listeners": [listener]},
    })
}

/// The connection manager of the gateway as its `/config_dump` shows it, with a route that answers 200 to everything
/// that gets so far.
fn manager(meridian: &Meridian) -> Value {
    // A policy may be programmed before the Gateway that was applied after it is.
    let mut manager = eventually("the gateway speaks HTTP", || first_manager(meridian), || meridian.log());
    let fields = manager.as_object_mut().unwrap();
    fields.remove("rds");
    fields.remove("access_log");
    let route = json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}});
    let everything = json!({"name": "all", "domains": ["*"], "routes": [route]});
    fields.insert("route_config".into(), json!({"name": "all", "virtual_hosts": [everything]}));
    let port = json!({"destination_port": 8080});
    assert!(manager.to_string().contains(&port.to_string()), "a policy about the port, which is another here");
    let anywhere = manager.to_string().replace(&port.to_string(), &json!({"any": true}).to_string());
    serde_json::from_str(&anywhere).unwrap()
}

fn first_manager(meridian: &Meridian) -> Option<Value> {
    let mut admin = connect(SocketAddr::new(meridian.address, 15000));
    write!(admin, "GET /config_dump HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n").unwrap();
    let dump: Value = serde_json::from_slice(&Answer::read(&mut admin).body).unwrap();
    let mut managers = Vec::new();
    find(&dump, &mut managers);
    managers.into_iter().next().cloned()
}

fn find<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(fields) => {
            let type_url = fields.get("@type").and_then(Value::as_str).unwrap_or_default();
            if type_url.ends_with(".HttpConnectionManager") {
                found.push(value);
            }
            fields.values().for_each(|field| find(field, found));
        }
        _ => {}
    }
}

/// Sends every way to both, and compares what becomes of it.
fn compare(policies: &str, ways: &[Way], passing: &[Way]) {
    let Some(program) = meridian_envoy::program() else { return };
    let (meridian, _backend) = start(policies, &[]);
    let folder = tempfile::tempdir().unwrap();
    let envoy = Envoy::start(&program, folder.path(), &bootstrap(&manager(&meridian)));
    let mut different = Vec::new();
    for way in ways.iter().chain(passing) {
        let (ours, theirs) = (send(meridian.gateway(), way), send(envoy.listener("http"), way));
        if (ours, theirs) != (way.status, way.in_envoy) {
            different.push(format!("{}: {ours}, and in Envoy {theirs}", way.name));
        }
    }
    println!("{} requests compared, {} different", ways.len() + passing.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn envoy_denies_the_same() {
    let others = [
        way("another host", "GET /anything/ok HTTP/1.1\r\nHost: nosecret.test\r\nConnection: close\r\n\r\n", 200),
        way(
            "another path",
            "GET /anything/administrator HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
            200,
        ),
        way(
            "another value",
            "GET /anything/ok HTTP/1.1\r\nHost: open.test\r\nX-Role: intruders\r\nConnection: close\r\n\r\n",
            200,
        ),
    ];
    compare(DENY, DENIED, &others);
}

#[test]
fn envoy_allows_the_same() {
    let others = [
        way("the path", "GET /anything/open HTTP/1.1\r\nHost: OPEN.test\r\nConnection: close\r\n\r\n", 200),
        way("the prefix", "GET /anything/x/../pub/a/b?c HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 200),
    ];
    compare(&format!("{ALLOW}  - to: [{{operation: {{ports: ['8080'], hosts: [never.test]}}}}]\n"), ALLOWED, &others);
}
