//! `meridian control-plane` beside a real Kubernetes API: there is no store, and no API of its own.

use super::args::{ControlArgs, ControlPlaneArgs, KubernetesArgs};
use super::{debug, discovery, loopback, start_control_plane, wait_for_signal};
use crate::proxy_status::Fleet;
use crate::webhook;
use anyhow::Context;
use meridian_control::mesh::{MeshFile, MeshSources};
use meridian_control::{Cluster, KubernetesTokens, Registry};
use meridian_identity::{CertificateService, MeshAuthority};
use meridian_kube::{Client, Election, Leadership};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where a pod finds the token of its service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The Lease of the control plane that writes.
const LEASE: &str = "meridian-leader";

/// The client's own log tells of every failed request as of an error, though it is tried again and told of here.
const QUIET: &str = "kube_client=off,kube_runtime=off,tower=off,hyper=off,hyper_util=off";

/// How long giving back the lease may take when the process stops.
const GOOD_BYE: Duration = Duration::from_secs(3);

/// The filter of the log for a level; one that names targets is taken as it is.
pub(super) fn log_filter(level: &str) -> String {
    if level.contains(['=', ',']) { level.to_owned() } else { format!("{level},{QUIET}") }
}

/// Which Kubernetes API is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// That of a kubeconfig; `None`: the default one.
    Kubeconfig(Option<PathBuf>),
    /// That of the cluster which this process is a pod of.
    InCluster,
}

impl Target {
    /// The API that the options mean, or the surroundings; `None`: the embedded one.
    pub(super) fn of(kubernetes: &KubernetesArgs, control: &ControlArgs) -> Option<Target> {
        let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && Path::new(TOKEN).is_file();
        match &kubernetes.kubeconfig {
            Some(file) => Some(Target::Kubeconfig(file.clone())),
            None => (in_pod && control.data.is_none()).then_some(Target::InCluster),
        }
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        Ok(match self {
            Target::Kubeconfig(file) => Client::from_kubeconfig(file.as_deref()).await.context("--kubeconfig")?,
            Target::InCluster => Client::in_cluster()?,
        })
    }
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// Something cannot be had at the start: the kubeconfig, an address. An API server that does not answer yet is waited
/// for.
pub(super) async fn serve(args: ControlPlaneArgs, target: Target) -> anyhow::Result<()> {
    let client = target.connect().await?;
    let leadership = client.elect(args.kubernetes.election());
    let cluster = Cluster::kubernetes(client.clone(), leadership.leads());

    let (stop, stopped) = watch::channel(false);
    let (registry, authority) = (Registry::default(), MeshAuthority::default());
    let namespace = args.kubernetes.namespace.clone();
    let (control, debug_address) = (&args.control, args.debug);
    let at = |given: Option<SocketAddr>, port| given.unwrap_or(SocketAddr::new(loopback(debug_address.ip()), port));
    let ports = discovery::Ports {
        plain: at(control.xds, 15010),
        tls: at(control.xds_tls, 15012),
        namespace: namespace.clone(),
        certificates: CertificateService::new(authority.clone(), Arc::new(KubernetesTokens::new(client.clone()))),
        authority,
    };
    let mut discovery = discovery::start(ports, registry.clone(), stopped.clone())?;
    discovery.installation = args.pods.installation();
    let mesh_file = control.mesh_config.as_deref().map(MeshFile::open).transpose().context("--mesh-config")?;
    discovery.mesh = MeshSources::new(mesh_file, control.settings.clone());
    discovery.mesh.namespace = namespace.into();
    if let Some(listen) = control.injection {
        webhook::start(listen, &mut discovery, Some(cluster.clone())).await?;
    }
    let health = debug::Health {
        in_step: discovery.in_step.subscribe(),
        leads: Some(leadership.leads()),
        requests: Some(client.requests().clone()),
    };
    let mut in_step = discovery.in_step.subscribe();
    let debug = debug::start(debug_address, Fleet { local: Arc::default(), registry }, health).await?;
    let control_plane = start_control_plane(move || cluster, Vec::new(), discovery, stopped)?;
    tracing::info!("reading the objects of the Kubernetes API");
    let ready = async {
        // An error means that the control plane has ended, which the signal below does not wait for.
        if in_step.wait_for(|in_step| *in_step).await.is_ok() {
            tracing::info!("ready: everything has been read once");
        }
        std::future::pending::<()>().await;
    };
    let signal = tokio::select! {
        signal = wait_for_signal() => signal?,
        () = ready => return Ok(()),
    };
    tracing::info!(signal, "stopping");
    good_bye(&leadership).await;
    stop.send_replace(true);
    drop((debug, control_plane));
    tracing::info!("stopped");
    Ok(())
}

/// Another control plane need not wait for the end of the lease.
async fn good_bye(leadership: &Leadership) {
    if tokio::time::timeout(GOOD_BYE, leadership.release()).await.is_err() {
        tracing::warn!("the lease could not be given back in time: another control plane leads after its end");
    }
}

impl KubernetesArgs {
    /// The election of the control plane that writes.
    fn election(&self) -> Election {
        let name = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{}-{}", host_name(), std::process::id()));
        // Two processes of one name are two candidates.
        let identity = format!("{name}_{:016x}", random());
        Election {
            lease: self.lease_duration,
            renew_deadline: self.lease_renew_deadline,
            retry: self.lease_retry_period,
            ..Election::new(&self.namespace, LEASE, identity)
        }
    }

    /// # Errors
    /// The times of the lease do not fit each other.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let (lease, renew, retry) = (self.lease_duration, self.lease_renew_deadline, self.lease_retry_period);
        if lease < Duration::from_secs(1) || lease <= renew || renew <= retry || retry.is_zero() {
            anyhow::bail!(
                "found --lease-duration {lease:?}, --lease-renew-deadline {renew:?} and --lease-retry-period {retry:?}, \
                 allowed: each shorter than the one before, and at least a second for the first, such as 15, 10 and 2"
            );
        }
        Ok(())
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "meridian".to_owned(),
        name => name.to_owned(),
    }
}

/// A number that another process does not have.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
