//! `cargo xtask bench sidecar`: what a sidecar costs that knows a thousand services, and how fast a change reaches it.
//!
//! A control plane and one sidecar run as processes of their own. Every service has one port and two endpoints. The sidecar
//! is asked for a service all the time while that service changes: the time goes from the API's answer to the change until
//! the first answer that is according to it. All that the control plane sends passes a relay, which counts.

mod mesh;
mod origin;
mod relay;

use super::api::Api;
use super::client::Client;
use super::process::{Memory, Program, memory};
use super::stats::{median, percentile};
use anyhow::{Context, ensure};
use mesh::Mesh;
use relay::Relay;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The control plane and its proxy are here, and the relay between them.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 79, 0, 1));
const RELAY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 79, 0, 2)), 15010);
/// The endpoints of the services that are asked for, and their ports before and after a change.
const ENDPOINTS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 79, 0, 3)), IpAddr::V4(Ipv4Addr::new(127, 79, 0, 4))];
const BEFORE: u16 = 8000;
const AFTER: u16 = 8001;
/// Of all HTTP services, and of the listener that the sidecar has for them.
const HTTP_PORT: u16 = 9000;
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing happens before memory is read.
const REST: Duration = Duration::from_secs(2);

/// Options of `cargo xtask bench sidecar`
#[derive(clap::Args, Debug)]
pub(crate) struct SidecarArgs {
    /// How many services there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10000))]
    services: u16,

    /// How many changes of endpoints are timed, and as many of routes; of a service each
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10000))]
    changes: u16,

    /// What is measured; repeat for several
    #[arg(long = "case", value_name = "NAME", value_enum, default_values_t = [Case::Http, Case::HalfTcp, Case::MutualTls])]
    cases: Vec<Case>,

    /// Measure this program as meridian instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What services there are, and how the sidecar gets its configuration.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// All services are HTTP; plaintext on 15010
    Http,
    /// Every other service is TCP; plaintext on 15010
    HalfTcp,
    /// All services are HTTP; mutual TLS on 15012, and the sidecar has a certificate
    MutualTls,
}

impl Case {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::HalfTcp => "half TCP",
            Self::MutualTls => "HTTP, mutual TLS",
        }
    }

    /// Whether service `index` is TCP. Those that change are not.
    const fn is_tcp(self, index: u16) -> bool {
        matches!(self, Self::HalfTcp) && index % 2 == 1
    }
}

/// The figures of one case.
struct Figures {
    case: Case,
    first: Memory,
    changed: Memory,
    /// Started again with a folder that it keeps its configuration in.
    restarted: Memory,
    endpoints: Changes,
    routes: Changes,
}

/// What changes of one kind took.
#[derive(Default)]
struct Changes {
    /// From the API's answer.
    live: Vec<Duration>,
    /// From the request to the API.
    whole: Vec<Duration>,
    /// What the control plane sent for each.
    bytes: Vec<u64>,
}

