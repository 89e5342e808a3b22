//! `cargo xtask bench api`: what the embedded API costs with many objects.
//!
//! It starts a release build, creates VirtualServices one after another over one connection, lists them, changes some
//! and waits until the change is live in the gateway, and restarts it. Then the requests of `kubectl apply` without kubectl,
//! and `kubectl apply` itself of as many in one file, whose own CPU is subtracted.

mod kubectl;
mod made;

use super::api::Api;
use super::client::Client;
use super::process::{self, Program};
use super::stats::{median, percentile};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 78, 0, 1));
const GATEWAY: SocketAddr = SocketAddr::new(ADDRESS, 8080);
const BACKEND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 78, 0, 2)), 8000);
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a list is asked for.
const LISTS: usize = 7;

/// Options of `cargo xtask bench api`
#[derive(clap::Args, Debug)]
pub(crate) struct ObjectsArgs {
    /// How many VirtualServices there are
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    size: usize,

    /// How many changes are timed
    #[arg(long, value_name = "N", default_value_t = 50)]
    changes: usize,

    /// Measure this binary instead of a release build of the sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The figures, each with its name and unit, in the order in which they were measured.
#[derive(Default)]
struct Figures(Vec<(&'static str, f64, &'static str)>);

impl Figures {
    fn add(&mut self, name: &'static str, value: f64, unit: &'static str) {
        println!("{name:<58} {value:>10.2} {unit}");
        self.0.push((name, value, unit));
    }

    fn seconds(&mut self, name: &'static str, time: Duration) {
        self.add(name, time.as_secs_f64(), "s");
    }

    fn milliseconds(&mut self, name: &'static str, time: Duration) {
        self.add(name, time.as_secs_f64() * 1e3, "ms");
    }

    fn memory(&mut self, name: &'static str, pid: u32) -> anyhow::Result<()> {
        self.add(name, process::resident_bytes(pid)? as f64 / 1e6, "MB");
        Ok(())
    }

    fn to_json(&self) -> Value {
        self.0.iter().map(|(name, value, unit)| json!({"what": name, "value": value, "unit": unit})).collect()
    }
}

/// Measures and prints.
///
/// # Errors
/// The program does not build or start, refuses an object, or a change does not go live within two minutes.
pub(crate) fn run(args: &ObjectsArgs) -> anyhow::Result<()> {
    ensure!(args.size > 0 && args.changes > 0, "--size and --changes: found 0, allowed: 1 or more");
    let meridian = match &args.program {
        Some(program) => program.clone(),
        None => process::build_meridian()?,
    };
    println!("load of this machine: {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    let mut figures = Figures::default();
    one_by_one(args, &meridian, &mut figures)?;
    kubectl::requests(args.size, &meridian, &mut figures)?;
    kubectl::apply(args.size, &meridian, &mut figures)?;
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&figures.to_json())?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// A Meridian on a data folder.
fn start(meridian: &Path, data: &Path) -> anyhow::Result<Program> {
    Program::start(
        Command::new(meridian).args(["up", "--threads", "1", "--log-level", "warn", "--data"]).arg(data).args([
            "--api",
            &format!("{ADDRESS}:16443"),
            "--gateway",
            &format!("ingressgateway={ADDRESS}"),
        ]),
    )
}

/// All through one connection, as a program does that knows what it wants.
fn one_by_one(args: &ObjectsArgs, meridian: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let mut program = start(meridian, data.path())?;
    let _backend = Program::start(Command::new(meridian).args(["httpbin", "--listen", &BACKEND.to_string()]))?;
    let mut client = Api::of(data.path(), PATIENCE)?.connect_when_open(PATIENCE)?;
    made::surroundings(&mut client, BACKEND)?;
    figures.memory("resident with no VirtualService", program.pid())?;

    let (begun, cpu) = (Instant::now(), process::cpu_time(program.pid())?);
    (0..args.size)
        .try_for_each(|index| made::create(&mut client, made::VIRTUAL_SERVICES, &made::virtual_service(index)))?;
    figures.seconds("created one after another", begun.elapsed());
    let mut requests = None;
    wait_for(&mut requests, args.size - 1, 200)?;
    figures.seconds("created, and the last one live", begun.elapsed());
    figures.seconds("CPU of the whole process for that", process::cpu_time(program.pid())? - cpu);
    figures.memory("resident with all", program.pid())?;
    lists(&mut client, figures)?;
    changes(args, &mut client, &mut requests, figures)?;
    figures.memory("resident after the changes", program.pid())?;

    drop(program);
    let begun = Instant::now();
    program = start(meridian, data.path())?;
    let mut client = Api::of(data.path(), PATIENCE)?.connect_when_open(PATIENCE)?;
    let answer = client.call("GET", &format!("{}/route-0", made::VIRTUAL_SERVICES), None)?;
    ensure!(answer.status == 200, "route-0 after a restart: {} {}", answer.status, answer.text());
    figures.milliseconds("restarted: the API answers", begun.elapsed());
    let mut requests = None;
    wait_for(&mut requests, args.size - 1, 200)?;
    figures.milliseconds("restarted: the last route is live", begun.elapsed());
    figures.memory("resident after the restart", program.pid())?;
    Ok(())
}

fn lists(client: &mut Client, figures: &mut Figures) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..LISTS {
        let begun = Instant::now();
        let answer = client.call("GET", made::VIRTUAL_SERVICES, None)?;
        times.push(begun.elapsed());
        ensure!(answer.status == 200, "GET {}: {}", made::VIRTUAL_SERVICES, answer.status);
    }
    figures.milliseconds("list of all, median", median(&times));
    Ok(())
}

/// Changes of single routes: from before the request to the first answer that the change makes, and from the API's
/// answer to it.
fn changes(
    args: &ObjectsArgs,
    client: &mut Client,
    requests: &mut Option<Client>,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for index in args.size..args.size + args.changes {
        let begun = Instant::now();
        made::create(client, made::VIRTUAL_SERVICES, &made::virtual_service(index))?;
        answered.push(wait_for(requests, index, 200)?);
        sent.push(begun.elapsed());
        let answer = client.call("DELETE", &format!("{}/route-{index}", made::VIRTUAL_SERVICES), None)?;
        ensure!(answer.status == 200, "DELETE route-{index}: {} {}", answer.status, answer.text());
        wait_for(requests, index, 404)?;
    }
    figures.milliseconds("change sent until live, median", median(&sent));
    figures.milliseconds("change sent until live, 99 %", percentile(&sent, 99));
    figures.milliseconds("change answered until live, median", median(&answered));
    figures.milliseconds("change answered until live, 99 %", percentile(&answered, 99));
    Ok(())
}

/// Asks the gateway until the route answers with `status`; how long that took.
fn wait_for(requests: &mut Option<Client>, index: usize, status: u16) -> anyhow::Result<Duration> {
    let host = made::host(index);
    let begun = Instant::now();
    loop {
        let client = match requests {
            Some(client) => client,
            // The listener opens with the first route.
            None => requests.insert(Client::connect_when_open(GATEWAY, PATIENCE)?),
        };
        if client.get(&host, "/status/200")?.status == status {
            return Ok(begun.elapsed());
        }
        ensure!(begun.elapsed() < PATIENCE, "{host} does not answer {status} within {PATIENCE:?}");
    }
}
