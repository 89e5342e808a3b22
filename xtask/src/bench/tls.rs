//! `cargo xtask bench tls`: what terminating TLS costs, beside nginx, HAProxy and Envoy.
//!
//! As in `bench h1`, each proxy has one core for itself, all run at the same time, and one of them is under load, in
//! turns. *Handshakes*: `openssl s_time` makes one connection after another, each with a full handshake, several at a
//! time, and asks for nothing. *Requests*: `wrk` sends small GETs over connections that stay open. The figure is CPU
//! time of the whole process, user and system, for each.

mod load;
pub(super) mod proxies;

use super::h1::load::SMALL;
use super::h1::proxies::{Kind, start_origin};
use super::process::{build_meridian, cpu_time_with_children, installed};
use super::stats::median;
use anyhow::{Context, ensure};
use load::Load;
use proxies::{Key, Proxy};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Options of `cargo xtask bench tls`
#[derive(clap::Args, Debug)]
pub(crate) struct TlsArgs {
    /// Proxies to measure; repeat for several
    #[arg(long = "proxy", value_name = "NAME", value_enum, default_values_t = [Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Meridian])]
    proxies: Vec<Kind>,

    /// What is measured; repeat for several
    #[arg(long = "load", value_name = "NAME", value_enum, default_values_t = [Load::Handshakes, Load::Requests])]
    loads: Vec<Load>,

    /// Kinds of certificates; repeat for several
    #[arg(long = "key", value_name = "NAME", value_enum, default_values_t = [Key::Ecdsa, Key::Rsa])]
    keys: Vec<Key>,

    /// Rounds; the figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// How long each proxy is under each load in one round
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    seconds: u32,

    /// Connections that requests are sent over
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: u32,

    /// Clients that make handshakes
    #[arg(long, value_name = "N", default_value_t = 4)]
    clients: u32,

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

/// All rounds of one proxy under one load.
struct Row {
    load: Load,
    key: Key,
    proxy: Kind,
    /// Microseconds of CPU for one handshake or request, by round.
    cpu: Vec<f64>,
}

impl Row {
    fn cpu(&self) -> f64 {
        median(&self.cpu)
    }

    /// Handshakes or requests in one second of CPU.
    fn rate(&self) -> f64 {
        1e6 / self.cpu()
    }

    /// Its rate as a multiple of HAProxy's, where that was measured.
    fn of_haproxy(&self, rows: &[Row]) -> Option<f64> {
        let is_haproxy = |row: &&Row| (row.load, row.key, row.proxy) == (self.load, self.key, Kind::Haproxy);
        Some(self.rate() / rows.iter().find(is_haproxy)?.rate())
    }

    fn to_json(&self, rows: &[Row]) -> Value {
        json!({
            "load": self.load.name(),
            "key": self.key.name(),
            "proxy": self.proxy.name(),
            "per_cpu_second": self.rate(),
            "relative_to_haproxy": self.of_haproxy(rows),
            "cpu_microseconds": self.cpu,
        })
    }
}

/// Installs what is missing, measures and prints.
///
/// # Errors
/// Something does not install, build or start, or a proxy answers anything but success.
pub(crate) fn run(args: &TlsArgs) -> anyhow::Result<()> {
    ensure!(args.rounds > 0, "--rounds: found 0, allowed: 1 or more");
    ensure!(args.seconds > 0, "--seconds: found 0, allowed: 1 or more");
    ensure!(args.clients > 0, "--clients: found 0, allowed: 1 or more");
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        args.proxy_core != args.load_core,
        "--proxy-core and --load-core are both {}, allowed: two of this machine's {cores} cores",
        args.proxy_core
    );
    ensure!(installed("openssl"), "openssl is not installed; install the package of that name");
    super::h1::install(&args.proxies)?;
    let meridian = args.proxies.contains(&Kind::Meridian).then(build_meridian).transpose()?;
    let folder = tempfile::tempdir()?;
    Key::write_all(folder.path())?;
    let _origin = start_origin(folder.path(), args.load_core)?;
    let proxies = args
        .proxies
        .iter()
        .map(|&kind| {
            Proxy::start(kind, folder.path(), args.proxy_core, meridian.as_deref())
                .with_context(|| kind.name().to_owned())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let rows = measure(args, &proxies)?;
    print(&rows);
    if let Some(file) = &args.json {
        let report: Vec<Value> = rows.iter().map(|row| row.to_json(&rows)).collect();
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// All rounds. In each, the proxies take turns in another order.
fn measure(args: &TlsArgs, proxies: &[Proxy]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (load, key) in args.loads.iter().flat_map(|load| args.keys.iter().map(move |key| (*load, *key))) {
        let first = rows.len();
        for proxy in proxies {
            let name = proxy.kind.name();
            proxy.check(key, SMALL).with_context(|| format!("{name} with {}", key.name()))?;
            // Connections, buffers and caches as in the middle of a long day.
            load.run(proxy.address(key), args, 1)?;
            rows.push(Row { load, key, proxy: proxy.kind, cpu: Vec::new() });
        }
        for round in 0..args.rounds {
            for turn in 0..proxies.len() {
                let index = (round + turn) % proxies.len();
                let proxy = &proxies[index];
                let before = cpu_time_with_children(proxy.pid())?;
                let counted = load
                    .run(proxy.address(key), args, args.seconds)
                    .with_context(|| format!("{} under {}", proxy.kind.name(), load.name()))?;
                let used = cpu_time_with_children(proxy.pid())?.saturating_sub(before);
                let cpu = used.as_secs_f64() * 1e6 / counted as f64;
                rows[first + index].cpu.push(cpu);
                let (load, key, proxy) = (load.name(), key.name(), proxy.kind.name());
                eprintln!("{load} {key} {proxy:<8} round {}: {cpu:.2} us", round + 1);
            }
        }
    }
    Ok(rows)
}

fn print(rows: &[Row]) {
    println!(
        "{:<11} {:<6} {:<9} {:>14} {:>14} {:>11}",
        "load", "key", "proxy", "CPU each", "per CPU second", "of HAProxy"
    );
    for row in rows {
        let relative = row.of_haproxy(rows).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (load, key, proxy) = (row.load.name(), row.key.name(), row.proxy.name());
        println!("{load:<11} {key:<6} {proxy:<9} {:>11.2} us {:>14.0} {relative:>11}", row.cpu(), row.rate());
    }
}
