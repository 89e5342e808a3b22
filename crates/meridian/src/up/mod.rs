//! `meridian up`: the API, the control plane and the gateways in one process.

mod args;
mod banner;
mod data;
mod debug;
mod demo;
mod discovery;
mod gateway;
mod kubernetes;
mod local;
mod node_ports;
mod pods;

pub(crate) use args::{ControlPlaneArgs, UpArgs, seconds};
pub(crate) use discovery::issue;

use crate::logging;
use crate::proxy_status::Fleet;
use crate::webhook;
use anyhow::Context;
use args::GatewayPlan;
use gateway::Gateway;
use meridian_apiserver::{Api, Options, Security, Server, TokenFile, Tokens};
use meridian_control::mesh::{MeshFile, MeshSources};
use meridian_control::{
    Cluster, ConfigDir, ControlPlane, Discovery, Installation, LocalGateways, ProxyFeed, Registry, standalone,
};
use meridian_identity::{CertificateService, MeshAuthority};
use meridian_store::Store;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// Something cannot be had at the start: a folder, an address, the store. The message names it and a remedy.
pub(crate) fn run(args: UpArgs) -> anyhow::Result<()> {
    let plans = args::gateway_plans(&args)?;
    let debug = plans.first().map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 15014)), |first| first.control_plane);
    start(args, plans, debug, Installation::default())
}

/// `meridian control-plane`: the same without gateways; or without an API, beside that of Kubernetes.
///
/// # Errors
/// See [`run`].
pub(crate) fn run_control_plane(args: ControlPlaneArgs) -> anyhow::Result<()> {
    if let Some(target) = kubernetes::Target::of(&args.kubernetes, &args.control) {
        args.kubernetes.check()?;
        logging::start(&kubernetes::log_filter(&args.control.log_level))?;
        return crate::block_on(kubernetes::serve(args, target));
    }
    let none = UpArgs {
        control: args.control,
        threads: None,
        demo: false,
        gateways: Vec::new(),
        gateway_addresses: None,
        access_logs: None,
        drain_time: std::time::Duration::ZERO,
    };
    start(none, Vec::new(), args.debug, args.pods.installation())
}

fn start(args: UpArgs, plans: Vec<GatewayPlan>, debug: SocketAddr, installation: Installation) -> anyhow::Result<()> {
    logging::start(&args.control.log_level)?;
    let data = data::folder(args.control.data.as_deref())?;
    if let Some(dir) = &args.access_logs {
        std::fs::create_dir_all(dir).with_context(|| format!("--access-logs {}", dir.display()))?;
    }
    let store = Store::open(&data)?;
    // Before anything is asynchronous: a proxy has threads of its own, which end where they began.
    let started: Vec<_> = plans.iter().map(|plan| gateway::start(plan.clone(), &args)).collect::<Result<_, _>>()?;
    let (gateways, feeds) = started.into_iter().unzip();
    crate::block_on(serve(args, gateways, feeds, Place { data, debug, installation }, store))
}

/// Where what belongs to the whole process is.
struct Place {
    data: PathBuf,
    debug: SocketAddr,
    installation: Installation,
}

