//! `cargo xtask bench gateway-api`: Gateway API through a real Kubernetes API server, with gateways in pods.
//!
//! - *live*: from before the create of an HTTPRoute to the first request that it answers, with many routes there.
//! - *changes*: requests lost on a route that stays, while others come and go.
//! - *rollover*: requests lost while the Deployments of many Gateways are rolled over, all at once. Clients follow the
//!   address of the Service, and a pod that is deleted is told to end and has its time, as a kubelet does it.
//! - *leader*: requests lost while the control plane that leads is killed, and when the other one writes statuses.

mod lab;
mod objects;
mod traffic;

use super::client::Client;
use super::stats::{median, percentile};
use anyhow::{Context, bail, ensure};
use lab::Lab;
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use traffic::Traffic;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Options of `cargo xtask bench gateway-api`
#[derive(clap::Args, Debug)]
pub(crate) struct GatewayApiArgs {
    /// How many HTTPRoutes there are
    #[arg(long, value_name = "N", default_value_t = 1000)]
    routes: usize,
    /// How many creates are timed
    #[arg(long, value_name = "N", default_value_t = 200)]
    timed: usize,
    /// Through how many changes no request may be lost
    #[arg(long, value_name = "N", default_value_t = 1000)]
    changes: usize,
    /// How many Gateways are rolled over
    #[arg(long, value_name = "N", default_value_t = 20)]
    gateways: usize,
    /// Measure this program instead of a release build
    #[arg(long, value_name = "FILE")]
    meridian: Option<PathBuf>,
    /// Also write the figures to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the logs go [default: bench-gateway-api in the target folder]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Set inside of the namespaces, by the process that made them
    #[arg(long, hide = true)]
    inside: bool,
}

/// Measures and prints.
///
/// # Errors
/// Something cannot be built or started, or does not happen in time.
pub(crate) fn run(args: &GatewayApiArgs) -> anyhow::Result<()> {
    ensure!(args.timed > 0, "--timed: found 0, allowed: 1 or more");
    if !args.inside {
        return enter(args);
    }
    let meridian = args.meridian.as_deref().context("--inside needs --meridian")?;
    let folder = args.logs.as_deref().context("--inside needs --logs")?;
    let lab = Lab::start(meridian, folder)?;
    let mut figures = json!({"routes": args.routes});
    let edge = lab.gateway("edge")?;
    figures["live"] = live(&lab, edge, args)?;
    figures["changes"] = changes(&lab, edge, args)?;
    figures["rollover"] = rollover(&lab, args)?;
    // The last of all: new pods know only the control plane that is killed here.
    figures["leader"] = leader(&lab, edge, args)?;
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&figures)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Becomes the same command in network, mount and process namespaces of its own, which end with it.
fn enter(args: &GatewayApiArgs) -> anyhow::Result<()> {
    let meridian = args.meridian.clone().map_or_else(super::process::build_meridian, Ok)?;
    let logs = args.logs.clone().map_or_else(|| crate::workspace::programs("bench-gateway-api"), Ok)?;
    let logs = crate::conformance::fresh(&logs)?;
    crate::setup::kubernetes::build()?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]);
    command.arg(std::env::current_exe().context("cannot find this program")?);
    command.args(std::env::args_os().skip(1)).arg("--inside");
    if args.meridian.is_none() {
        command.arg("--meridian").arg(meridian.canonicalize().with_context(|| meridian.display().to_string())?);
    }
    if args.logs.is_none() {
        command.arg("--logs").arg(&logs);
    }
    println!("logs in {}", logs.display());
    Err(command.exec()).context("cannot start unshare")
}

/// Loads the routes, and times one more again and again.
fn live(lab: &Lab, edge: SocketAddr, args: &GatewayApiArgs) -> anyhow::Result<serde_json::Value> {
    lab.services()?;
    let start = Instant::now();
    lab.routes(0..args.routes)?;
    let mut requests = Client::connect(edge, PATIENCE)?;
    if let Some(last) = args.routes.checked_sub(1) {
        answered(&mut requests, last, 200)?;
    }
    let load = start.elapsed();
    let mut api = lab.api()?;
    let (mut live, mut gone) = (Vec::new(), Vec::new());
    for route in args.routes..args.routes + args.timed {
        let start = Instant::now();
        lab::create(&mut api, objects::ROUTES, &objects::route(route, "edge"))?;
        answered(&mut requests, route, 200)?;
        live.push(start.elapsed());
        let start = Instant::now();
        lab::delete(&mut api, &format!("{}/{}", objects::ROUTES, objects::route_name(route)))?;
        answered(&mut requests, route, 404)?;
        gone.push(start.elapsed());
    }
    println!("{} routes live in {:.1} s", args.routes, load.as_secs_f64());
    for (what, times) in [("live", &live), ("gone", &gone)] {
        let (median, p99) = (milliseconds(median(times)), milliseconds(percentile(times, 99)));
        println!("{what}: median {median:.1} ms, p99 {p99:.1} ms ({} times)", times.len());
    }
    let both = |times: &[Duration]| json!({"median_milliseconds": milliseconds(median(times)), "p99_milliseconds": milliseconds(percentile(times, 99))});
    Ok(json!({"load_seconds": load.as_secs_f64(), "live": both(&live), "gone": both(&gone)}))
}

