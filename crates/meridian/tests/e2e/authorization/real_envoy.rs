//! The same policies and the same requests in the real Envoy: what it denies and what it lets pass is the same.
//!
//! Envoy is the program that `ENVOY` names, or `envoy` in the `PATH`.

use super::ways::{ALLOWED, DENIED, Way, way};
use super::{ALLOW, DENY, send, start};
use crate::support::{Answer, Meridian, PATIENCE, connect};
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

fn envoy() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Envoy: cargo xtask setup fetches one; set ENVOY to it");
        eprintln!("\n*** SKIPPED: there is no Envoy: set ENVOY to the program ***\n");
    }
    found
}

/// An Envoy that ends with the test.
struct Envoy {
    child: Child,
    address: SocketAddr,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Envoy {
    fn start(program: &Path, folder: &Path, manager: Value) -> Self {
        let listener = json!({
            "name": "http",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
        });
        let admin = folder.join("admin");
        let bootstrap = json!({
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": [listener]},
        });
        let (file, log) = (folder.join("bootstrap.json"), folder.join("envoy.log"));
        std::fs::write(&file, bootstrap.to_string()).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin)
            .arg("--log-path")
            .arg(&log)
            .args(["--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut envoy = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let began = Instant::now();
        loop {
            if let Some(status) = envoy.child.try_wait().unwrap() {
                panic!("Envoy refused the policy ({status}): {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            if let Some(address) = std::fs::read_to_string(&admin).ok().and_then(|admin| listening(&admin)) {
                envoy.address = address;
                return envoy;
            }
            assert!(began.elapsed() < 3 * PATIENCE, "Envoy does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Where Envoy listens, once it does.
fn listening(admin: &str) -> Option<SocketAddr> {
    let page = |path: &str| {
        let said = Command::new("curl").args(["-sf", &format!("http://{admin}{path}")]).output().expect("curl runs");
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    };
    page("/ready").filter(|body| body.contains("LIVE"))?;
    page("/listeners")?.lines().find_map(|line| line.strip_prefix("http::")?.parse().ok())
}

/// The connection manager of the gateway as its `/config_dump` shows it, with a route that answers 200 to everything
/// that gets so far.
fn manager(meridian: &Meridian) -> Value {
    let mut admin = connect(SocketAddr::new(meridian.address, 15000));
    write!(admin, "GET /config_dump HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n").unwrap();
    let dump: Value = serde_json::from_slice(&Answer::read(&mut admin).body).unwrap();
    let mut managers = Vec::new();
    find(&dump, &mut managers);
    let mut manager = managers.into_iter().next().expect("the gateway speaks HTTP").clone();
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
    let Some(program) = envoy() else { return };
    let (meridian, _backend) = start(policies, &[]);
    let folder = tempfile::tempdir().unwrap();
    let envoy = Envoy::start(&program, folder.path(), manager(&meridian));
    let mut different = Vec::new();
    for way in ways.iter().chain(passing) {
        let (ours, theirs) = (send(meridian.gateway(), way), send(envoy.address, way));
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
