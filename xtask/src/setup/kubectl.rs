//! Building `kubectl` from its Go modules, for the distribution has none that is recent enough.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use super::{cache, find, own_programs};
use crate::workspace;

/// The release of the modules: Kubernetes 1.32, which the tests are written against.
const RELEASE: &str = "0.32.9";

const MAIN: &str = "package main

import (
\t\"k8s.io/component-base/cli\"
\t\"k8s.io/kubectl/pkg/cmd\"
\t\"k8s.io/kubectl/pkg/cmd/util\"
)

func main() {
\tif err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
\t\tutil.CheckErr(err)
\t}
}
";

/// Builds `kubectl` into our own folder of programs.
///
/// # Errors
/// When there is no Go, or the build fails.
pub(super) fn build() -> anyhow::Result<()> {
    if find("go").is_none() {
        bail!(
            "kubectl is missing, and so is Go to build it with; install kubectl 1.32, or Go 1.23 or newer from https://go.dev/dl"
        );
    }
    let (source, programs) = (cache()?.join("kubectl-source"), own_programs()?);
    for folder in [&source, &programs] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(source.join("main.go"), MAIN)?;
    let modules = ["k8s.io/kubectl", "k8s.io/component-base"].map(|module| format!("require {module} v{RELEASE}\n"));
    fs::write(source.join("go.mod"), format!("module kubectl\n\ngo 1.23.0\n\n{}", modules.concat()))?;
    println!("building kubectl 1.32 from its Go modules, which takes some minutes");
    let go =
        |words: &[&str]| workspace::run(Command::new("go").args(words).current_dir(&source).env("CGO_ENABLED", "0"));
    go(&["mod", "tidy"])?;
    let version = RELEASE.replacen('0', "v1", 1);
    let names = "k8s.io/component-base/version";
    let flags = format!("-s -w -X {names}.gitVersion={version} -X {names}.gitMajor=1 -X {names}.gitMinor=32");
    go(&["build", "-trimpath", "-ldflags", &flags, "-o", "kubectl", "."])?;
    // Renamed at the end, so that an interrupted build leaves no half of a program.
    let program = programs.join("kubectl");
    fs::rename(source.join("kubectl"), &program).with_context(|| program.display().to_string())?;
    println!("kubectl is in {}; put that folder into PATH to use it yourself", programs.display());
    Ok(())
}