/// Asks until the host of a route is answered with `status`.
fn answered(requests: &mut Client, route: usize, status: u16) -> anyhow::Result<()> {
    let host = objects::host(route);
    let start = Instant::now();
    while requests.get(&host, "/status/200")?.status != status {
        ensure!(start.elapsed() < PATIENCE, "{host} does not answer {status} within {PATIENCE:?}");
    }
    Ok(())
}

/// Requests to a route that stays, while others come and go.
fn changes(lab: &Lab, edge: SocketAddr, args: &GatewayApiArgs) -> anyhow::Result<serde_json::Value> {
    let traffic = Traffic::start(lab, vec![("edge".into(), edge, objects::host(0))])?;
    let mut api = lab.api()?;
    let first = args.routes + args.timed;
    for route in first..first + args.changes / 2 {
        lab::create(&mut api, objects::ROUTES, &objects::route(route, "edge"))?;
        lab::delete(&mut api, &format!("{}/{}", objects::ROUTES, objects::route_name(route)))?;
    }
    Ok(traffic.end(&format!("{} changes of routes", args.changes))?.to_json())
}

/// Kills the control plane that leads; another one takes over.
fn leader(lab: &Lab, edge: SocketAddr, args: &GatewayApiArgs) -> anyhow::Result<serde_json::Value> {
    let traffic = Traffic::start(lab, vec![("edge".into(), edge, objects::host(0))])?;
    lab.kill_leader()?;
    let start = Instant::now();
    let mut api = lab.api()?;
    let route = args.routes + args.timed + args.changes;
    lab::create(&mut api, objects::ROUTES, &objects::route(route, "edge"))?;
    let path = format!("{}/{}", objects::ROUTES, objects::route_name(route));
    while !lab::get(&mut api, &path)?["status"]["parents"].to_string().contains("Accepted") {
        ensure!(start.elapsed() < PATIENCE, "no control plane took over within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let handed_over = start.elapsed();
    println!("leader killed: the next one wrote a status after {:.1} s", handed_over.as_secs_f64());
    let mut figures = traffic.end("the end of the leader")?.to_json();
    figures["handed_over_seconds"] = handed_over.as_secs_f64().into();
    Ok(figures)
}

/// Rolls the Deployments of all Gateways over, at once.
fn rollover(lab: &Lab, args: &GatewayApiArgs) -> anyhow::Result<serde_json::Value> {
    let names: Vec<_> = (0..args.gateways).map(|index| format!("gateway-{index}")).collect();
    let mut api = lab.api()?;
    for name in &names {
        lab::create(&mut api, objects::GATEWAYS, &objects::gateway(name))?;
        lab::create(&mut api, objects::ROUTES, &objects::route_of(name))?;
    }
    let mut targets = Vec::new();
    for name in &names {
        let address = lab.programmed(&mut api, name)?;
        targets.push((name.clone(), address, objects::host_of(name)));
    }
    let traffic = Traffic::start(lab, targets)?;
    let deployments: Vec<_> = names.iter().map(|name| format!("deployment/{name}-meridian")).collect();
    for verb in ["restart", "status"] {
        for deployment in &deployments {
            lab.kubectl(&["rollout", verb, deployment, "--timeout=300s"][..if verb == "status" { 4 } else { 3 }])?;
        }
    }
    // The old pods have left when their time is over.
    std::thread::sleep(Duration::from_secs(10));
    Ok(traffic.end(&format!("{} Gateways rolled over", args.gateways))?.to_json())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Does `what` until it gives something.
fn until<T>(what: &str, mut attempt: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("{what}: not within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The path as text, for scripts.
fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}
