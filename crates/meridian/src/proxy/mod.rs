//! `meridian gateway` and `meridian sidecar`: proxies that are processes of their own and get their configurations from
//! a control plane.

mod agent;
mod args;
mod credentials;
mod shell;

pub(crate) use args::{GatewayArgs, SidecarArgs};

use crate::logging;
use args::ProxyArgs;
use credentials::Credentials;
use meridian_discovery::client::{self, Phase, StateDir};
use meridian_discovery::{Node, NodeType};
use meridian_ir::name_table::SearchDomain;
use meridian_proxy::dns_proxy::DnsOptions;
use meridian_proxy::{Proxy, ProxyOptions};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Runs a gateway until SIGINT or SIGTERM.
///
/// # Errors
/// Something cannot be had at the start: an address, a file, a folder. The message names it and a remedy.
pub(crate) fn run_gateway(args: GatewayArgs) -> anyhow::Result<()> {
    run(args.proxy, NodeType::Router)
}

/// Runs a sidecar, likewise.
///
/// # Errors
/// See [`run_gateway`].
pub(crate) fn run_sidecar(args: SidecarArgs) -> anyhow::Result<()> {
    use_small_pages();
    run(args.proxy, NodeType::Sidecar)
}

/// There is a sidecar beside every workload: a few allocations of each of its threads must not take 2 MB each, which is
/// what the allocator asks the kernel for otherwise.
fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "the kernel may use huge pages");
    }
}

fn run(args: ProxyArgs, node_type: NodeType) -> anyhow::Result<()> {
    logging::start(&args.log_level)?;
    if let Some(parent) = args.with_parent {
        end_with(parent)?;
    }
    let credentials = Credentials::of(&args)?;
    let node = node(&args, node_type, args.all_labels()?);
    let state = args.state.as_deref().map(StateDir::open).transpose()?;
    // Before anything is asynchronous: a proxy has threads of its own, which end where they began.
    let handle = Arc::new(Proxy::start(options(&args, &node))?);
    tracing::info!(node = node.id, control_plane = %args.discovery, "started");
    let options = client::Options {
        target: args.discovery.clone(),
        node,
        tls: None,
        own: None,
        state,
        phase: watch::channel(Phase::Disconnected).0,
    };
    crate::block_on(async {
        let (stop, stopped) = watch::channel(false);
        let options = credentials.start(options)?;
        let following = tokio::spawn(client::run(options, shell::apply(handle.clone()), stopped));
        let mut signals = Signals::new()?;
        let quit = match agent_place(&args) {
            Some(place) => agent::start(place).await?,
            None => Arc::default(),
        };
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = quit.notified() => "/quitquitquit",
        };
        if !args.drain_delay.is_zero() {
            tracing::info!(signal, delay = ?args.drain_delay, "will stop: not ready any more, and still accepting");
            handle.announce_stop();
            tokio::select! {
                () = tokio::time::sleep(args.drain_delay) => {}
                again = signals.next() => tracing::info!(signal = again, "told again: no longer waiting"),
            }
        }
        tracing::info!(signal, "stopping: no new connections, open requests may end");
        stop.send_replace(true);
        following.await?;
        // Whoever applied configurations has ended: this is the last one who holds it.
        if let Ok(handle) = Arc::try_unwrap(handle) {
            handle.drain_and_stop(args.drain_time).await;
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// Has the kernel tell this process to stop when its parent ends, however that happens.
fn end_with(parent: u32) -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    // It may have ended before that.
    let is_alive = rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get().cast_unsigned() == parent);
    anyhow::ensure!(is_alive, "the process {parent} that started this one has ended");
    Ok(())
}

/// Where the agent is, if there is to be one.
fn agent_place(args: &ProxyArgs) -> Option<agent::Place> {
    let workload = args.ip.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Some(agent::Place { listen: args.status()?, workload, readiness: args.readiness(), metrics: args.metrics() })
}

fn node(args: &ProxyArgs, node_type: NodeType, labels: BTreeMap<String, String>) -> Node {
    let first = args.ip.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut node = Node::new(node_type, &args.name, &args.namespace, first);
    node.addresses.clone_from(&args.ip);
    node.service_account = args.service_account.clone().unwrap_or_else(|| match node_type {
        NodeType::Router => args.name.clone(),
        NodeType::Sidecar => "default".to_owned(),
    });
    node.labels = labels;
    node.cluster.clone_from(&args.cluster);
    node.locality.clone_from(&args.locality);
    node.dns_capture = args.dns_capture;
    node
}

fn options(args: &ProxyArgs, node: &Node) -> ProxyOptions {
    let mut options = ProxyOptions::new(&args.name);
    if let Some(threads) = args.threads {
        options.threads = threads.into();
    }
    options.address = args.bind();
    options.admin = Some(args.admin());
    options.readiness = Some(args.readiness());
    options.metrics = Some(args.metrics());
    options.dns = args.dns_capture.then(|| DnsOptions {
        listen: args.dns,
        search: SearchDomain::parse(node.domain()),
        name_servers: None,
    });
    options.access_log_file.clone_from(&args.access_log);
    options.drain_time = args.drain_time;
    options.metric_labels = metric_labels(node);
    options.node_id = Some(node.id.clone());
    options.config_dump = Arc::new(meridian_xds::config_dump);
    options
}

/// Who the proxy is in metrics (Istio's labels).
fn metric_labels(node: &Node) -> Vec<(String, String)> {
    let label = |names: &[&str]| names.iter().find_map(|name| node.labels.get(*name)).cloned();
    let app = label(&["app"]).unwrap_or_else(|| node.name.clone());
    let canonical = label(&["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]);
    [
        ("source_workload", app.clone()),
        ("source_workload_namespace", node.namespace.clone()),
        ("source_app", app.clone()),
        ("source_canonical_service", canonical.unwrap_or(app)),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .to_vec()
}

/// The signals that stop a process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
