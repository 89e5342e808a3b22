//! Building a real Kubernetes API server and what belongs to it, from their Go modules.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use super::{cache, find};
use crate::workspace;

/// The folder with the scripts that build and run it.
///
/// # Errors
/// It is not beside the workspace.
pub(crate) fn scripts() -> anyhow::Result<PathBuf> {
    let shared = env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace::root().join("../shared"), PathBuf::from);
    let scripts = shared.join("kubernetes");
    if !scripts.join("build.sh").is_file() {
        bail!("there is no {}; set MERIDIAN_SHARED to the folder of the shared references", scripts.display());
    }
    Ok(scripts)
}

/// The folder of the programs.
///
/// # Errors
/// There is no cache folder.
pub(crate) fn programs() -> anyhow::Result<PathBuf> {
    Ok(cache()?.join("kube-bin"))
}

/// Builds what is not there yet: etcd, kube-apiserver, kube-controller-manager, a node that runs pods as processes, and
/// the conformance suite of Gateway API with its echo server.
///
/// # Errors
/// There is no Go, the scripts are not beside the workspace, or a build fails.
pub(crate) fn build() -> anyhow::Result<()> {
    if find("go").is_none() {
        bail!("there is no Go to build kube-apiserver with; install Go 1.26 or newer from https://go.dev/dl");
    }
    workspace::run(Command::new(scripts()?.join("build.sh")).env("KUBE_BIN", programs()?))
        .context("cannot build a Kubernetes API server")
}