async fn serve(
    args: UpArgs,
    gateways: Vec<Gateway>,
    feeds: Vec<ProxyFeed>,
    place: Place,
    store: Store,
) -> anyhow::Result<()> {
    let Place { data, debug, installation } = place;
    let control = &args.control;
    let listener = TcpListener::bind(control.api)
        .await
        .with_context(|| format!("the API cannot listen on {}; choose another with --api", control.api))?;
    let api_address = listener.local_addr()?;
    let server = Server::new(store, Options::default()).await?;
    let api = server.api().clone();
    let pki = data::open_pki(&data, api_address, &control.api_names)?;
    let tokens = control.token_auth_file.as_deref().map(TokenFile::read).transpose().context("--token-auth-file")?;
    let security = Security { pki: pki.clone(), tokens: tokens.unwrap_or_default() };
    let written = data::write_kubeconfig(&data, api_address, &pki)?;
    let kubeconfig = written.path.clone();

    let plans: Vec<GatewayPlan> = gateways.iter().map(|gateway| gateway.plan.clone()).collect();
    let identities: Vec<standalone::Gateway> = plans.iter().map(GatewayPlan::identity).collect();
    standalone::prepare(&api, &identities).await?;
    standalone::announce(&api, debug).await?;
    let mut config_dir = open_config_dir(control.config.as_deref(), &api)?;
    if let Some(dir) = &mut config_dir {
        dir.sync().await;
    }
    let demo = if args.demo { Some(demo::start(&api).await?) } else { None };

    let (stop, stopped) = watch::channel(false);
    let (registry, authority) = (Registry::default(), MeshAuthority::default());
    let at = |given: Option<SocketAddr>, port| given.unwrap_or(SocketAddr::new(loopback(debug.ip()), port));
    let ports = discovery::Ports {
        plain: at(control.xds, 15010),
        tls: at(control.xds_tls, 15012),
        namespace: standalone::NAMESPACE.to_owned(),
        certificates: CertificateService::new(authority.clone(), Arc::new(Tokens::new(api.clone()))),
        authority,
    };
    let xds = [ports.plain, ports.tls];
    let mut discovery = discovery::start(ports, registry.clone(), stopped.clone())?;
    let mesh_file = control.mesh_config.as_deref().map(MeshFile::open).transpose().context("--mesh-config")?;
    discovery.installation = installation;
    discovery.mesh = MeshSources::new(mesh_file, control.settings.clone());
    let health = debug::Health { in_step: discovery.in_step.subscribe(), leads: None, requests: None };
    let local = local::options(&args, &plans, xds[0], debug)?.map(LocalGateways::new);
    if let Some(listen) = control.injection {
        webhook::start(listen, &mut discovery, None).await?;
    }
    let fleet = Fleet { local: gateways.iter().map(Gateway::progress).collect(), registry };
    let debug = debug::start(debug, fleet, health).await?;

    let mut running = tokio::task::JoinSet::new();
    let (ready, mut all_ready) = mpsc::channel(1);
    for gateway in gateways {
        let (mut stopped, ready) = (stopped.clone(), ready.clone());
        running.spawn(async move { gateway.run(&mut stopped, args.drain_time, ready).await });
    }
    drop(ready);
    let (mut until_stopped, pods) = (stopped.clone(), standalone::keep(api.clone(), identities.clone()));
    running.spawn(async move {
        tokio::select! {
            () = pods => {}
            _ = until_stopped.wait_for(|stop| *stop) => {}
        }
    });
    running.spawn(node_ports::serve(api.clone(), identities, stopped.clone()));
    if let Some((local, handle)) = local {
        discovery.local = Some(handle);
        running.spawn(local.run(Cluster::embedded(&api), stopped.clone()));
    }
    let followed = api.clone();
    let control_plane = start_control_plane(move || Cluster::embedded(&followed), feeds, discovery, stopped.clone())?;
    if let Some(dir) = config_dir {
        tokio::spawn(dir.follow());
    }
    let mut api_stopped = stopped.clone();
    let renewal = tokio::spawn(data::keep_kubeconfig(written, data.clone(), api_address, pki));
    let serving = tokio::spawn(server.serve_tls(listener, security, async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = api_stopped.wait_for(|stop| *stop).await;
    }));
    // Nothing is ever sent: the channel closes when every gateway runs its first configuration.
    all_ready.recv().await;
    banner::ready(&banner::Ready {
        api: api_address,
        kubeconfig: &kubeconfig,
        data: &data,
        plans: &plans,
        xds,
        demo: args.demo,
    });

    let signal = wait_for_signal().await?;
    tracing::info!(signal, "stopping: no new connections, open requests may end");
    stop.send_replace(true);
    while running.join_next().await.is_some() {}
    renewal.abort();
    serving.await??;
    drop((api, demo, debug));
    if control_plane.join().is_err() {
        tracing::error!("the control plane ended with a panic");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The address itself where it is one of this machine only.
fn loopback(address: IpAddr) -> IpAddr {
    if address.is_loopback() { address } else { Ipv4Addr::LOCALHOST.into() }
}

fn open_config_dir(dir: Option<&Path>, api: &Api) -> anyhow::Result<Option<ConfigDir>> {
    Ok(dir.map(|dir| ConfigDir::open(dir, api.clone())).transpose()?)
}

/// The control plane has a thread of its own, so that translating never delays an answer of the API. What it asks of an
/// API of this process is answered on that thread, too. It ends when `stopped` says so.
fn start_control_plane(
    cluster: impl FnOnce() -> Cluster + Send + 'static,
    feeds: Vec<ProxyFeed>,
    discovery: Discovery,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                () = ControlPlane::new(cluster(), feeds, discovery).run() => {}
                // An error means that the sender is gone, which is a stop too.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    };
    Ok(std::thread::Builder::new().name("control-plane".into()).spawn(run)?)
}

async fn wait_for_signal() -> anyhow::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}
