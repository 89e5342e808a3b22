//! `cargo xtask bench h1`: what forwarding HTTP/1.1 costs, beside nginx, HAProxy and Envoy.
//!
//! Each proxy has one core for itself; `wrk` and the origin share another. All four run at the same time, but only one
//! of them is under load, in turns, so that whatever else the machine does falls on all alike. The figure is CPU time
//! of the whole process, user and system, divided by the requests that `wrk` counted; nothing is counted that failed.

pub(super) mod load;
pub(super) mod proxies;

use super::client::Client;
use super::process::{build_meridian, cpu_time_with_children};
use super::stats::median;
use crate::setup;
use anyhow::{Context, ensure};
use load::Load;
use proxies::{Kind, Proxy};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The origin, and where the proxies listen; loopback addresses that nothing else uses.
pub(super) const ORIGIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 77, 1, 2)), 9000);
pub(super) const EDGE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 1, 1));
const HOST: &str = "bench.example.com";
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `cargo xtask bench h1`
#[derive(clap::Args, Debug)]
pub(crate) struct H1Args {
    /// Proxies to measure; repeat for several
    #[arg(long = "proxy", value_name = "NAME", value_enum, default_values_t = [Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Meridian])]
    proxies: Vec<Kind>,

    /// What is sent; repeat for several
    #[arg(long = "load", value_name = "NAME", value_enum, default_values_t = [Load::Get, Load::Get64k, Load::Post16k])]
    loads: Vec<Load>,

    /// Rounds; the figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// How long each proxy is under each load in one round
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    seconds: u32,

    /// Connections that the load keeps open
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: u32,

    /// The core of the proxies
    #[arg(long, value_name = "N", default_value_t = 0)]
    proxy_core: u32,

    /// The core of the load and the origin
    #[arg(long, value_name = "N", default_value_t = 1)]
    load_core: u32,

    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One proxy under one load in one round.
#[derive(Clone, Copy)]
struct Sample {
    /// Microseconds of CPU for one request.
    cpu: f64,
    /// Requests in one second.
    rate: f64,
}

/// All rounds of one proxy under one load.
struct Row {
    load: Load,
    proxy: Kind,
    samples: Vec<Sample>,
}

impl Row {
    fn cpu(&self) -> f64 {
        median(&self.samples.iter().map(|sample| sample.cpu).collect::<Vec<_>>())
    }

    fn rate(&self) -> f64 {
        median(&self.samples.iter().map(|sample| sample.rate).collect::<Vec<_>>())
    }

    fn to_json(&self, rows: &[Row]) -> Value {
        json!({
            "load": self.load.name(),
            "proxy": self.proxy.name(),
            "cpu_microseconds_per_request": self.cpu(),
            "requests_per_second": self.rate(),
            "cpu_relative_to_nginx": relative_to_nginx(self, rows),
            "rounds": self.samples.iter().map(|s| json!({"cpu_microseconds_per_request": s.cpu, "requests_per_second": s.rate})).collect::<Vec<_>>(),
        })
    }
}

/// CPU time as a multiple of nginx's under the same load, where nginx was measured.
fn relative_to_nginx(row: &Row, rows: &[Row]) -> Option<f64> {
    let nginx = rows.iter().find(|other| other.load == row.load && other.proxy == Kind::Nginx)?;
    Some(row.cpu() / nginx.cpu())
}

/// Installs what is missing, measures and prints.
///
/// # Errors
/// Something does not install, build or start, or a proxy answers a request of the load with anything but success.
pub(crate) fn run(args: &H1Args) -> anyhow::Result<()> {
    ensure!(args.rounds > 0, "--rounds: found 0, allowed: 1 or more");
    ensure!(args.seconds > 0, "--seconds: found 0, allowed: 1 or more");
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        args.proxy_core != args.load_core,
        "--proxy-core and --load-core are both {}, allowed: two of this machine's {cores} cores",
        args.proxy_core
    );
    install(&args.proxies)?;
    let meridian = args.proxies.contains(&Kind::Meridian).then(build_meridian).transpose()?;
    let folder = tempfile::tempdir()?;
    let _origin = proxies::start_origin(folder.path(), args.load_core)?;
    let proxies = args
        .proxies
        .iter()
        .map(|&kind| {
            Proxy::start(kind, folder.path(), args.proxy_core, meridian.as_deref())
                .with_context(|| kind.name().to_owned())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let rows = measure(args, &proxies, folder.path())?;
    print(&rows);
    if let Some(file) = &args.json {
        let report: Vec<Value> = rows.iter().map(|row| row.to_json(&rows)).collect();
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// What the benchmark starts but the project does not build.
pub(super) fn install(proxies: &[Kind]) -> anyhow::Result<()> {
    // Nginx is the origin, too.
    if ["nginx", "haproxy", "wrk", "taskset", "setpriv"].iter().any(|program| !super::process::installed(program)) {
        crate::setup::run()?;
    }
    if proxies.contains(&Kind::Envoy) {
        setup::envoy::install()?;
    }
    Ok(())
}

/// All rounds. In each, the proxies take turns in another order.
fn measure(args: &H1Args, proxies: &[Proxy], folder: &std::path::Path) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &load in &args.loads {
        let wrk = load.prepare(folder, args)?;
        let first = rows.len();
        for proxy in proxies {
            proxy.check(load).with_context(|| format!("{} under {}", proxy.kind.name(), load.name()))?;
            // Connections, buffers and caches as in the middle of a long day.
            wrk.run(proxy.address, 1)?;
            rows.push(Row { load, proxy: proxy.kind, samples: Vec::new() });
        }
        for round in 0..args.rounds {
            for turn in 0..proxies.len() {
                let index = (round + turn) % proxies.len();
                let proxy = &proxies[index];
                let before = cpu_time_with_children(proxy.pid())?;
                let result = wrk
                    .run(proxy.address, args.seconds)
                    .with_context(|| format!("{} under {}", proxy.kind.name(), load.name()))?;
                let used = cpu_time_with_children(proxy.pid())?.saturating_sub(before);
                let cpu = used.as_secs_f64() * 1e6 / result.requests as f64;
                rows[first + index].samples.push(Sample { cpu, rate: result.rate });
                eprintln!("{} {:<8} round {}: {cpu:.2} us", load.name(), proxy.kind.name(), round + 1);
            }
        }
    }
    Ok(rows)
}

fn print(rows: &[Row]) {
    println!("{:<10} {:<10} {:>16} {:>14} {:>9}", "load", "proxy", "CPU per request", "requests/s", "of nginx");
    for row in rows {
        let relative = relative_to_nginx(row, rows).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!(
            "{:<10} {:<10} {:>13.2} us {:>14.0} {relative:>9}",
            row.load.name(),
            row.proxy.name(),
            row.cpu(),
            row.rate()
        );
    }
}

impl Proxy {
    /// Asks until the proxy answers as the origin does.
    fn check(&self, load: Load) -> anyhow::Result<()> {
        let start = std::time::Instant::now();
        let mut client = Client::connect_when_open(self.address, PATIENCE)?;
        loop {
            let answer = client.get(HOST, load.path())?;
            let body = answer.text();
            if answer.status == 200 {
                ensure!(body.len() == load.body_len(), "{} bytes, wanted {}", body.len(), load.body_len());
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "status {} {body}", answer.status);
            std::thread::sleep(Duration::from_millis(20));
            client = Client::connect_when_open(self.address, PATIENCE)?;
        }
    }
}
