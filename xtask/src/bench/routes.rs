//! `cargo xtask bench routes`: how fast a changed route is live, and what many routes cost in memory.
//!
//! For each size it starts a release build, loads that many VirtualServices through the API, and then adds one more
//! again and again: the time from the API's answer to the first request that the new route serves.

use super::api::Api;
use super::client::Client;
use super::process::{Program, resident_bytes};
use super::stats::{median, percentile};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));
const VIRTUAL_SERVICES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
const BACKEND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 0, 2)), 8000);
/// How many services the routes lead to.
const SERVICES: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `cargo xtask bench routes`
#[derive(clap::Args, Debug)]
pub(crate) struct RoutesArgs {
    /// How many VirtualServices there are; repeat for several
    #[arg(long = "size", value_name = "N", default_values_t = [1000, 10000])]
    sizes: Vec<usize>,

    /// How many changes are timed at each size
    #[arg(long, value_name = "N", default_value_t = 200)]
    changes: usize,

    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The figures of one size.
struct Figures {
    size: usize,
    load: Duration,
    live: Vec<Duration>,
    gone: Vec<Duration>,
    resident: u64,
}

/// Measures and prints.
///
/// # Errors
/// The program does not build or start, or a change does not go live within a minute.
pub(crate) fn run(args: &RoutesArgs) -> anyhow::Result<()> {
    ensure!(args.changes > 0, "--changes: found 0, allowed: 1 or more");
    let meridian = super::process::build_meridian()?;
    let mut rows = Vec::new();
    println!(
        "{:>8} {:>10} {:>12} {:>12} {:>12} {:>10}",
        "routes", "loaded in", "live median", "live p99", "gone median", "memory"
    );
    for &size in &args.sizes {
        let figures = measure(&meridian, size, args.changes)?;
        println!(
            "{:>8} {:>8.1} s {:>9.2} ms {:>9.2} ms {:>9.2} ms {:>7.1} MB",
            figures.size,
            figures.load.as_secs_f64(),
            milliseconds(median(&figures.live)),
            milliseconds(percentile(&figures.live, 99)),
            milliseconds(median(&figures.gone)),
            figures.resident as f64 / 1e6,
        );
        rows.push(figures);
    }
    if let Some(file) = &args.json {
        let report: Vec<Value> = rows.iter().map(Figures::to_json).collect();
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

impl Figures {
    fn to_json(&self) -> Value {
        json!({
            "routes": self.size,
            "load_seconds": self.load.as_secs_f64(),
            "live_milliseconds": {"median": milliseconds(median(&self.live)), "p99": milliseconds(percentile(&self.live, 99))},
            "gone_milliseconds": {"median": milliseconds(median(&self.gone)), "p99": milliseconds(percentile(&self.gone, 99))},
            "resident_bytes": self.resident,
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn measure(meridian: &std::path::Path, size: usize, changes: usize) -> anyhow::Result<Figures> {
    let data = tempfile::tempdir()?;
    let program = Program::start(
        std::process::Command::new(meridian)
            .args(["up", "--threads", "1", "--log-level", "warn", "--data"])
            .arg(data.path())
            .args(["--api", &format!("{ADDRESS}:16443"), "--gateway", &format!("ingressgateway={ADDRESS}")]),
    )?;
    let _backend =
        Program::start(std::process::Command::new(meridian).args(["httpbin", "--listen", &BACKEND.to_string()]))?;
    let api = Api::of(data.path(), PATIENCE)?;
    let gateway = SocketAddr::new(ADDRESS, 8080);
    let mut client = api.connect_when_open(PATIENCE)?;
    create(&mut client, "/apis/networking.istio.io/v1/namespaces/default/gateways", &gateway_object())?;

    for index in 0..SERVICES {
        create(&mut client, "/apis/networking.istio.io/v1/namespaces/default/serviceentries", &service_entry(index))?;
    }

    let start = Instant::now();
    load(&api, size)?;
    let mut requests = None;
    wait_for(&mut requests, gateway, size - 1, 200)?;
    let load = start.elapsed();

    let (mut live, mut gone) = (Vec::new(), Vec::new());
    for change in size..size + changes {
        create(&mut client, VIRTUAL_SERVICES, &virtual_service(change))?;
        live.push(wait_for(&mut requests, gateway, change, 200)?);
        let answer = client.call("DELETE", &format!("{VIRTUAL_SERVICES}/route-{change}"), None)?;
        ensure!(answer.status == 200, "DELETE route-{change}: {} {}", answer.status, answer.text());
        gone.push(wait_for(&mut requests, gateway, change, 404)?);
    }
    let resident = resident_bytes(program.pid())?;
    Ok(Figures { size, load, live, gone, resident })
}

/// Creates the VirtualServices over a few connections, as a pipeline that deploys would.
fn load(api: &Api, size: usize) -> anyhow::Result<()> {
    const CONNECTIONS: usize = 16;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| {
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut client = api.connect(PATIENCE)?;
                    (worker..size)
                        .step_by(CONNECTIONS)
                        .try_for_each(|index| create(&mut client, VIRTUAL_SERVICES, &virtual_service(index)))
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(result) => result?,
                Err(_) => bail!("a thread that loads VirtualServices panicked"),
            }
        }
        Ok(())
    })
}

/// Asks the gateway until the route answers with `status`; how long that took.
fn wait_for(requests: &mut Option<Client>, gateway: SocketAddr, index: usize, status: u16) -> anyhow::Result<Duration> {
    let host = format!("route-{index}.example.com");
    let start = Instant::now();
    loop {
        let client = match requests {
            Some(client) => client,
            // The listener opens with the first route.
            None => requests.insert(Client::connect_when_open(gateway, PATIENCE)?),
        };
        if client.get(&host, "/status/200")?.status == status {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < PATIENCE, "{host} does not answer {status} within {PATIENCE:?}");
    }
}

fn create(client: &mut Client, collection: &str, object: &Value) -> anyhow::Result<()> {
    let answer = client.call("POST", collection, Some(object))?;
    ensure!(answer.status == 201, "POST {collection}: {} {}", answer.status, answer.text());
    Ok(())
}

/// The host of one of the services that the routes lead to.
fn service(index: usize) -> String {
    format!("service-{}.test", index % SERVICES)
}

fn service_entry(index: usize) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": format!("service-{index}")},
        "spec": {"hosts": [service(index)], "resolution": "STATIC", "endpoints": [{"address": BACKEND.ip()}],
                 "ports": [{"number": 8000, "name": "http", "protocol": "HTTP"}]},
    })
}

fn gateway_object() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
        "spec": {"selector": {"istio": "ingressgateway"},
                 "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]},
    })
}

fn virtual_service(index: usize) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": format!("route-{index}")},
        "spec": {
            "hosts": [format!("route-{index}.example.com")],
            "gateways": ["edge"],
            "http": [
                {"match": [{"uri": {"prefix": "/api/"}, "headers": {"x-version": {"exact": "v2"}}}],
                 "route": [{"destination": {"host": service(index + 1), "port": {"number": 8000}}}]},
                {"route": [{"destination": {"host": service(index), "port": {"number": 8000}}}]},
            ],
        },
    })
}
