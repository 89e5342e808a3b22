//! `cargo xtask bench passthrough`: what passing TLS on by its SNI costs, beside nginx's stream module, HAProxy with
//! splice, and Envoy.
//!
//! Each proxy has one core for itself, all run at the same time, and one of them is under load, in turns. Load and origin
//! are of this program: a client sends a ClientHello, by whose name the proxies choose, and the origin answers with
//! bytes, so that nothing but passing on is measured. *Bytes*: a few connections are read from for as long as a round
//! takes. *Connections*: one after another is made, gets a short answer and ends. The figures are CPU time of the whole
//! process, user and system.

mod load;
mod proxies;

use super::h1::proxies::Kind;
use super::process::{build_meridian, cpu_time_with_children, installed};
use super::stats::median;
use crate::setup;
use anyhow::{Context, ensure};
use load::{Load, Origin, pin};
use proxies::Proxy;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of `cargo xtask bench passthrough`
#[derive(clap::Args, Debug)]
pub(crate) struct PassthroughArgs {
    /// Proxies to measure; repeat for several
    #[arg(long = "proxy", value_name = "NAME", value_enum, default_values_t = [Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Meridian])]
    proxies: Vec<Kind>,

    /// What is measured; repeat for several
    #[arg(long = "load", value_name = "NAME", value_enum, default_values_t = [Load::Bytes, Load::Connections])]
    loads: Vec<Load>,

    /// Rounds; the figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// How long each proxy is under each load in one round
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    seconds: u64,

    /// Clients at one time
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: usize,

    /// The core of the proxies
    #[arg(long, value_name = "N", default_value_t = 0)]
    proxy_core: u32,

    /// The core of the load and the origin
    #[arg(long, value_name = "N", default_value_t = 1)]
    load_core: u32,

    /// Measure this program as meridian instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// All rounds of one proxy under one load.
struct Row {
    load: Load,
    proxy: Kind,
    /// Bytes or connections in one second of CPU, by round.
    rates: Vec<f64>,
}

impl Row {
    fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// Its rate as a multiple of that of `proxy`, where that was measured.
    fn relative_to(&self, proxy: Kind, rows: &[Row]) -> Option<f64> {
        let other = rows.iter().find(|row| (row.load, row.proxy) == (self.load, proxy))?;
        Some(self.rate() / other.rate())
    }

    fn to_json(&self, rows: &[Row]) -> Value {
        json!({
            "load": self.load.name(),
            "proxy": self.proxy.name(),
            "per_cpu_second": self.rate(),
            "relative_to_haproxy": self.relative_to(Kind::Haproxy, rows),
            "relative_to_nginx": self.relative_to(Kind::Nginx, rows),
            "rates": self.rates,
        })
    }
}

/// Installs what is missing, measures and prints.
///
/// # Errors
/// Something does not install, build or start, or a proxy does not pass on.
pub(crate) fn run(args: &PassthroughArgs) -> anyhow::Result<()> {
    ensure!(args.rounds > 0, "--rounds: found 0, allowed: 1 or more");
    ensure!(args.seconds > 0, "--seconds: found 0, allowed: 1 or more");
    ensure!(args.clients > 0, "--clients: found 0, allowed: 1 or more");
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        args.proxy_core != args.load_core,
        "--proxy-core and --load-core are both {}, allowed: two of this machine's {cores} cores",
        args.proxy_core
    );
    install(&args.proxies)?;
    let build = || args.program.clone().map_or_else(build_meridian, Ok);
    let meridian = args.proxies.contains(&Kind::Meridian).then(build).transpose()?;
    let folder = tempfile::tempdir()?;
    let start = |&kind: &Kind| {
        Proxy::start(kind, folder.path(), args.proxy_core, meridian.as_deref()).with_context(|| kind.name().to_owned())
    };
    let proxies = args.proxies.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
    pin(args.load_core)?;
    let _origin = Origin::start()?;
    let rows = measure(args, &proxies)?;
    print(&rows);
    if let Some(file) = &args.json {
        let report: Vec<Value> = rows.iter().map(|row| row.to_json(&rows)).collect();
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn install(proxies: &[Kind]) -> anyhow::Result<()> {
    let needed = ["nginx", "haproxy", "taskset", "setpriv"];
    if needed.iter().any(|program| !installed(program)) {
        setup::run()?;
    }
    if proxies.contains(&Kind::Nginx) && !Path::new(proxies::STREAM_MODULE).is_file() {
        setup::install(&["libnginx-mod-stream"])
            .context("nginx's stream module; leave nginx out with --proxy haproxy --proxy envoy --proxy meridian")?;
    }
    if proxies.contains(&Kind::Envoy) {
        setup::envoy::install()?;
    }
    Ok(())
}

/// All rounds. In each, the proxies take turns in another order.
fn measure(args: &PassthroughArgs, proxies: &[Proxy]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &load in &args.loads {
        let first = rows.len();
        for proxy in proxies {
            proxy.check().with_context(|| proxy.kind.name().to_owned())?;
            // Connections, buffers and caches as in the middle of a long day.
            load.run(proxy.address(), args.clients, Duration::from_secs(1))?;
            rows.push(Row { load, proxy: proxy.kind, rates: Vec::new() });
        }
        for round in 0..args.rounds {
            for turn in 0..proxies.len() {
                let index = (round + turn) % proxies.len();
                let proxy = &proxies[index];
                let name = proxy.kind.name();
                let before = cpu_time_with_children(proxy.pid())?;
                let counted = load.run(proxy.address(), args.clients, Duration::from_secs(args.seconds));
                let counted = counted.with_context(|| format!("{name} under {}", load.name()))?;
                let used = cpu_time_with_children(proxy.pid())?.saturating_sub(before);
                let rate = counted as f64 / used.as_secs_f64();
                rows[first + index].rates.push(rate);
                eprintln!("{:<11} {name:<8} round {}: {}", load.name(), round + 1, load.shown(rate));
            }
        }
    }
    Ok(rows)
}

fn print(rows: &[Row]) {
    println!("{:<11} {:<9} {:>20} {:>11} {:>9}", "load", "proxy", "per CPU second", "of HAProxy", "of nginx");
    let shown = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    for row in rows {
        let (load, proxy, rate) = (row.load.name(), row.proxy.name(), row.load.shown(row.rate()));
        let haproxy = shown(row.relative_to(Kind::Haproxy, rows));
        let nginx = shown(row.relative_to(Kind::Nginx, rows));
        println!("{load:<11} {proxy:<9} {rate:>20} {haproxy:>11} {nginx:>9}");
    }
}