/// Measures and prints.
///
/// # Errors
/// The program does not build or start, or a change does not go live within a minute.
pub(crate) fn run(args: &SidecarArgs) -> anyhow::Result<()> {
    ensure!(
        args.changes <= args.services.div_ceil(2),
        "--changes: found {}, allowed: half of --services",
        args.changes
    );
    let meridian = match &args.program {
        Some(program) => program.clone(),
        None => super::process::build_meridian()?,
    };
    for (port, status) in [(BEFORE, 200), (AFTER, 203)] {
        origin::start(ENDPOINTS.map(|address| SocketAddr::new(address, port)), status)?;
    }
    let mut report = Vec::new();
    for &case in &args.cases {
        let figures = measure(&meridian, case, args)?;
        figures.print(args.services);
        report.push(figures.to_json());
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn measure(meridian: &Path, case: Case, args: &SidecarArgs) -> anyhow::Result<Figures> {
    let scratch = tempfile::tempdir()?;
    let mesh = Mesh { case };
    let api = SocketAddr::new(ADDRESS, 16443);
    let _control = Program::start(
        Command::new(meridian)
            .args(["control-plane", "--log-level", "warn", "--data"])
            .arg(scratch.path().join("data"))
            .args(["--api", &api.to_string(), "--debug", &format!("{ADDRESS}:15014")])
            .args(["--xds", &format!("{ADDRESS}:15010"), "--xds-tls", &format!("{ADDRESS}:15012")]),
    )?;
    let mut client = Api::of(&scratch.path().join("data"), PATIENCE)?.connect_when_open(PATIENCE)?;
    mesh.create(&mut client, args.services)?;
    let target = SocketAddr::new(ADDRESS, if case == Case::MutualTls { 15012 } else { 15010 });
    let relay = Relay::start(RELAY, target)?;
    let mut options = match case {
        Case::MutualTls => mesh::credentials(&mut client, scratch.path())?,
        Case::Http | Case::HalfTcp => Vec::new(),
    };

    let sidecar = start(meridian, &options)?;
    let mut requests = Client::connect_when_open(SocketAddr::new(ADDRESS, HTTP_PORT), PATIENCE)?;
    std::thread::sleep(REST);
    let first = memory(sidecar.pid())?;
    let (mut endpoints, mut routes) = (Changes::default(), Changes::default());
    for change in 0..args.changes {
        let index = change * 2;
        wait_for(&mut requests, index, 200)?;
        time(&mut endpoints, &relay, &mut requests, index, 203, || mesh.move_endpoints(&mut client, index))?;
    }
    for change in 0..args.changes {
        let index = change * 2;
        time(&mut routes, &relay, &mut requests, index, 418, || mesh.add_route(&mut client, index, 418))?;
    }
    std::thread::sleep(REST);
    let changed = memory(sidecar.pid())?;
    drop(sidecar);
    options.extend(["--state".to_owned(), scratch.path().join("state").display().to_string()]);
    let kept = start(meridian, &options)?;
    Client::connect_when_open(SocketAddr::new(ADDRESS, HTTP_PORT), PATIENCE)?;
    std::thread::sleep(REST);
    drop(kept);
    let sidecar = start(meridian, &options)?;
    Client::connect_when_open(SocketAddr::new(ADDRESS, HTTP_PORT), PATIENCE)?;
    std::thread::sleep(REST);
    let restarted = memory(sidecar.pid())?;
    Ok(Figures { case, first, changed, restarted, endpoints, routes })
}

fn start(meridian: &Path, options: &[String]) -> anyhow::Result<Program> {
    Program::start(
        Command::new(meridian)
            .args([
                "sidecar",
                "--name",
                "sleep",
                "--namespace",
                "default",
                "--labels",
                "app=sleep",
                "--log-level",
                "warn",
            ])
            .args(["--ip", &ADDRESS.to_string(), "--discovery", &RELAY.to_string()])
            .args(options),
    )
}

/// Changes service `index` and times it; it answers with `status` then.
fn time(
    changes: &mut Changes,
    relay: &Relay,
    requests: &mut Client,
    index: u16,
    status: u16,
    change: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (before, start) = (relay.received(), Instant::now());
    change()?;
    let answered = Instant::now();
    wait_for(requests, index, status)?;
    changes.live.push(answered.elapsed());
    changes.whole.push(start.elapsed());
    changes.bytes.push(relay.received() - before);
    Ok(())
}

/// Asks the sidecar for service `index` until it answers with `status`.
fn wait_for(requests: &mut Client, index: u16, status: u16) -> anyhow::Result<()> {
    let (host, start) = (mesh::host(index), Instant::now());
    loop {
        let found = requests.get(&host, "/")?.status;
        if found == status {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{host}: found {found}, allowed: {status} within {PATIENCE:?}");
    }
}

impl Figures {
    fn print(&self, services: u16) {
        println!("{services} services, {}", self.case.name());
        let states = [("first", self.first), ("after changes", self.changed), ("with --state", self.restarted)];
        for (state, memory) in states {
            let [resident, anonymous] = [memory.resident, memory.anonymous].map(|bytes| bytes as f64 / 1e6);
            println!("  memory, {state:<14} {resident:>6.1} MB, of which {anonymous:.1} MB are its own (anonymous)");
        }
        for (what, changes) in [("endpoints", &self.endpoints), ("routes", &self.routes)] {
            println!(
                "  {what:<9} live after {:>6.2} ms (99 %: {:.2} ms), with the API's answer {:.2} ms (99 %: {:.2} ms), {} bytes (at most {})",
                milliseconds(median(&changes.live)),
                milliseconds(percentile(&changes.live, 99)),
                milliseconds(median(&changes.whole)),
                milliseconds(percentile(&changes.whole, 99)),
                median(&changes.bytes),
                percentile(&changes.bytes, 100),
            );
        }
    }

    fn to_json(&self) -> Value {
        let memory = |memory: Memory| json!({"resident": memory.resident, "anonymous": memory.anonymous});
        json!({
            "case": self.case.name(),
            "bytes": {"first": memory(self.first), "changed": memory(self.changed), "restarted": memory(self.restarted)},
            "endpoints": self.endpoints.to_json(),
            "routes": self.routes.to_json(),
        })
    }
}

impl Changes {
    fn to_json(&self) -> Value {
        json!({
            "live_milliseconds": {"median": milliseconds(median(&self.live)), "p99": milliseconds(percentile(&self.live, 99))},
            "whole_milliseconds": {"median": milliseconds(median(&self.whole)), "p99": milliseconds(percentile(&self.whole, 99))},
            "bytes": {"median": median(&self.bytes), "most": percentile(&self.bytes, 100)},
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
