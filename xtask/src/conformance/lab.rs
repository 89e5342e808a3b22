//! The lab: a real Kubernetes API, pods as processes, and Meridian's control plane beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::setup;

/// The GatewayClass under test.
pub(super) const CLASS: &str = "meridian";
/// An address that a Gateway can be given here.
pub(super) const USABLE_ADDRESS: &str = "10.244.250.1";
/// One that it cannot: it is for documentation (RFC 5737), so nobody has it.
pub(super) const UNUSABLE_ADDRESS: &str = "192.0.2.1";
/// Where pods find the control plane: the host's side of their bridge.
const DISCOVERY: &str = "10.244.0.1:15012";

/// The kubeconfig of the control plane, in the folder of the run.
const KUBECONFIG: &str = "istiod.kubeconfig";

/// What a run needs.
#[derive(Debug)]
pub(crate) struct Lab {
    meridian: PathBuf,
    scripts: PathBuf,
    programs: PathBuf,
    path: std::ffi::OsString,
}

impl Lab {
    /// Builds the tools, as far as they are not there.
    ///
    /// # Errors
    /// There is no root, no Go or no kubectl, the scripts are not beside the workspace, or a build fails.
    pub(crate) fn build(meridian: &Path) -> anyhow::Result<Lab> {
        let root = Command::new("id").arg("-u").output().context("cannot start id")?;
        ensure!(root.stdout == b"0\n", "the lab needs network and mount namespaces: run it as root");
        ensure!(setup::find("kubectl").is_some(), "there is no kubectl; run `cargo xtask setup`");
        setup::kubernetes::build()?;
        let (scripts, programs) = (setup::kubernetes::scripts()?, setup::kubernetes::programs()?);
        Ok(Lab { meridian: meridian.to_owned(), scripts, programs, path: setup::path()? })
    }

    /// Runs the suite with `flags` and its logs in `folder`; whether its exit status was 0.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn run(&self, folder: &Path, flags: &[String]) -> anyhow::Result<bool> {
        let status = self
            .command(folder)
            .args(flags)
            .status()
            .with_context(|| format!("cannot start {}", self.scripts.join("conformance.sh").display()))?;
        Ok(status.success())
    }

    fn command(&self, folder: &Path) -> Command {
        let meridian = self.meridian.display();
        let mut command = Command::new(self.scripts.join("conformance.sh"));
        command
            .env("KUBE_BIN", &self.programs)
            .env("PATH", &self.path)
            .env("WORK", folder)
            .env("CLASS", CLASS)
            .env("IMAGES", format!("meridian=exec '{meridian}'"))
            // CoreDNS has its settings at /root, where our programs may lie; its stand-in reads none.
            .env("BARE", "coredns")
            .env("SETUP", install_script(&self.meridian))
            .env("CONTROLLER", self.controller());
        command
    }

    /// The control plane, in the root of the namespaces.
    fn controller(&self) -> String {
        format!(
            "'{}' control-plane --kubeconfig {KUBECONFIG} --xds-tls 0.0.0.0:15012 --discovery-address {DISCOVERY} \
             --gateway-addresses {USABLE_ADDRESS}",
            self.meridian.display()
        )
    }
}

/// Runs once the API answers: installs Meridian as a user would, makes a kubeconfig with the token of the control
/// plane's service account, so that it has the rights of the installation and no others, and notes what is said of
/// the GatewayClass. The Deployment has no pods: the control plane runs beside them, where it has a known address.
pub(crate) fn install_script(meridian: &Path) -> String {
    let meridian = meridian.display();
    format!(
        r#"set -e
'{meridian}' install apply --profile minimal --set replicas=0 --set discoveryAddress={DISCOVERY}
token=$(kubectl create token istiod --namespace istio-system --duration 24h)
cp "$KUBECONFIG" {KUBECONFIG}
export KUBECONFIG=$PWD/{KUBECONFIG}
kubectl config set-credentials istiod --token "$token"
kubectl config set-context --current --user istiod
kubectl config delete-user user
chmod 600 {KUBECONFIG}
export KUBECONFIG=$PWD/kube/kubeconfig
kubectl get gatewayclasses --watch --output json >gatewayclasses.json 2>/dev/null &"#
    )
}

/// An empty folder.
///
/// # Errors
/// It cannot be made, or what an earlier run left cannot be removed.
pub(crate) fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    folder.canonicalize().with_context(|| folder.display().to_string())
}
