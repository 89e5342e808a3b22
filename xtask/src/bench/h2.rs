//! `cargo xtask bench h2`: what HTTP/2 over TLS costs, towards an origin of HTTP/1.1, beside nginx, HAProxy and Envoy.
//!
//! As in `bench tls`, with the same proxies: each has one core for itself, and one of them is under load, in turns.
//! `h2load` sends small GETs on streams of connections that stay open. The figure is CPU time of the whole process, user
//! and system, for each request.

use super::h1::load::SMALL;
use super::h1::proxies::{Kind, start_origin};
use super::process::{build_meridian, cpu_time_with_children, installed};
use super::stats::median;
use super::tls::proxies::{Key, Proxy};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// Options of `cargo xtask bench h2`
#[derive(clap::Args, Debug)]
pub(crate) struct H2Args {
    /// Proxies to measure; repeat for several
    #[arg(long = "proxy", value_name = "NAME", value_enum, default_values_t = [Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Meridian])]
    proxies: Vec<Kind>,

    /// Rounds; the figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// How long each proxy is under load in one round
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    seconds: u32,

    /// Connections that the load keeps open
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: u32,

    /// Streams at once on each of them
    #[arg(long, value_name = "N", default_value_t = 8)]
    streams: u32,

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

/// All rounds of one proxy.
struct Row {
    proxy: Kind,
    /// Microseconds of CPU for one request, by round.
    cpu: Vec<f64>,
}

impl Row {
    fn cpu(&self) -> f64 {
        median(&self.cpu)
    }

    /// CPU time as a multiple of HAProxy's, where that was measured.
    fn of_haproxy(&self, rows: &[Row]) -> Option<f64> {
        Some(self.cpu() / rows.iter().find(|row| row.proxy == Kind::Haproxy)?.cpu())
    }
}

/// Installs what is missing, measures and prints.
///
/// # Errors
/// Something does not install, build or start, or a proxy answers anything but success.
pub(crate) fn run(args: &H2Args) -> anyhow::Result<()> {
    for (name, value) in [("rounds", args.rounds), ("seconds", args.seconds as usize)] {
        ensure!(value > 0, "--{name}: found 0, allowed: 1 or more");
    }
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        args.proxy_core != args.load_core,
        "--proxy-core and --load-core are both {}, allowed: two of this machine's {cores} cores",
        args.proxy_core
    );
    super::h1::install(&args.proxies)?;
    if !installed("h2load") {
        crate::setup::run()?;
    }
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
    println!("{:<9} {:>16} {:>11}", "proxy", "CPU per request", "of HAProxy");
    for row in &rows {
        let relative = row.of_haproxy(&rows).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("{:<9} {:>13.2} us {relative:>11}", row.proxy.name(), row.cpu());
    }
    if let Some(file) = &args.json {
        let report: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "proxy": row.proxy.name(),
                    "cpu_microseconds_per_request": row.cpu(),
                    "relative_to_haproxy": row.of_haproxy(&rows),
                    "rounds": row.cpu,
                })
            })
            .collect();
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// All rounds. In each, the proxies take turns in another order.
fn measure(args: &H2Args, proxies: &[Proxy]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for proxy in proxies {
        proxy.check(Key::Ecdsa, SMALL).with_context(|| proxy.kind.name().to_owned())?;
        // Connections, buffers and caches as in the middle of a long day.
        load(proxy.address(Key::Ecdsa), args, 1).with_context(|| proxy.kind.name().to_owned())?;
        rows.push(Row { proxy: proxy.kind, cpu: Vec::new() });
    }
    for round in 0..args.rounds {
        for turn in 0..proxies.len() {
            let index = (round + turn) % proxies.len();
            let proxy = &proxies[index];
            let before = cpu_time_with_children(proxy.pid())?;
            let requests =
                load(proxy.address(Key::Ecdsa), args, args.seconds).with_context(|| proxy.kind.name().to_owned())?;
            let used = cpu_time_with_children(proxy.pid())?.saturating_sub(before);
            let cpu = used.as_secs_f64() * 1e6 / requests as f64;
            rows[index].cpu.push(cpu);
            eprintln!("{:<8} round {}: {cpu:.2} us", proxy.kind.name(), round + 1);
        }
    }
    Ok(rows)
}

/// Loads `address` for some seconds. How many requests were answered.
///
/// # Errors
/// Any failed.
fn load(address: SocketAddr, args: &H2Args, seconds: u32) -> anyhow::Result<u64> {
    let mut command = Command::new("taskset");
    command
        .args(["-c", &args.load_core.to_string(), "h2load", "-t1", "-c", &args.connections.to_string()])
        .args(["-m", &args.streams.to_string(), "-D", &seconds.to_string()])
        .arg(format!("https://{address}/small"));
    let text = crate::workspace::output(&mut command)?;
    succeeded(&text).with_context(|| format!("h2load did not succeed: {text}"))
}

/// Reads how many requests succeeded in `h2load`'s report; `None` when any failed, or they were not HTTP/2.
fn succeeded(text: &str) -> Option<u64> {
    let is_http2 = text.lines().any(|line| line.starts_with("Application protocol: h2"));
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count =
        |name: &str| line.split(", ").find_map(|part| part.strip_suffix(name)?.trim().parse::<u64>().ok()).unwrap_or(0);
    let statuses = text.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    let only_good = statuses.ends_with(" 0 3xx, 0 4xx, 0 5xx");
    let has_failed = ["failed", "errored", "timeout"].iter().any(|name| count(name) > 0);
    Some(count("succeeded")).filter(|requests| is_http2 && only_good && !has_failed && *requests > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "TLS Protocol: TLSv1.3\nApplication protocol: h2\n\nfinished in 4.00s, 25000.00 req/s, 3.2MB/s\n\
        requests: 100000 total, 100128 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout\n\
        status codes: 100128 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn a_report_without_failures() {
        assert_eq!(succeeded(REPORT), Some(100_000));
    }

    #[test]
    fn failures_are_not_measured() {
        for (good, bad) in [("0 failed", "3 failed"), ("0 5xx", "7 5xx"), ("protocol: h2", "protocol: http/1.1")] {
            assert_eq!(succeeded(&REPORT.replace(good, bad)), None, "{bad}");
        }
    }
}
