//! Building `h2spec`, which holds a server against the letter of HTTP/2, from its Go module.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use super::{cache, find};
use crate::workspace;

/// The module and its release.
const MODULE: &str = "github.com/summerwind/h2spec";
const RELEASE: &str = "v2.2.1+incompatible";

const MAIN: &str = "//go:build tools

package tools

import _ \"github.com/summerwind/h2spec/cmd/h2spec\"
";

/// Builds `h2spec` into the folder where the tests look for it, unless it is there.
///
/// # Errors
/// When there is no Go, or the build fails.
pub(super) fn build() -> anyhow::Result<()> {
    let (source, programs) = (cache()?.join("h2spec-source"), cache()?.join("kube-bin"));
    let program = programs.join("h2spec");
    if program.is_file() {
        return Ok(());
    }
    if find("go").is_none() {
        bail!("h2spec is missing, and so is Go to build it with; install Go 1.23 or newer from https://go.dev/dl");
    }
    for folder in [&source, &programs] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(source.join("tools.go"), MAIN)?;
    fs::write(source.join("go.mod"), format!("module h2spec\n\ngo 1.23.0\n\nrequire {MODULE} {RELEASE}\n"))?;
    println!("building h2spec 2.2.1 from its Go module");
    let go =
        |words: &[&str]| workspace::run(Command::new("go").args(words).current_dir(&source).env("CGO_ENABLED", "0"));
    go(&["mod", "tidy"])?;
    go(&["build", "-trimpath", "-ldflags", "-s -w", "-o", "h2spec", &format!("{MODULE}/cmd/h2spec")])?;
    // Renamed at the end, so that an interrupted build leaves no half of a program.
    fs::rename(source.join("h2spec"), &program).with_context(|| program.display().to_string())
}
