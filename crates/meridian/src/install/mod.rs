//! `meridian install` and `meridian uninstall`: an installation on Kubernetes.

use crate::client::output;
use crate::input;
use anyhow::{anyhow, bail};
use meridian_install::{Change, NAMESPACE, Profile, Setting, Values};
use meridian_resources::yaml;
use serde_json::Value;
use std::path::PathBuf;

/// Where the API server is
#[derive(clap::Args, Debug)]
pub(crate) struct Target {
    /// The kubeconfig [default: as kubectl: $KUBECONFIG, ~/.kube/config, or the pod's own]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// What to do
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Make the API server have the objects of the installation
    Apply,
}

/// Options of `meridian install`
#[derive(clap::Args, Debug)]
#[command(
    group(clap::ArgGroup::new("what").required(true).args(["action", "dry_run"])),
    after_help = "Examples:
  meridian install --dry-run | kubectl apply -f -
  meridian install apply --profile minimal
  meridian install apply -f values.yaml --set image.tag=v1 --set gateways.istio-ingressgateway.type=NodePort"
)]
pub(crate) struct InstallArgs {
    /// What to do
    #[arg(value_enum)]
    action: Option<Action>,

    /// Print the objects as YAML, and ask no API server
    #[arg(long)]
    dry_run: bool,

    /// The values to begin with: default (the control plane, injection, an ingress gateway) or minimal (the control
    /// plane alone)
    #[arg(long, value_name = "NAME", default_value = "default")]
    profile: Profile,

    /// Values in YAML; repeat for several, of which later ones win; - is standard input
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    files: Vec<String>,

    /// One value, such as image.tag=v1, over all files; repeat for several
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<Setting>,

    /// Make objects ours that are there and that somebody else has made
    #[arg(long, conflicts_with = "dry_run")]
    take_over: bool,

    #[command(flatten)]
    target: Target,
}

/// Options of `meridian uninstall`
#[derive(clap::Args, Debug)]
pub(crate) struct UninstallArgs {
    /// Also delete the definitions of kinds and the namespace that were installed, with every object in them
    #[arg(long)]
    purge: bool,

    #[command(flatten)]
    target: Target,
}

/// Prints the objects of an installation, or brings them to the API server.
///
/// # Errors
/// A value is wrong, somebody else's object is in the way, or the API server does not do what it is asked for.
pub(crate) async fn install(args: InstallArgs) -> anyhow::Result<()> {
    let files = values_files(&args.files)?;
    let values = Values::new(args.profile, NAMESPACE, &files, &args.settings)?;
    let objects = meridian_install::manifests(&values);
    if args.dry_run {
        let documents: Vec<_> = objects.iter().map(yaml::emit).collect();
        return output::print(&documents.join("---\n"));
    }
    let client = args.target.client().await?;
    meridian_install::apply(&client, NAMESPACE, &objects, args.take_over, &mut tell).await?;
    Ok(())
}

/// Takes an installation away.
///
/// # Errors
/// The API server does not do what it is asked for.
pub(crate) async fn uninstall(args: UninstallArgs) -> anyhow::Result<()> {
    let client = args.target.client().await?;
    let mut found = false;
    let mut tell_and_note = |change| {
        found = true;
        tell(change);
    };
    meridian_install::uninstall(&client, NAMESPACE, args.purge, &mut tell_and_note).await?;
    if found {
        return Ok(());
    }
    output::print("nothing here was installed by `meridian install`\n")
}

/// Says what became of an object. That nobody can hear it is no reason to stop halfway.
fn tell(change: Change) {
    if let Err(error) = output::print(&format!("{change}\n")) {
        tracing::debug!(%error, "cannot say what became of an object");
    }
}

impl Target {
    async fn client(&self) -> anyhow::Result<meridian_install::Client> {
        let connection = meridian_kube::connect_as_kubectl(self.kubeconfig.as_deref(), self.context.as_deref()).await?;
        Ok(connection.client().clone())
    }
}

/// The documents of values files; a file without a document says nothing.
fn values_files(names: &[String]) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for file in input::read(names)? {
        let documents = yaml::values(&file.text, &file.name);
        if documents.len() > 1 {
            bail!("{}: {} documents, allowed: one", file.name, documents.len());
        }
        for document in documents {
            let document = document.map_err(|error| anyhow!("{error}"))?;
            if !document.is_null() {
                all.push(document);
            }
        }
    }
    Ok(all)
}
