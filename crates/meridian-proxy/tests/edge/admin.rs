//! The proxy's own endpoints over real sockets.

use crate::config;
use meridian_proxy::{Proxy, ProxyError, ProxyHandle, ProxyOptions};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn any_port() -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn options() -> ProxyOptions {
    let config_dump = Arc::new(|config: &meridian_ir::ProxyConfig| {
        serde_json::json!({"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
            "version_info": config.version.to_string()}]})
    });
    ProxyOptions { admin: any_port(), readiness: any_port(), metrics: any_port(), config_dump, ..config::options() }
}

/// Status and body of a request by curl.
async fn curl(arguments: String) -> (u16, String) {
    let run = move || {
        let output = Command::new("curl").args(["-sS", "-w", "\n%{http_code}"]).args(arguments.split(' ')).output();
        String::from_utf8(output.expect("curl").stdout).expect("text")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("no panic");
    let (body, status) = said.rsplit_once('\n').expect("a status");
    (status.parse().expect("a status"), body.to_owned())
}

async fn admin(proxy: &ProxyHandle, path: &str) -> (u16, String) {
    let address = proxy.shared().endpoints.get().and_then(|endpoints| endpoints.admin).expect("it listens");
    curl(format!("http://{address}{path}")).await
}

async fn json(proxy: &ProxyHandle, path: &str) -> serde_json::Value {
    let (status, body) = admin(proxy, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// A server that answers every request with 200.
fn origin() -> SocketAddr {
    use std::io::{BufRead, BufReader, Write};
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in socket.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line == "\r\n" {
                        let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn readiness_follows_the_configuration() {
    let proxy = config::start(options());
    let endpoints = *proxy.shared().endpoints.get().expect("they listen");
    let ready = format!("http://{}/healthz/ready", endpoints.readiness.expect("it listens"));
    assert_eq!(curl(ready.clone()).await, (503, "PRE_INITIALIZING\n".to_owned()));
    proxy.apply(Arc::new(config::plain(origin(), vec![]))).await.expect("it runs");
    assert_eq!(curl(ready).await, (200, "LIVE\n".to_owned()));
    assert_eq!(admin(&proxy, "/ready").await, (200, "LIVE\n".to_owned()));
    let info = json(&proxy, "/server_info").await;
    assert_eq!((&info["state"], &info["command_line_options"]["concurrency"]), (&"LIVE".into(), &2.into()));
}

#[tokio::test]
async fn requests_are_seen_in_every_view() {
    let proxy = config::start(options());
    let origin = origin();
    let at = config::apply(&proxy, &config::plain(origin, vec![]), "http").await;
    for _ in 0..3 {
        assert_eq!(curl(format!("http://{at}/")).await, (200, "ok".to_owned()));
    }
    let (_, listeners) = admin(&proxy, "/listeners").await;
    assert_eq!(listeners, format!("http::{at}\n"));
    let statuses = json(&proxy, "/listeners?format=json").await;
    assert_eq!(statuses["listener_statuses"][0]["local_address"]["socket_address"]["port_value"], at.port());

    assert_eq!(json(&proxy, "/config_dump").await["configs"][0]["version_info"], "1");
    let (_, clusters) = admin(&proxy, "/clusters").await;
    for line in [
        "origin::observability_name::origin;".to_owned(),
        "origin::default_priority::max_connections::4294967295".to_owned(),
        format!("origin::{origin}::rq_total::3"),
        format!("origin::{origin}::rq_success::3"),
        format!("origin::{origin}::health_flags::healthy"),
        format!("origin::{origin}::weight::1"),
    ] {
        assert!(clusters.lines().any(|found| found == line), "no {line:?} in {clusters}");
    }
    let statuses = json(&proxy, "/clusters?format=json").await;
    let host = &statuses["cluster_statuses"][0]["host_statuses"][0];
    assert_eq!(host["address"]["socket_address"]["port_value"], origin.port());
    assert_eq!(host["health_status"]["eds_health_status"], "HEALTHY");

    let (_, stats) = admin(&proxy, "/stats?filter=^(cluster.origin|listener)&usedonly").await;
    for line in [
        "cluster.origin.upstream_rq_200: 3",
        "cluster.origin.upstream_rq_total: 3",
        "listener.http.downstream_cx_total: 3",
    ] {
        assert!(stats.lines().any(|found| found == line), "no {line:?} in {stats}");
    }
    let metrics = proxy.shared().endpoints.get().and_then(|endpoints| endpoints.metrics).expect("it listens");
    let (status, text) = curl(format!("http://{metrics}/stats/prometheus")).await;
    assert_eq!(status, 200);
    assert!(text.contains("# TYPE istio_requests_total counter\n"), "{text}");
    assert!(text.contains("envoy_server_live{} 1\n"), "{text}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let proxy = config::start(options());
    for (path, status, part) in [
        ("/nosuch", 404, "invalid path. admin commands are:\n  /:"),
        ("/help", 200, "  /config_dump: "),
        ("/stats?filter=(", 400, "Invalid re2 regex"),
        ("/stats?format=xml", 400, "none of text, json, prometheus"),
        ("/config_dump?resource=nosuch", 404, "nosuch not found in config dump"),
        ("/quitquitquit", 405, "Method GET not allowed, POST required."),
        ("/logging", 405, "POST required"),
        ("/memory", 200, "total_physical_bytes"),
        ("/certs", 200, "\"certificates\": []"),
    ] {
        let (found, body) = admin(&proxy, path).await;
        assert!(found == status && body.contains(part), "{path}: {found} {body}");
    }
}

#[tokio::test]
async fn logs_are_opened_again_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let proxy = config::start(options());
    let config = config::plain(origin(), vec![config::access_log(path.to_str().expect("UTF-8"))]);
    let at = config::apply(&proxy, &config, "http").await;
    let wait_for_line = async || {
        let begun = Instant::now();
        while std::fs::read_to_string(&path).unwrap_or_default().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "no line");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    curl(format!("http://{at}/")).await;
    wait_for_line().await;
    std::fs::rename(&path, folder.path().join("log.1")).expect("it is there");
    assert_eq!(admin(&proxy, "/reopen_logs -XPOST").await, (200, "OK\n".to_owned()));
    curl(format!("http://{at}/")).await;
    wait_for_line().await;
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let error = Proxy::start(ProxyOptions { readiness: Some(address), ..options() }).expect_err("it is taken");
    assert!(matches!(error, ProxyError::Endpoint { purpose: "readiness", .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
